import { TargetFile } from '@tufjs/models'
import { digestOf, hexOf } from '../../manifests/digest.ts'
import type { BlobReader, CallOptions } from '../../storage/blob-store.ts'
import { LogError } from '../transparency/errors.ts'
import { LogEdge } from '../transparency/log-edge.ts'
import { decodeLogEntry, encodeLogEntry } from '../transparency/log-entry.ts'
import { isSameHead, readLogHead, type LogHead } from '../transparency/log-head.ts'
import type { LogObject, ReadObject } from '../transparency/read-object.ts'
import { LogWalk } from '../transparency/walk-log.ts'
import type { Signer } from '../trust/signer.ts'
import type { CommitContext } from './commit.ts'
import { earlierHeads, earlierLists } from './earlier-lists.ts'
import { RepositoryError } from './errors.ts'
import { immutableCaching, logKey, metadataKey } from './layout.ts'
import { newEntries, type Listed } from './new-entries.ts'
import { readBlob } from './read-blob.ts'
import type { RepositoryState } from './repository-state.ts'
import { storeCheckpoint } from './store-checkpoint.ts'

/** What reading and writing a log takes. */
type LogContext = Pick<CommitContext, 'store' | 'signal'>

/** A log that is to be visible with a commit: its head, which the snapshot signs, and what is to be stored after it. */
export interface NextLog {
  readonly head: LogHead
  readonly objects: readonly LogObject[]
}

/** The head that the snapshot signs; undefined in a repository that was made before there were logs. */
export function logHeadOf({ snapshot }: Pick<RepositoryState, 'snapshot'>): LogHead | undefined {
  return readLogHead(snapshot.metadata.signed.unrecognizedFields['log'])
}

/** All documents that a state lists. */
export function listedIn({ releases, channels }: Pick<RepositoryState, 'releases' | 'channels'>): Listed {
  return { ...releases.metadata.signed.targets, ...channels.metadata.signed.targets }
}

export function logReader(store: BlobReader, options: CallOptions): ReadObject {
  return async (path, maxBytes) => {
    try {
      return (await readBlob(store, logKey(path), { ...options, maxBytes }))?.bytes
    } catch (cause) {
      if (!(cause instanceof RepositoryError)) throw cause
      throw new LogError('LOG_INVALID', cause.message, { cause })
    }
  }
}

/**
 * The log with the documents that `next` lists and `state` does not. Stores nothing of it: names of tiles say how long
 * the log is and not what is in it, so that a publish which is going to lose its race must not take any (ADR 13). What an
 * earlier commit left unwritten is written first. `isNewLogKey`: other keys are going to sign the log. Throws REPOSITORY_CORRUPT when the log is damaged beyond that.
 */
export async function growLog(
  context: LogContext,
  state: RepositoryState,
  next: Pick<RepositoryState, 'releases' | 'channels'>,
  { isNewLogKey = false }: { readonly isNewLogKey?: boolean } = {},
): Promise<NextLog> {
  const { edge, listed, origin } = isNewLogKey
    ? await wholeLog(context, state)
    : await knownLog(context, state, logHeadOf(state))
  const objects = extend(edge, listed, listedIn(next))
  return { head: edge.head(origin), objects }
}

/** A log up to one of its heads: what appending to it takes. */
interface GrowingLog {
  readonly edge: LogEdge
  /** What its entries say. */
  readonly listed: Listed
  readonly origin: string
}

async function knownLog(
  context: LogContext,
  state: RepositoryState,
  head: LogHead | undefined,
): Promise<GrowingLog> {
  if (head === undefined) return { edge: LogEdge.empty(), listed: {}, origin: await originOf(context) }
  return { edge: await completeEdge(context, state, head), listed: listedIn(state), origin: head.origin }
}

/**
 * By its signed head, or, where that leads nowhere, by the newest earlier one that the log in the store leads to: a thief of
 * the keys can sign any head. What is listed and not in the log by then is found by reading it.
 */
async function wholeLog(context: LogContext, state: RepositoryState): Promise<GrowingLog> {
  const origin = await originOf(context)
  try {
    const head = logHeadOf(state)
    if (head?.origin === origin) return await knownLog(context, state, head)
  } catch (error) {
    if (!(error instanceof LogError) && !(error instanceof RepositoryError)) throw error
  }
  const read = logReader(context.store, context)
  let hasHeads = false
  for await (const { head } of earlierHeads(context.store, state, context)) {
    if (head === undefined) continue
    hasHeads = true
    const log = head.origin === origin ? await logUpTo(head, read) : undefined
    if (log !== undefined) return log
  }
  if (!hasHeads) return { edge: LogEdge.empty(), listed: {}, origin }
  throw beyondRepair(
    context.store,
    new LogError('LOG_INVALID', 'no head that any snapshot has signs the log that is there'),
  )
}

