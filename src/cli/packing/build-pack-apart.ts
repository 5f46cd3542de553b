import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { getPriority, setPriority, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { BuildPack } from '../../delivery/pack-requests.ts'
import { traceEnvironment } from '../../tracing/trace-environment.ts'
import type { Environment } from '../setting-parsers.ts'
import type { PackOrder, PackOutcome } from './messages.ts'
import { PackProcessError } from './pack-process-error.ts'

const script = fileURLToPath(new URL('pack-process.ts', import.meta.url))
/** Who asks for a pack comes with others, and they are answered in the time that a process takes to start. */
const headStartMs = 100
/** The end of what a process says before it dies is enough to see why. */
const keptCharacters = 2000

export interface PackProcessOptions {
  /**
   * The process has all of it, being of the same user on the same machine: the store takes credentials from it, and
   * what its SDK looks at (profiles, proxies, certificates) is for the SDK to know.
   */
  readonly env: Environment
  readonly threads: number
}

/**
 * Builds packs of the store at a URL, each in a process of its own: it reads, plans, compares, compresses and stores
 * there, at a low priority and with memory of its own, so that serving goes on whatever becomes of a build. Throws the
 * signal's reason, or a PackProcessError.
 */
export function buildPackApart(storeUrl: string, { env, threads }: PackProcessOptions): BuildPack {
  return async (from, to, signal) => {
    await sleep(headStartMs, undefined, { signal }).catch(() => signal.throwIfAborted())
    const scratch = await mkdtemp(join(tmpdir(), 'vend-packing-'))
    try {
      const order = { storeUrl, from, to, threads }
      return await runProcess(order, { ...env, ...traceEnvironment(), TMPDIR: scratch }, signal)
    } finally {
      await rm(scratch, { recursive: true, force: true })
    }
  }
}

interface Built {
  readonly bytes: number
  readonly isNew: boolean
}

async function runProcess(order: PackOrder, env: Environment, signal: AbortSignal): Promise<Built> {
  // No event tells of an abort that was before.
  signal.throwIfAborted()
  const child = fork(script, [], { execArgv: [], env, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
  letOthersGoBefore(child)
  const ended = endOf(child)
  const stop = (): boolean => child.kill('SIGKILL')
  signal.addEventListener('abort', stop, { once: true })
  try {
    // One that is gone, or was never there, has its end told by `endOf`.
    if (child.connected) child.send(order, () => undefined)
    return await Promise.race([outcomeOf(child), ended])
  } catch (error) {
    signal.throwIfAborted()
    throw error
  } finally {
    signal.removeEventListener('abort', stop)
    stop()
    await ended.catch(() => undefined)
  }
}

/** At once, before it loads anything: threads have the priority that the thread which starts them has then. */
function letOthersGoBefore({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) setPriority(pid, Math.min(getPriority() + 10, 19))
  } catch {
    // It is gone already, and `endOf` says so.
  }
}

async function outcomeOf(child: ChildProcess): Promise<Built> {
  const [outcome] = (await once(child, 'message')) as [PackOutcome]
  if (outcome.kind === 'done') return { bytes: outcome.bytes, isNew: outcome.isNew }
  throw new PackProcessError(outcome.code ?? 'PACKING_FAILED', outcome.message)
}

/** Never resolves; rejects when the process has ended, for whatever reason. */
async function endOf(child: ChildProcess): Promise<never> {
  let said = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-keptCharacters)
  })
  const [code, signalName] = (await once(child, 'close')) as [number | null, string | null]
  throw new PackProcessError(
    'PACKING_FAILED',
    `the process that makes the pack ended with ${signalName ?? code}${said && `: ${said.trim()}`}`,
  )
}
