import { digestOf } from '../../../manifests/digest.ts'
import { FormatError } from '../../../manifests/errors.ts'
import type { BlobStore, CallOptions } from '../../../storage/blob-store.ts'
import { BlobChangedError, BlobExistsError } from '../../../storage/errors.ts'
import { RepositoryError } from '../../repository/errors.ts'
import { isSameCommit, withoutFences } from '../../repository/fence.ts'
import { immutableCaching, metadataKey, revalidatedCaching, timestampKey } from '../../repository/layout.ts'
import { endLeases } from '../../repository/lease.ts'
import { readBlob } from '../../repository/read-blob.ts'
import { growLog, logHeadOf, storeLogObjects, type NextLog } from '../../repository/repository-log.ts'
import { loadState, type RepositoryState } from '../../repository/repository-state.ts'
import { Repository } from '../../repository/repository.ts'
import { LogError } from '../../transparency/errors.ts'
import { isSameHead } from '../../transparency/log-head.ts'
import { TrustError } from '../../trust/errors.ts'
import { ProblemError } from '../problem.ts'
import { checkContent } from './check-content.ts'
import { checkSuccession } from './check-succession.ts'
import type { CommitRequest } from './commit-request.ts'
import { OverlayReader } from './overlay-reader.ts'
import { refuseUnused } from './refuse-unused.ts'
import { stateChange, type StateChange } from './state-change.ts'
import { wasVisible } from './was-visible.ts'

export interface AcceptContext extends CallOptions {
  readonly store: BlobStore
  /** The root that the repository must begin with. */
  readonly trustedRoot: Buffer | undefined
  readonly now: () => Date
  /** Throws FORBIDDEN unless whoever asks may make that change. */
  readonly allow: (change: StateChange) => void
}

export interface Accepted {
  /** Undefined when it was visible before: the request was sent again. */
  readonly change: StateChange | undefined
}

/** Collectors may fence in between; each time all is looked at anew. */
const maxTries = 20
const json = 'application/json'

/**
 * Makes what a publisher has signed visible, completely or not at all. The whole state as it would be is verified first,
 * what changes is held against what the publisher may, and all that it needs is looked up; then the documents are stored,
 * the numbered metadata, and at last the timestamp in the place of the very one that all this was done over. A request
 * that comes again is answered as it would have been. Throws ProblemError (METADATA_REFUSED, COMMIT_REFUSED,
 * COMMIT_KEY_REFUSED, FORBIDDEN, VERSION_EXISTS, VERSION_NOT_INCREASING, CONTENT_MISSING, COLLECTION_RUNNING,
 * PUBLISH_CONFLICT), and what reading the store may throw.
 */
export async function acceptCommit(request: CommitRequest, context: AcceptContext): Promise<Accepted> {
  const { store, signal } = context
  const timestamp = request.objects.get(timestampKey) ?? Buffer.alloc(0)
  const trustedRoot = context.trustedRoot ?? (await firstRoot(context))
  for (let tries = 0; tries < maxTries; tries++) {
    const before = await loadState(store, { signal, trustedRoot })
    if (isSameCommit(before.timestamp.bytes, timestamp)) {
      // It died before it had written the log, perhaps.
      await growLog(context, before, before)
      return { change: undefined }
    }
    const after = await loadAfter(request, trustedRoot, context)
    if (digestOf(withoutFences(before.timestamp.bytes)) !== request.over) {
      if (await wasVisible(store, before, after, request)) return { change: undefined }
      throw conflict()
    }
    const { change, log } = await check(request, { before, after }, context)
    if (await makeVisible(request, before, after, context)) {
      await storeLogObjects(context, log.objects)
      await endLeases(store, new Repository(store, after).releaseVersions().at(-1) ?? 0, { signal })
      return { change }
    }
  }
  throw new ProblemError('SERVER_BUSY', 'the timestamp was replaced again and again meanwhile; ask once more')
}

async function loadAfter(
  { objects }: CommitRequest,
  trustedRoot: Buffer,
  { store, signal }: AcceptContext,
): Promise<RepositoryState> {
  try {
    const after = await loadState(new OverlayReader(store, objects), { signal, trustedRoot })
    logHeadOf(after)
    return after
  } catch (error) {
    if (!isOfMetadata(error)) throw error
    throw new ProblemError('METADATA_REFUSED', error.message)
  }
}

async function check(
  request: CommitRequest,
  { before, after }: { readonly before: RepositoryState; readonly after: RepositoryState },
  context: AcceptContext,
): Promise<{ readonly change: StateChange; readonly log: NextLog }> {
  const { store, signal } = context
  checkSuccession(before, after, context.now())
  refuseUnused(request, before, after)
  const overlay = new OverlayReader(store, request.objects)
  const repository = new Repository(store, before)
  const change = await stateChange(repository, new Repository(overlay, after), { signal })
  context.allow(change)
  const log = await growLog(context, before, after)
  const head = logHeadOf(after)
  if (head === undefined || !isSameHead(head, log.head)) {
    throw new ProblemError(
      'METADATA_REFUSED',
      "the snapshot signs another log's head than the change leads to",
    )
  }
  if (change.release !== undefined) await checkContent(store, repository, change.release, { signal })
  return { change, log }
}

/** False when the timestamp is another one by now, if only by a fence. */
async function makeVisible(
  { objects }: CommitRequest,
  before: RepositoryState,
  after: RepositoryState,
  context: AcceptContext,
): Promise<boolean> {
  const { store, signal } = context
  for (const [key, bytes] of objects) {
    if (key.startsWith('tuf/targets/')) {
      await store.put(key, bytes, { signal, contentType: json, cacheControl: immutableCaching })
    }
  }
  for (const [key, bytes] of objects) {
    if (key.startsWith('tuf/metadata/') && key !== timestampKey) await createNumbered(context, key, bytes)
  }
  try {
    await store.replace(timestampKey, after.timestamp.bytes, before.timestampEtag, {
      signal,
      contentType: json,
      cacheControl: revalidatedCaching,
    })
    return true
  } catch (error) {
    if (error instanceof BlobChangedError) return false
    throw error
  }
}

/** A number is taken once; that it is there already, with these bytes, is as good. */
async function createNumbered({ store, signal }: AcceptContext, key: string, bytes: Buffer): Promise<void> {
  try {
    await store.create(key, bytes, { signal, contentType: json, cacheControl: immutableCaching })
  } catch (error) {
    if (!(error instanceof BlobExistsError)) throw error
    if ((await readBlob(store, key, { signal }))?.bytes.equals(bytes) !== true) throw conflict()
  }
}

async function firstRoot({ store, signal }: AcceptContext): Promise<Buffer> {
  const root = await readBlob(store, metadataKey('root', 1), { signal })
  if (root !== undefined) return root.bytes
  throw new RepositoryError('REPOSITORY_MISSING', `there is no repository in ${store.name}`)
}

function isOfMetadata(error: unknown): error is Error {
  if (error instanceof TrustError || error instanceof FormatError || error instanceof LogError) return true
  return error instanceof RepositoryError && error.code === 'REPOSITORY_CORRUPT'
}

function conflict(): ProblemError {
  return new ProblemError(
    'PUBLISH_CONFLICT',
    'someone else published to this repository at the same time; nothing of this publish is visible',
  )
}
