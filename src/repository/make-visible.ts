import type { BlobStore, CallOptions } from '../../storage/blob-store.ts'
import { BlobChangedError } from '../../storage/errors.ts'
import { LogError } from '../transparency/errors.ts'
import { LogEdge } from '../transparency/log-edge.ts'
import type { LogHead } from '../transparency/log-head.ts'
import type { KeyRing } from '../trust/key-ring.ts'
import type { Change } from './commit.ts'
import { RepositoryError } from './errors.ts'
import { isSameCommit } from './fence.ts'
import { targetOf } from './inline-documents.ts'
import { revalidatedCaching, timestampKey } from './layout.ts'
import { readBlob } from './read-blob.ts'
import { logHeadOf, logReader } from './repository-log.ts'
import { loadState, type RepositoryState } from './repository-state.ts'

interface Context extends CallOptions {
  readonly store: BlobStore
  readonly keys: Pick<KeyRing, 'trustedRoot'>
}

/** And the head of the log that its snapshot signs. */
export interface SignedTimestamp {
  readonly bytes: Buffer
  readonly log: LogHead
}

/**
 * Puts the timestamp in the place of that of `state`. Where a collector has fenced that one meanwhile, it goes on after
 * `change.revalidate`. Resolves to whether it is this timestamp that is visible; false: a twin has made the same
 * documents visible. Throws PUBLISH_CONFLICT.
 */
export async function makeVisible(
  context: Context,
  state: RepositoryState,
  timestamp: SignedTimestamp,
  change: Change,
): Promise<boolean> {
  const { store, signal } = context
  for (let etag = state.timestampEtag; ;) {
    try {
      await store.replace(timestampKey, timestamp.bytes, etag, {
        signal,
        contentType: 'application/json',
        cacheControl: revalidatedCaching,
      })
      return true
    } catch (error) {
      if (!(error instanceof BlobChangedError)) throw error
      const found = await readBlob(store, timestampKey, { signal })
      // It was made visible by a try whose answer was lost, and was fenced since.
      if (found !== undefined && isSameCommit(found.bytes, timestamp.bytes)) return true
      if (found === undefined || !isSameCommit(found.bytes, state.timestamp.bytes)) {
        return settleConflict(context, { before: state, log: timestamp.log, change }, error)
      }
      etag = found.info.etag
      await change.revalidate?.()
    }
  }
}

interface Attempt {
  readonly before: RepositoryState
  readonly log: LogHead
  readonly change: Change
}

/**
 * Resolves when the change is visible, or was and others have followed, by whomever: it must not be told of what
 * everybody can see that it failed.
 */
async function settleConflict(context: Context, attempt: Attempt, cause: Error): Promise<false> {
  const { store, keys, signal } = context
  const { before, change } = attempt
  if (documentsOf(change).length === 0 && !isRefresh(change)) throw conflict(nothing, cause)
  const now = await loadState(store, { signal, trustedRoot: keys.trustedRoot() })
  if (isRefresh(change)) {
    if (wasSignedAnew(change, before, now)) return false
    throw conflict(nothing, cause)
  }
  const { paths, all } = visibleOf(change, now)
  if (all || (await leadsThrough(context, attempt, now))) return false
  if (paths.length === 0) throw conflict(nothing, cause)
  throw conflict(`${paths.join(' and ')} of this publish is visible, the rest is not, or no longer`, cause)
}

const nothing = 'nothing of this publish is visible'

function isRefresh(change: Change): boolean {
  const { renewed, signers, targets, lifetimes, retired } = change
  const others = [signers, targets, lifetimes, retired]
  return renewed !== undefined && documentsOf(change).length === 0 && others.every((one) => one === undefined)
}

/** Every commit signs the two online roles anew. */
function wasSignedAnew({ renewed }: Change, before: RepositoryState, now: RepositoryState): boolean {
  return [...(renewed ?? [])].every(
    (role) => role === 'root' || now[role].metadata.signed.version > before[role].metadata.signed.version,
  )
}

/** Whether the log has the very head that was signed: only a commit of the same documents on the same log makes it. */
async function leadsThrough(
  context: Context,
  { before, log }: Attempt,
  now: RepositoryState,
): Promise<boolean> {
  const [first, last] = [logHeadOf(before), logHeadOf(now)]
  if (log.size <= (first?.size ?? 0) || last?.origin !== log.origin || last.size < log.size) return false
  try {
    await LogEdge.read(log, logReader(context.store, context))
    return true
  } catch (error) {
    if (error instanceof LogError) return false
    throw error
  }
}

function documentsOf({ releases = new Map(), channels = new Map() }: Change): (readonly [string, Buffer])[] {
  return [...releases, ...channels]
}

function visibleOf(
  change: Change,
  state: RepositoryState,
): { readonly paths: readonly string[]; readonly all: boolean } {
  const listed = { ...state.releases.metadata.signed.targets, ...state.channels.metadata.signed.targets }
  const documents = documentsOf(change)
  const paths = documents.flatMap(([path, bytes]) => {
    const isListed = listed[path]?.hashes['sha256'] === targetOf(path, bytes).hashes['sha256']
    return isListed ? [path] : []
  })
  return { paths, all: paths.length === documents.length }
}

function conflict(what: string, cause: Error): RepositoryError {
  return new RepositoryError(
    'PUBLISH_CONFLICT',
    `someone else published to this repository at the same time; ${what}`,
    { hint: 'look at what changed with "vend releases", then run the same command again', cause },
  )
}
