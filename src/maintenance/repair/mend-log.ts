import { readFile } from 'node:fs/promises'
import type { BlobReader } from '../../../storage/blob-store.ts'
import { digestFromHex, digestOf } from '../../../manifests/digest.ts'
import { mapInOrder } from '../../map-in-order.ts'
import { earlierHeads } from '../../repository/earlier-lists.ts'
import { isDamage } from '../../repository/is-damage.ts'
import { checkpointKey, targetKey } from '../../repository/layout.ts'
import { readBlob } from '../../repository/read-blob.ts'
import { listedIn, logHeadOf } from '../../repository/repository-log.ts'
import type { RepositoryState } from '../../repository/repository-state.ts'
import { maxCheckpointBytes, parseCheckpoint } from '../../transparency/checkpoint.ts'
import { LogError } from '../../transparency/errors.ts'
import type { LogEntry } from '../../transparency/log-entry.ts'
import { isSameHead, type LogHead } from '../../transparency/log-head.ts'
import { checkpointProblem, snapshotKeysOf } from '../checkpoint-problem.ts'
import type { Damage } from '../damage.ts'
import { prepareLog, type PreparedLog } from '../mirror/copy-log.ts'
import { putOptionsOf } from '../mirror/put-options.ts'
import type { Scratch } from '../mirror/scratch.ts'
import type { ContentMender } from './content-mender.ts'
import { fromSources, putMended, type MendingContext } from './mending.ts'

/**
 * Makes the log whole that the store's snapshot signs: out of its own entries, where these are right, else out of those of
 * a source; then the documents of its entries, and its checkpoint. Returns what could not be mended.
 */
export async function mendLog(
  context: MendingContext,
  state: RepositoryState,
  mender: ContentMender,
  scratch: Scratch,
): Promise<readonly Damage[]> {
  const head = logHeadOf(state)
  if (head === undefined) return []
  const heads = await headsBefore(context.store, state, context)
  const prepare = async (from: BlobReader): Promise<PreparedLog> =>
    prepareLog(from, head, { ...context, scratch, from: undefined, milestones: heads })
  const own = await orUndefined(prepare(context.store))
  const fetched = own === undefined ? await fromSources(context, prepare) : undefined
  const log = own ?? fetched?.found
  const problem = `its entries do not lead to the signed head at ${head.size} entries, neither here nor in any source`
  if (log === undefined) return [{ kind: 'log', what: 'log/', problem, touches: [] }]
  await putObjects(context, log, fetched?.from)
  const listed = Object.entries(listedIn(state)).map(([path, { hashes }]) =>
    targetKey(path, digestFromHex(hashes['sha256'] ?? '')),
  )
  const damages = await mendDocuments(context, log.entries(), mender, new Set(listed))
  await mendCheckpoint(context, state, [head, ...log.passed])
  return damages
}

async function headsBefore(
  store: BlobReader,
  state: RepositoryState,
  { signal }: MendingContext,
): Promise<LogHead[]> {
  const heads: LogHead[] = []
  for await (const { head } of earlierHeads(store, state, { signal }))
    if (head !== undefined) heads.push(head)
  return heads
}

const concurrentObjects = 16

/** Those that are not there as they must be. What is made of entries is right whatever lies there. */
async function putObjects(
  context: MendingContext,
  { objects }: PreparedLog,
  from: string | undefined,
): Promise<void> {
  const put = async ({ key, path }: PreparedLog['objects'][number]): Promise<void> => {
    const bytes = await readFile(path)
    const there = await ownBytes(context, key)
    if (there?.equals(bytes) !== true) await putMended(context, { kind: 'log', what: key, from }, bytes)
  }
  for await (const _ of mapInOrder(objects, concurrentObjects, put));
}

/** Those that are no longer listed: audits look for them. */
async function mendDocuments(
  context: MendingContext,
  entries: AsyncIterable<LogEntry>,
  mender: ContentMender,
  seen: Set<string>,
): Promise<Damage[]> {
  const damages: Damage[] = []
  for await (const { path, digest } of entries) {
    const key = targetKey(path, digest)
    if (seen.has(key)) continue
    seen.add(key)
    const bytes = await ownBytes(context, key)
    if (bytes !== undefined && digestOf(bytes) === digest) continue
    if (await mender.storedDocument(path, digest)) continue
    const problem = bytes === undefined ? 'is missing' : 'is damaged'
    damages.push({ kind: 'log', what: key, problem: `a document of the log ${problem}`, touches: [] })
  }
  return damages
}

/** Of a head that is in the log: any that is signed will do, and the next commit writes a newer one. */
async function mendCheckpoint(
  context: MendingContext,
  state: RepositoryState,
  heads: readonly LogHead[],
): Promise<void> {
  const { store, signal, onMended, onNote } = context
  const keys = await snapshotKeysOf(store, state, { signal })
  const own = await ownBytes(context, checkpointKey)
  if (checkpointProblem(own, keys) === undefined) return
  const fetched = await fromSources(context, async (source) => {
    const bytes = (await readBlob(source, checkpointKey, { signal, maxBytes: maxCheckpointBytes }))?.bytes
    const head = bytes === undefined ? undefined : parseCheckpoint(bytes)?.head
    const isOurs = head !== undefined && heads.some((one) => isSameHead(one, head))
    return isOurs && checkpointProblem(bytes, keys) === undefined ? bytes : undefined
  })
  if (fetched === undefined) {
    onNote(`${checkpointKey} ${checkpointProblem(own, keys)}: the next commit, or "vend refresh", writes it`)
    return
  }
  const present = await store.stat(checkpointKey, { signal })
  const options = { ...putOptionsOf(checkpointKey), signal }
  await (present === undefined
    ? store.create(checkpointKey, fetched.found, options)
    : store.replace(checkpointKey, fetched.found, present.etag, options))
  onMended({ kind: 'log', what: checkpointKey, from: fetched.from })
}

async function ownBytes({ store, signal }: MendingContext, key: string): Promise<Buffer | undefined> {
  return orUndefined(readBlob(store, key, { signal }).then((blob) => blob?.bytes))
}

async function orUndefined<T>(read: Promise<T>): Promise<T | undefined> {
  try {
    return await read
  } catch (error) {
    if (error instanceof LogError || isDamage(error)) return undefined
    throw error
  }
}
