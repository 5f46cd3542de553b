import { readFile, writeFile } from 'node:fs/promises'
import type { BlobReader, CallOptions } from '../../../storage/blob-store.ts'
import { logKey } from '../../repository/layout.ts'
import { logReader } from '../../repository/repository-log.ts'
import { decodeBundle, maxBundleBytes } from '../../transparency/entry-bundle.ts'
import { LogError } from '../../transparency/errors.ts'
import { LogEdge } from '../../transparency/log-edge.ts'
import { decodeLogEntry, type LogEntry } from '../../transparency/log-entry.ts'
import { isSameHead, type LogHead } from '../../transparency/log-head.ts'
import { needObject, type LogObject, type ReadObject } from '../../transparency/read-object.ts'
import { entriesPath, tileWidth, tileWith } from '../../transparency/tile.ts'
import type { MirrorTarget } from './mirror-target.ts'
import { putEach } from './put-each.ts'
import type { Scratch } from './scratch.ts'

/** A part of a log that is known to be right, waiting in files of ours. */
export interface PreparedLog {
  readonly head: LogHead
  /** Those of the milestones that lie on the way to it. */
  readonly passed: readonly LogHead[]
  /** In the order in which they are to be stored: what is final first. */
  readonly objects: readonly { readonly key: string; readonly path: string }[]
  /** Of what is new. */
  readonly entries: () => AsyncGenerator<LogEntry, void, undefined>
}

export interface PrepareLogOptions extends CallOptions {
  readonly scratch: Scratch
  /** What the destination has, and how it is read there; undefined: nothing. */
  readonly from: { readonly head: LogHead; readonly read: ReadObject } | undefined
  /** Heads that the log had, of which the source also has the objects that are not full. */
  readonly milestones: readonly LogHead[]
}

/**
 * Makes the log between two heads out of the source's entries alone: what follows from these must be the head that was
 * signed, so that no tile of the source is believed or read. Throws LOG_INVALID where the source's entries do not lead to
 * the head, and LOG_FORKED where they do, and the destination's head is no beginning of that.
 */
export async function prepareLog(
  source: BlobReader,
  head: LogHead,
  options: PrepareLogOptions,
): Promise<PreparedLog> {
  const { from } = options
  if (from !== undefined && isSameHead(from.head, head))
    return { head, passed: [], objects: [], entries: noEntries }
  const edge = from === undefined ? undefined : await edgeAt(from)
  if (edge !== undefined) {
    const prepared = await extendLog(source, edge, head, options)
    if (prepared !== undefined) return prepared
  }
  const prepared = await extendLog(source, LogEdge.empty(), head, options, from?.head)
  if (prepared !== undefined) return prepared
  throw new LogError(
    'LOG_INVALID',
    `${source.name}: the entries of the log do not lead to its head at ${head.size}`,
  )
}

async function* noEntries(): AsyncGenerator<LogEntry, void, undefined> {
  // The destination has them all.
}

/** Undefined where the destination has lost it: then all of it is made again. */
async function edgeAt({ head, read }: NonNullable<PrepareLogOptions['from']>): Promise<LogEdge | undefined> {
  try {
    return await LogEdge.read(head, read)
  } catch (error) {
    if (error instanceof LogError) return undefined
    throw error
  }
}

/** Undefined when it leads elsewhere. `passing`: a head that must lie on the way. */
async function extendLog(
  source: BlobReader,
  edge: LogEdge,
  head: LogHead,
  { scratch, milestones, signal }: PrepareLogOptions,
  passing?: LogHead,
): Promise<PreparedLog | undefined> {
  const objects: { key: string; path: string }[] = []
  const passed: LogHead[] = []
  const bundles: { path: string; first: number; count: number; skip: number }[] = []
  const keep = async (made: readonly LogObject[]): Promise<void> => {
    for (const { path, bytes } of made) {
      const file = scratch.newPath()
      await writeFile(file, bytes)
      objects.push({ key: logKey(path), path: file })
    }
  }
  const stops = new Map<number, LogHead[]>()
  for (const one of milestones) stops.set(one.size, [...(stops.get(one.size) ?? []), one])
  for await (const { entries, first, skip, bytes } of readEntries(source, edge.size, head.size, { signal })) {
    const path = scratch.newPath()
    await writeFile(path, bytes)
    bundles.push({ path, first, count: entries.length, skip })
    for (const [index, entry] of entries.slice(skip).entries()) {
      decodeLogEntry(entry, `entry ${first + skip + index}`)
      await keep(edge.append(entry))
      const isLast = edge.size === head.size
      const heads = isLast ? undefined : stops.get(edge.size)
      if (heads === undefined && passing?.size !== edge.size) continue
      // To know the root takes hundreds of hashes, which is nothing for a commit and too much for each entry.
      const here = edge.head(head.origin)
      if (passing?.size === edge.size && !isSameHead(passing, here)) throw forked(source, passing, head)
      if (heads?.some((stop) => isSameHead(stop, here)) !== true) continue
      passed.push(here)
      await keep(edge.partialObjects())
    }
  }
  if (!isSameHead(edge.head(head.origin), head)) return undefined
  await keep(edge.partialObjects())
  return { head, passed, objects, entries: () => decodeBundles(bundles) }
}

/** Bundle after bundle; of the first `skip` entries are known. */
async function* readEntries(
  source: BlobReader,
  start: number,
  size: number,
  options: CallOptions,
): AsyncGenerator<{
  readonly first: number
  readonly skip: number
  readonly entries: readonly Buffer[]
  readonly bytes: Buffer
}> {
  const read = logReader(source, options)
  for (let first = start - (start % tileWidth); first < size; first += tileWidth) {
    options.signal?.throwIfAborted()
    const { index, width } = tileWith(0, first, size)
    const path = entriesPath({ index, width })
    const bytes = await needObject(read, path, maxBundleBytes)
    const entries = decodeBundle(bytes, width)
    if (entries === undefined)
      throw new LogError('LOG_INVALID', `${source.name}: log/${path} is no bundle of entries`)
    yield { first, skip: Math.max(0, start - first), entries, bytes }
  }
}

async function* decodeBundles(
  bundles: readonly {
    readonly path: string
    readonly first: number
    readonly count: number
    readonly skip: number
  }[],
): AsyncGenerator<LogEntry, void, undefined> {
  for (const { path, first, count, skip } of bundles) {
    const entries = decodeBundle(await readFile(path), count) ?? []
    for (const [index, entry] of entries.entries()) {
      if (index >= skip) yield decodeLogEntry(entry, `entry ${first + index}`)
    }
  }
}

/** So many objects at the end of a log, if they can be read, show to whoever appends that all before them is there. */
const edgeObjects = 8

/** Stores what was prepared, the end of it one after another. */
export async function copyLog(target: MirrorTarget, { objects }: PreparedLog): Promise<number> {
  const start = Math.max(0, objects.length - edgeObjects)
  await putEach(target, objects.slice(0, start), async ({ key, path }) => ({
    key,
    body: await readFile(path),
  }))
  for (const { key, path } of objects.slice(start)) await target.put(key, await readFile(path))
  return objects.length
}

function forked(source: BlobReader, passing: LogHead, head: LogHead): LogError {
  const problem = `the destination's log at ${passing.size} entries, ${passing.root}, is no beginning of that of ${source.name}`
  return new LogError('LOG_FORKED', `${problem}, which leads to the signed head at ${head.size} entries`)
}
