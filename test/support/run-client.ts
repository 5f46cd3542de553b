import { spawn, type ChildProcess } from 'node:child_process'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface ClientAnswer {
  readonly signal: NodeJS.Signals | null
  readonly result?: Readonly<Record<string, unknown>>
  readonly error?: { readonly code?: string; readonly message: string }
  readonly events: Readonly<Record<'phase' | 'progress' | 'change', number>>
  readonly maxRssBytes: number
}

export interface RunClientOptions {
  readonly killAt?: { readonly kind: 'phase' | 'progress' | 'change'; readonly event: number }
  /** What the client is run by, such as `setpriv …`. */
  readonly wrapper?: readonly string[]
  readonly onStart?: (child: ChildProcess) => void
}

/** Runs test/support/client-process.ts. */
export async function runClient(
  directory: string,
  command: 'update' | 'rollback' | 'repair',
  options: RunClientOptions = {},
): Promise<ClientAnswer> {
  const { killAt, wrapper = [], onStart } = options
  const script = fileURLToPath(new URL('client-process.ts', import.meta.url))
  const kill = killAt === undefined ? [] : ['--kill-on', killAt.kind, '--kill-at', String(killAt.event)]
  const [program = '', ...args] = [...wrapper, process.execPath, script, directory, command, ...kill]
  // What a killed process leaves behind goes with the test.
  const env = wrapper.length > 0 ? process.env : { ...process.env, TMPDIR: dirname(directory) }
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'inherit'] })
  onStart?.(child)
  let text = ''
  child.stdout.on('data', (piece: Buffer) => {
    text += piece.toString()
  })
  const signal = await new Promise<NodeJS.Signals | null>((resolve, reject) => {
    child.once('error', reject).once('close', (_, name) => resolve(name))
  })
  const nothing = { events: { phase: 0, progress: 0, change: 0 }, maxRssBytes: 0 }
  const answer = text === '' ? nothing : (JSON.parse(text) as Omit<ClientAnswer, 'signal'>)
  return { ...answer, signal }
}
