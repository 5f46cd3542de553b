import type { Metadata, MetaFile, Root, Snapshot, Targets, Timestamp } from '@tufjs/models'
import type { BlobReader, CallOptions } from '../../storage/blob-store.ts'
import { TrustError } from '../trust/errors.ts'
import type { DelegatedRoleName } from '../trust/role.ts'
import type { SignedMetadata } from '../trust/sign-metadata.ts'
import { readRoot, readSnapshot, readTargets, readTimestamp } from '../trust/verify-metadata.ts'
import { RepositoryError } from './errors.ts'
import { metadataKey, timestampKey } from './layout.ts'
import { readBlob } from './read-blob.ts'

/** One consistent view of a repository: what one timestamp vouches for. */
export interface RepositoryState {
  readonly root: SignedMetadata<Root>
  readonly targets: SignedMetadata<Targets>
  readonly releases: SignedMetadata<Targets>
  readonly channels: SignedMetadata<Targets>
  readonly snapshot: SignedMetadata<Snapshot>
  readonly timestamp: SignedMetadata<Timestamp>
  /** Of the timestamp's blob: what a commit replaces. */
  readonly timestampEtag: string
}

export interface LoadOptions extends CallOptions {
  /** The bytes of the first root that the caller knows to be right. Default: the store's own is taken at its word. */
  readonly trustedRoot?: Buffer | undefined
  /** Later roots are not looked at: the state as it was before them. */
  readonly lastRoot?: number | undefined
}

/**
 * Reads and verifies the state, from the first root on. Throws a RepositoryError (REPOSITORY_MISSING,
 * REPOSITORY_CORRUPT) or a TrustError (ROOT_MISMATCH, METADATA_INVALID).
 */
export async function loadState(store: BlobReader, options: LoadOptions = {}): Promise<RepositoryState> {
  const timestampBlob = await readBlob(store, timestampKey, options)
  if (timestampBlob === undefined) throw missingRepository(store)
  const root = await loadRoot(store, options)
  const timestamp = readTimestamp(timestampBlob.bytes, root.metadata)
  const snapshotMeta = timestamp.metadata.signed.snapshotMeta
  const snapshotBytes = await readMetadata(store, 'snapshot', snapshotMeta.version, options)
  const snapshot = readSnapshot(snapshotBytes, root.metadata, snapshotMeta)
  const targets = await loadTargets(store, 'targets', root.metadata, snapshot, options)
  const [releases, channels] = await Promise.all([
    loadTargets(store, 'releases', targets.metadata, snapshot, options),
    loadTargets(store, 'channels', targets.metadata, snapshot, options),
  ])
  return { root, targets, releases, channels, snapshot, timestamp, timestampEtag: timestampBlob.info.etag }
}

async function loadRoot(store: BlobReader, options: LoadOptions): Promise<SignedMetadata<Root>> {
  const first = await readMetadata(store, 'root', 1, options)
  if (options.trustedRoot !== undefined && !options.trustedRoot.equals(first)) {
    throw new TrustError('ROOT_MISMATCH', `${store.name} begins with another root than the trusted one`, {
      hint: 'the store belongs to other keys: check VEND_STORE and VEND_KEYS',
    })
  }
  let root = readRoot(first, '1.root.json')
  for (;;) {
    const version = root.metadata.signed.version + 1
    if (version > (options.lastRoot ?? Number.POSITIVE_INFINITY)) return root
    const next = await readBlob(store, metadataKey('root', version), options)
    if (next === undefined) return root
    root = readRoot(next.bytes, `${version}.root.json`, root.metadata)
  }
}

async function loadTargets(
  store: BlobReader,
  role: 'targets' | DelegatedRoleName,
  delegator: Metadata<Root> | Metadata<Targets>,
  snapshot: SignedMetadata<Snapshot>,
  options: CallOptions,
): Promise<SignedMetadata<Targets>> {
  const expected: MetaFile | undefined = snapshot.metadata.signed.meta[`${role}.json`]
  if (expected === undefined) {
    throw new TrustError('METADATA_INVALID', `metadata snapshot.json does not list ${role}.json`)
  }
  return readTargets(await readMetadata(store, role, expected.version, options), role, delegator, expected)
}

async function readMetadata(
  store: BlobReader,
  role: string,
  version: number,
  options: CallOptions,
): Promise<Buffer> {
  const blob = await readBlob(store, metadataKey(role, version), options)
  if (blob !== undefined) return blob.bytes
  throw new RepositoryError(
    'REPOSITORY_CORRUPT',
    `${store.name}: ${metadataKey(role, version)} is missing, though the repository refers to it`,
    { hint: 'restore it from a mirror or a backup' },
  )
}

function missingRepository(store: BlobReader): RepositoryError {
  return new RepositoryError('REPOSITORY_MISSING', `there is no repository in ${store.name}`, {
    hint: 'make one with "vend init", or name another with --store or VEND_STORE',
  })
}
