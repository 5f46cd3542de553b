import { digestOf, hexOf } from '../../manifests/digest.ts'
import type { BlobReader, CallOptions } from '../../storage/blob-store.ts'
import { LogError } from '../transparency/errors.ts'
import { LogEdge } from '../transparency/log-edge.ts'
import { encodeLogEntry } from '../transparency/log-entry.ts'
import { isSameHead, readLogHead, type LogHead } from '../transparency/log-head.ts'
import type { LogObject, ReadObject } from '../transparency/read-object.ts'
import type { Signer } from '../trust/signer.ts'
import type { CommitContext } from './commit.ts'
import { earlierLists } from './earlier-lists.ts'
import { RepositoryError } from './errors.ts'
import { immutableCaching, logKey, metadataKey } from './layout.ts'
import { newEntries, type Listed } from './new-entries.ts'
import { readBlob } from './read-blob.ts'
import type { RepositoryState } from './repository-state.ts'
import { storeCheckpoint } from './store-checkpoint.ts'

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
 * earlier commit left unwritten is written first. Throws REPOSITORY_CORRUPT when the log is damaged beyond that.
 */
export async function growLog(
  context: CommitContext,
  state: RepositoryState,
  next: Pick<RepositoryState, 'releases' | 'channels'>,
): Promise<NextLog> {
  const known = logHeadOf(state)
  const edge = known === undefined ? LogEdge.empty() : await completeEdge(context, state, known)
  const objects = extend(edge, known === undefined ? {} : listedIn(state), listedIn(next))
  return { head: edge.head(known?.origin ?? (await newOrigin(context))), objects }
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
  await storeObjects(context, objects)
  await storeCheckpoint(context, head, signers)
}

/** The edge of the log as it is signed, whose objects all lie in the store afterwards. */
async function completeEdge(context: CommitContext, state: RepositoryState, head: LogHead): Promise<LogEdge> {
  const read = logReader(context.store, context)
  try {
    return await LogEdge.read(head, read)
  } catch (error) {
    if (!(error instanceof LogError)) throw error
    const found = await rebuild(context, state, head, read)
    if (found === undefined) throw beyondRepair(context.store, error)
    await storeObjects(context, found.objects)
    return found.edge
  }
}

/** Takes the step again that the last commit took from an earlier state; its result is checked against the signed root. */
async function rebuild(
  context: CommitContext,
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
async function storeObjects(context: CommitContext, objects: readonly LogObject[]): Promise<void> {
  for (const { path, bytes } of objects) {
    await context.store.put(logKey(path), bytes, {
      signal: context.signal,
      contentType: 'application/octet-stream',
      cacheControl: immutableCaching,
    })
  }
}

/** The same for ever, and no other repository's: the digest of the first root is in it. */
async function newOrigin({ store, signal }: CommitContext): Promise<string> {
  const root = await readBlob(store, metadataKey('root', 1), { signal })
  if (root !== undefined) return `vend-repository/${hexOf(digestOf(root.bytes))}`
  throw new RepositoryError('REPOSITORY_CORRUPT', `${store.name}: ${metadataKey('root', 1)} is missing`)
}

function beyondRepair(store: BlobReader, cause: LogError): RepositoryError {
  return new RepositoryError('REPOSITORY_CORRUPT', `${store.name}: ${cause.message}`, {
    hint: 'restore the log, which is all below log/, from a mirror or a backup; "vend audit" says what else is wrong',
    cause,
  })
}