/** What the log says up to a head; undefined unless it leads there. */
async function logUpTo(head: LogHead, read: ReadObject): Promise<GrowingLog | undefined> {
  try {
    // Of most heads that were invented it takes one request to know.
    const edge = await LogEdge.read(head, read)
    const listed = await lastListed(head, read)
    return listed === undefined ? undefined : { edge, listed, origin: head.origin }
  } catch (error) {
    if (error instanceof LogError) return undefined
    throw error
  }
}

/** The last document under each path, by all entries. */
async function lastListed(head: LogHead, read: ReadObject): Promise<Listed | undefined> {
  const listed: Record<string, TargetFile> = {}
  const walk = new LogWalk(head, read)
  for await (const { entries } of walk.entries()) {
    for (const bytes of entries) {
      const { path, length, digest } = decodeLogEntry(bytes, 'the log')
      listed[path] = new TargetFile({ path, length, hashes: { sha256: hexOf(digest) } })
    }
  }
  return walk.findings.length === 0 ? listed : undefined
}

/**
 * After the commit: stores what the log has gained, what is final first, and then its checkpoint. Interrupted, it leaves
 * a log that is behind its signed head until the next commit or refresh.
 */
export async function writeLog(
  context: CommitContext,
  { head, objects }: NextLog,
  signers: readonly Signer[],
): Promise<void> {
  await storeLogObjects(context, objects)
  await storeCheckpoint(context, head, signers)
}

/** The edge of the log as it is signed, whose objects all lie in the store afterwards. */
async function completeEdge(context: LogContext, state: RepositoryState, head: LogHead): Promise<LogEdge> {
  const read = logReader(context.store, context)
  try {
    return await LogEdge.read(head, read)
  } catch (error) {
    if (!(error instanceof LogError)) throw error
    const found = await rebuild(context, state, head, read)
    if (found === undefined) throw beyondRepair(context.store, error)
    await storeLogObjects(context, found.objects)
    return found.edge
  }
}

/** Takes the step again that the last commit took from an earlier state; its result is checked against the signed root. */
async function rebuild(
  context: LogContext,
  state: RepositoryState,
  head: LogHead,
  read: ReadObject,
): Promise<{ readonly edge: LogEdge; readonly objects: readonly LogObject[] } | undefined> {
  for await (const earlier of earlierLists(context.store, state, context)) {
    const edge = await edgeAt(earlier.head, head, read)
    if (edge === undefined) continue
    const objects = extend(edge, earlier.listed, listedIn(state))
    if (isSameHead(edge.head(head.origin), head)) return { edge, objects }
  }
  return undefined
}

async function edgeAt(
  earlier: LogHead | undefined,
  head: LogHead,
  read: ReadObject,
): Promise<LogEdge | undefined> {
  if (earlier === undefined) return LogEdge.empty()
  if (earlier.size >= head.size) return undefined
  try {
    return await LogEdge.read(earlier, read)
  } catch (error) {
    // Of a publish that lost its race: its tiles were never stored.
    if (error instanceof LogError) return undefined
    throw error
  }
}

/** Appends the step between two lists; the objects that it takes, in the order in which they are to be stored. */
function extend(edge: LogEdge, before: Listed, after: Listed): LogObject[] {
  const entries = newEntries(before, after)
  const full = entries.flatMap((entry) => edge.append(encodeLogEntry(entry)))
  return entries.length === 0 ? [] : [...full, ...edge.partialObjects()]
}

/** One after another: an edge that can be read then shows that all before it is there. */
export async function storeLogObjects(context: LogContext, objects: readonly LogObject[]): Promise<void> {
  for (const { path, bytes } of objects) {
    await context.store.put(logKey(path), bytes, {
      signal: context.signal,
      contentType: 'application/octet-stream',
      cacheControl: immutableCaching,
    })
  }
}

/** The same for ever, and no other repository's: the digest of the first root is in it. */
async function originOf({ store, signal }: LogContext): Promise<string> {
  const root = await readBlob(store, metadataKey('root', 1), { signal })
  if (root !== undefined) return `vend-repository/${hexOf(digestOf(root.bytes))}`
  throw new RepositoryError('REPOSITORY_CORRUPT', `${store.name}: ${metadataKey('root', 1)} is missing`)
}

function beyondRepair(store: BlobReader, cause: LogError): RepositoryError {
  return new RepositoryError('REPOSITORY_CORRUPT', `${store.name}: ${cause.message}`, {
    hint: 'restore the log, which is all below log/, from a mirror or a backup; "vend audit" says what else is wrong. If somebody who had the online keys invented its head, change these keys: the log goes on from the last head that is whole',
    cause,
  })
}
