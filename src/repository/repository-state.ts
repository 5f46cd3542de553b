import type { Metadata, MetaFile, Root, Snapshot, Targets, Timestamp } from '@tufjs/models'
import type { BlobReader, CallOptions } from '../../storage/blob-store.ts'
import { TrustError } from '../trust/errors.ts'
import { lifetimesOf, type Lifetimes } from '../trust/lifetime.ts'
import type { Delegators } from '../trust/role-keys.ts'
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

/** What says whose signatures count. */
export type DelegatingState = Pick<RepositoryState, 'root' | 'targets'>

export function delegatorsOf({ root, targets }: DelegatingState): Delegators {
  return { root: root.metadata.signed, targets: targets.metadata.signed }
}

/** For how long signatures are good, as the repository says. */
export function lifetimesIn(state: DelegatingState): Lifetimes {
  return lifetimesOf(delegatorsOf(state))
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
  const { root, previous } = await loadRoots(store, options)
  const timestamp = readCurrent(timestampBlob.bytes, root.metadata, previous?.metadata)
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

/** Throws METADATA_INVALID, with the way out where a change of keys did not come to its end. */
function readCurrent(
  bytes: Buffer,
  root: Metadata<Root>,
  previous: Metadata<Root> | undefined,
): SignedMetadata<Timestamp> {
  try {
    return readTimestamp(bytes, root)
  } catch (cause) {
    if (previous === undefined) throw cause
    // Throws what is wrong with it by either root.
    readTimestamp(bytes, previous)
    throw new TrustError(
      'METADATA_INVALID',
      `root ${root.signed.version} has other keys than those that signed timestamp.json: a change of keys did not come to its end`,
      {
        hint: 'run "vend keys apply" where the new online keys are: without a draft it completes what is there',
        cause,
      },
    )
  }
}

interface LastRoots {
  readonly root: SignedMetadata<Root>
  /** The one before it. */
  readonly previous: SignedMetadata<Root> | undefined
}

async function loadRoots(store: BlobReader, options: LoadOptions): Promise<LastRoots> {
  const first = await readMetadata(store, 'root', 1, options)
  if (options.trustedRoot !== undefined && !options.trustedRoot.equals(first)) {
    throw new TrustError('ROOT_MISMATCH', `${store.name} begins with another root than the trusted one`, {
      hint: 'the store belongs to other keys: check VEND_STORE and VEND_KEYS',
    })
  }
  let root = readRoot(first, '1.root.json')
  let previous: SignedMetadata<Root> | undefined
  for (;;) {
    const version = root.metadata.signed.version + 1
    if (version > (options.lastRoot ?? Number.POSITIVE_INFINITY)) return { root, previous }
    const next = await readBlob(store, metadataKey('root', version), options)
    if (next === undefined) return { root, previous }
    previous = root
    root = readRoot(next.bytes, `${version}.root.json`, previous.metadata)
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
