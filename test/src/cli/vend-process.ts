import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export interface Outcome {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

const launcher = fileURLToPath(new URL('../../../src/cli/vend.mjs', import.meta.url))
const clientLauncher = fileURLToPath(new URL('../../../src/cli/vend-client.mjs', import.meta.url))

export interface SpawnOptions {
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
  /** Words to put before the command: `setpriv --reuid=nobody …`. */
  readonly prefix?: readonly string[]
  readonly program?: 'vend' | 'vend-client'
}

/** The real binary as a process. Nothing of this process's environment reaches it but PATH. */
export function startVend(args: readonly string[], options: SpawnOptions): ChildProcessWithoutNullStreams {
  const script = options.program === 'vend-client' ? clientLauncher : launcher
  const [command = process.execPath, ...words] = [
    ...(options.prefix ?? []),
    process.execPath,
    script,
    ...args,
  ]
  const env = { PATH: process.env['PATH'], ...options.env }
  return spawn(command, words, { cwd: options.cwd, env })
}

export async function vend(args: readonly string[], options: SpawnOptions): Promise<Outcome> {
  return outcomeOf(startVend(args, options))
}

export async function outcomeOf(child: ChildProcessWithoutNullStreams): Promise<Outcome> {
  const { promise, resolve } = Promise.withResolvers<Outcome>()
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }))
  return promise
}

/** What a command with `--json` said. */
export function jsonOf({ stdout }: Pick<Outcome, 'stdout'>): unknown {
  return JSON.parse(stdout) as unknown
}
