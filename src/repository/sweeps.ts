import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import type { BlobReader, BlobStore, CallOptions } from '../../storage/blob-store.ts'
import { sweepKey, sweepPrefix } from './layout.ts'
import { readBlob } from './read-blob.ts'

/** A request to a store takes effect within so long after its sender looked at the clock, or never. */
export const maxRequestMs = 10 * 60 * 1000

/** A collector sends the deletes of a sweep within so long after it began to write the sweep's document. */
export const sweepSendMs = 5 * 60 * 1000

/** So long after its document was written nothing that is left of a sweep takes effect any more. */
export const sweepLifeMs = sweepSendMs + maxRequestMs

/** As many keys as one sweep has at the most. */
export const maxSweepKeys = 10_000

const maxDocumentBytes = maxSweepKeys * 513

/** Keys that are about to be deleted, or are being. */
export interface Sweep {
  /** Of its document. */
  readonly key: string
  /** When its document was written, by the store's clock. */
  readonly written: Date
  /** Whether a key is among them; of a document that cannot be read, every key is. */
  readonly has: (key: string) => boolean
}

/** Writes the document of a new sweep; resolves to its key. */
export async function writeSweep(
  store: BlobStore,
  keys: readonly string[],
  { signal }: CallOptions = {},
): Promise<string> {
  if (keys.length > maxSweepKeys) throw new RangeError(`a sweep of ${keys.length} keys`)
  const key = sweepKey(randomUUID())
  await store.put(key, zstdCompressSync(Buffer.from(keys.map((one) => `${one}\n`).join(''))), { signal })
  return key
}

/**
 * The sweeps that are under way, or left by collectors that died. Those that are over by now had removed what they had
 * to. To be asked after the state was read on which a commit builds, and before it is looked at what the store has.
 */
export async function readSweeps(store: BlobReader, options: CallOptions = {}): Promise<readonly Sweep[]> {
  const sweeps: Sweep[] = []
  for await (const { key, modified } of store.list(sweepPrefix, options)) {
    const blob = await readBlob(store, key, { ...options, maxBytes: maxDocumentBytes })
    if (blob !== undefined) sweeps.push({ key, written: modified, has: keysOf(blob.bytes) })
  }
  return sweeps
}

function keysOf(bytes: Buffer): Sweep['has'] {
  try {
    const text = zstdDecompressSync(bytes, { maxOutputLength: maxDocumentBytes }).toString()
    const keys = new Set(text.split('\n').filter((key) => key !== ''))
    return (key) => keys.has(key)
  } catch {
    return () => true
  }
}

/** Whether nothing of a sweep takes effect any more, though its document is there. `now`: by the store's clock. */
export function isDeadSweep({ written }: Pick<Sweep, 'written'>, now: Date): boolean {
  return now.getTime() - written.getTime() > sweepLifeMs
}

export interface AwaitOptions extends CallOptions {
  /** What the store's clock says. */
  readonly storeNow: () => Promise<Date>
  readonly onNote?: ((note: string) => void) | undefined
  readonly sleep?: (ms: number, signal: AbortSignal | undefined) => Promise<void>
}

const firstPauseMs = 250
const longestPauseMs = 10_000

/** Resolves when all of these sweeps are over or dead, in 15 minutes at the latest. */
export async function awaitSweeps(
  store: BlobReader,
  sweeps: readonly Sweep[],
  { signal, storeNow, onNote, sleep = sleepFor }: AwaitOptions,
): Promise<void> {
  let [left, pauseMs] = [sweeps, firstPauseMs]
  for (let isTold = false; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
    const now = left.length === 0 ? undefined : await storeNow()
    const states = await Promise.all(left.map(async (sweep) => store.stat(sweep.key, { signal })))
    left = left.filter((_, index) => {
      const there = states[index]
      return now !== undefined && there !== undefined && !isDeadSweep({ written: there.modified }, now)
    })
    if (left.length === 0) return
    if (!isTold) onNote?.('a garbage collection is removing something that is needed here; it is awaited')
    isTold = true
    await sleep(pauseMs, signal)
  }
}

async function sleepFor(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await delay(ms, undefined, signal === undefined ? {} : { signal })
}
