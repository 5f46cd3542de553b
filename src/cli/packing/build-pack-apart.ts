import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { getPriority, setPriority, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { BlobStore } from '../../../storage/blob-store.ts'
import { BoundedTasks } from '../../bounded-tasks.ts'
import type { BuildPack } from '../../delivery/pack-requests.ts'
import type { ManifestRef } from '../../delivery/plan-pack.ts'
import {
  failureOf,
  type FromPackProcess,
  type StoreAnswer,
  type StoreCall,
  type ToPackProcess,
} from './messages.ts'
import { PackProcessError } from './pack-process-error.ts'

const script = fileURLToPath(new URL('pack-process.ts', import.meta.url))
/** Files are read by the four threads that libuv has: one is left for those who are served. */
const callsAtOnce = 3
/** Who asks for a pack comes with others, and they are answered in the time that a process takes to start. */
const headStartMs = 100
/** The end of what a process says before it dies is enough to see why. */
const keptCharacters = 2000

/**
 * Builds packs each in a process of its own: it plans, compares and compresses there at a low priority and with memory
 * of its own, while this one reads and writes the store for it, so that serving goes on whatever becomes of a build.
 */
export function buildPackApart(store: BlobStore, options: { readonly threads: number }): BuildPack {
  return async (from, to, signal) => {
    await sleep(headStartMs, undefined, { signal }).catch(() => signal.throwIfAborted())
    const scratch = await mkdtemp(join(tmpdir(), 'vend-packing-'))
    try {
      return await runProcess(store, { from, to, threads: options.threads }, scratch, signal)
    } finally {
      await rm(scratch, { recursive: true, force: true })
    }
  }
}

interface Order {
  readonly from: ManifestRef | undefined
  readonly to: ManifestRef
  readonly threads: number
}

async function runProcess(
  store: BlobStore,
  order: Order,
  scratch: string,
  signal: AbortSignal,
): Promise<{ readonly bytes: number; readonly isNew: boolean }> {
  const child = fork(script, [], {
    serialization: 'advanced',
    execArgv: [],
    // Neither settings nor credentials: the store is here.
    env: { PATH: process.env['PATH'], TMPDIR: scratch },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  letOthersGoBefore(child)
  const ended = endOf(child)
  const stop = (): boolean => child.kill('SIGKILL')
  signal.addEventListener('abort', stop, { once: true })
  try {
    send(child, { kind: 'order', storeName: store.name, ...order })
    return await Promise.race([outcomeOf(child, store, signal), ended])
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

function outcomeOf(
  child: ChildProcess,
  store: BlobStore,
  signal: AbortSignal,
): Promise<{ readonly bytes: number; readonly isNew: boolean }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ bytes: number; isNew: boolean }>()
  const calls = new BoundedTasks(callsAtOnce)
  child.on('message', (message: FromPackProcess) => {
    if (message.kind === 'done') resolve({ bytes: message.bytes, isNew: message.isNew })
    else if (message.kind === 'failed') {
      reject(new PackProcessError(message.failure.code ?? 'PACKING_FAILED', message.failure.message))
    } else void calls.start(async () => answer(child, message.id, performCall(store, message.call, signal)))
  })
  return promise
}

async function answer(child: ChildProcess, id: number, work: Promise<StoreAnswer>): Promise<void> {
  try {
    send(child, { kind: 'answer', id, answer: await work })
  } catch (error) {
    send(child, { kind: 'refusal', id, failure: failureOf(error) })
  }
}

async function performCall(store: BlobStore, call: StoreCall, signal: AbortSignal): Promise<StoreAnswer> {
  const { key } = call
  if (call.method === 'stat') return { info: await store.stat(key, { signal }) }
  if (call.method === 'put') {
    return { info: await store.put(key, call.body, { ...call.options, signal }) }
  }
  const { info, stream } = await store.get(key, { signal, ...(call.range && { range: call.range }) })
  return { info, bytes: joined((await stream.toArray()) as Uint8Array[]) }
}

/** Without a copy of what is one piece, as most chunks are: thousands pass, and whoever is served waits for the collector. */
function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const [first, ...others] = pieces
  return first !== undefined && others.length === 0 ? first : Buffer.concat(pieces)
}

function send(child: ChildProcess, message: ToPackProcess): void {
  // One that is gone has its end told by `endOf`.
  if (child.connected) child.send(message, () => undefined)
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
