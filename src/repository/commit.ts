import { type MetaFile, Snapshot, type TargetFile, Targets, Timestamp } from '@tufjs/models'
import { digestOf } from '../../manifests/digest.ts'
import type { BlobStore, CallOptions } from '../../storage/blob-store.ts'
import { BlobExistsError } from '../../storage/errors.ts'
import type { LogHead } from '../transparency/log-head.ts'
import type { KeyRing } from '../trust/key-ring.ts'
import { expiryAfter, type Lifetimes } from '../trust/lifetime.ts'
import { delegatedRoleNames, type DelegatedRoleName, type RoleName } from '../trust/role.ts'
import {
  describeMetadata,
  signMetadata,
  type SignedMetadata,
  type SignedRole,
} from '../trust/sign-metadata.ts'
import type { Signer } from '../trust/signer.ts'
import { signedAtMember } from './signed-at.ts'
import { RepositoryError } from './errors.ts'
import { dropOldDocuments, targetOf } from './inline-documents.ts'
import { immutableCaching, metadataKey, targetKey } from './layout.ts'
import { makeVisible } from './make-visible.ts'
import { readBlob } from './read-blob.ts'
import { refuseWrongKeys, signersFor } from './role-keys.ts'
import { growLog, writeLog } from './repository-log.ts'
import { lifetimesIn, type RepositoryState } from './repository-state.ts'

const json = 'application/json'

/** Documents to add or replace, by TUF target path, as the bytes they are stored as. */
export interface Change {
  readonly releases?: ReadonlyMap<string, Buffer>
  readonly channels?: ReadonlyMap<string, Buffer>
  /** Roles to sign anew also where nothing in them changes. */
  readonly renewed?: ReadonlySet<RoleName>
  /** Signed elsewhere, to be stored as it is. */
  readonly targets?: SignedMetadata<Targets>
  /** Who signs, while keys change hands. Default: as many of the key ring as the state asks for. */
  readonly signers?: (role: RoleName) => readonly Signer[]
  /** The keys of the snapshot are others: then the log need not go on from a head that only the old ones signed. */
  readonly isNewLogKey?: boolean
  /** Who signs the checkpoint of the log. Default: all that sign the snapshot. */
  readonly logSigners?: readonly Signer[]
  /** For how long what is signed is good, while that changes. Default: as the state says. */
  readonly lifetimes?: Lifetimes
  /** Target paths of releases to list no longer. Their documents stay. */
  readonly retired?: ReadonlySet<string>
  /** Called when all is stored but the timestamp, which makes it visible. */
  readonly beforeVisible?: () => Promise<void>
  /**
   * Called each time the commit was fenced off (see fence.ts), when the new etag is known and before it is tried again:
   * whoever relies on chunks that `state` does not reach has to look again whether they are there, and to store them anew.
   */
  readonly revalidate?: () => Promise<void>
}

type TargetsRole = 'targets' | DelegatedRoleName

/** How metadata are signed. */
export interface Signing {
  readonly signers: (role: RoleName) => readonly Signer[]
  readonly lifetimes: Lifetimes
}

export interface CommitContext extends CallOptions {
  readonly store: BlobStore
  readonly keys: KeyRing
  readonly now: Date
}

/**
 * Makes a change visible, completely or not at all: the documents, then the numbered metadata that lists them, all
 * under keys that nobody refers to yet, and at last the timestamp, which takes the place of exactly the one that
 * `state` was read from. That replacement is the commit. Whoever loses the race leaves nothing that can be seen;
 * the numbers it has used stay used, and the next commit passes over them. A collector's fence is no such loss, and a
 * twin that made the same documents visible none either. What the log gains is signed with the snapshot, and stored
 * last. Throws PUBLISH_CONFLICT, and KEY_… and THRESHOLD_UNMET before anything is stored.
 */
export async function commit(context: CommitContext, state: RepositoryState, change: Change): Promise<void> {
  const signers = change.signers ?? ((role: RoleName) => signersFor(state, context.keys, role))
  if (change.signers === undefined) {
    await refuseWrongKeys(
      state,
      context.keys,
      targetsRoles.filter((role) => isSigned(role, change)),
    )
  }
  const signing: Signing = { signers, lifetimes: change.lifetimes ?? lifetimesIn(state) }
  const targets =
    change.targets === undefined
      ? await commitTargets(context, state, 'targets', change, signing)
      : await storeTargets(context, change.targets)
  const releases = await commitTargets(context, state, 'releases', change, signing)
  const channels = await commitTargets(context, state, 'channels', change, signing)
  const log = await growLog(context, state, { releases, channels }, change)
  const { version } = state.snapshot.metadata.signed
  const listed = { targets, releases, channels }
  const snapshot = await commitSnapshot(context, version + 1, listed, log.head, signing)
  const next = state.timestamp.metadata.signed.version + 1
  const timestamp = await signTimestamp(context, snapshot, next, signing)
  await change.beforeVisible?.()
  const isOurs = await makeVisible(context, state, { bytes: timestamp.bytes, log: log.head }, change)
  if (isOurs) await writeLog(context, log, change.logSigners ?? signers('snapshot'))
}

const targetsRoles: readonly TargetsRole[] = ['targets', ...delegatedRoleNames]

function isSigned(role: TargetsRole, change: Change): boolean {
  const isRetiring = role === 'releases' && change.retired !== undefined && change.retired.size > 0
  return change.renewed?.has(role) === true || documentsOf(role, change).size > 0 || isRetiring
}

/** The role `targets` has none: it delegates. */
function documentsOf(role: TargetsRole, change: Change): ReadonlyMap<string, Buffer> {
  return (role === 'targets' ? undefined : change[role]) ?? new Map()
}

async function commitTargets(
  context: CommitContext,
  state: RepositoryState,
  role: TargetsRole,
  change: Change,
  { signers, lifetimes }: Signing,
): Promise<SignedMetadata<Targets>> {
  const current = state[role]
  if (!isSigned(role, change)) return current
  const { delegations, unrecognizedFields, ...signed } = current.metadata.signed
  const targets = { ...signed.targets }
  if (role === 'releases') for (const path of change.retired ?? []) delete targets[path]
  for (const [path, bytes] of documentsOf(role, change)) {
    targets[path] = await putDocument(context, path, bytes)
  }
  return createNumbered(context, role, signed.version + 1, async (version) => {
    const fields = {
      ...commonFields(context, lifetimes[role], version),
      unrecognizedFields: { ...unrecognizedFields, ...(role !== 'targets' && signedAtMember(context.now)) },
      targets: dropOldDocuments(role, targets),
    }
    return signMetadata(
      new Targets(delegations === undefined ? fields : { ...fields, delegations }),
      signers(role),
    )
  })
}

/** Under its own number, which it was signed with. */
async function storeTargets(
  context: CommitContext,
  targets: SignedMetadata<Targets>,
): Promise<SignedMetadata<Targets>> {
  const key = metadataKey('targets', targets.metadata.signed.version)
  await createOnce(context, key, targets.bytes)
  return targets
}

/** Stores what was signed elsewhere under the one key it may have; that it is there already is as good. */
export async function createOnce(
  { store, signal }: Pick<CommitContext, 'store' | 'signal'>,
  key: string,
  bytes: Buffer,
): Promise<void> {
  try {
    await store.create(key, bytes, { signal, contentType: json, cacheControl: immutableCaching })
  } catch (cause) {
    if (!(cause instanceof BlobExistsError)) throw cause
    if ((await readBlob(store, key, { signal }))?.bytes.equals(bytes) === true) return
    throw new RepositoryError(
      'PUBLISH_CONFLICT',
      `${store.name}: ${key} is there already, with other content`,
      {
        hint: 'someone else signed at the same time: look at "vend keys status", then begin again from there',
        cause,
      },
    )
  }
}

async function putDocument(context: CommitContext, path: string, bytes: Buffer): Promise<TargetFile> {
  await context.store.put(targetKey(path, digestOf(bytes)), bytes, {
    signal: context.signal,
    contentType: json,
    cacheControl: immutableCaching,
  })
  return targetOf(path, bytes)
}

async function commitSnapshot(
  context: CommitContext,
  from: number,
  listed: Pick<RepositoryState, TargetsRole>,
  log: LogHead,
  { signers, lifetimes }: Signing,
): Promise<SignedMetadata<Snapshot>> {
  const meta: Record<string, MetaFile> = {
    'targets.json': describeMetadata(listed.targets),
    'releases.json': describeMetadata(listed.releases),
    'channels.json': describeMetadata(listed.channels),
  }
  return createNumbered(context, 'snapshot', from, async (version) =>
    signMetadata(
      new Snapshot({
        ...commonFields(context, lifetimes.snapshot, version),
        meta,
        unrecognizedFields: { log: { ...log } },
      }),
      signers('snapshot'),
    ),
  )
}

export async function signTimestamp(
  context: Pick<CommitContext, 'now'>,
  snapshot: SignedMetadata<Snapshot>,
  version: number,
  { signers, lifetimes }: Signing,
): Promise<SignedMetadata<Timestamp>> {
  const snapshotMeta = describeMetadata(snapshot)
  return signMetadata(
    new Timestamp({ ...commonFields(context, lifetimes.timestamp, version), snapshotMeta }),
    signers('timestamp'),
  )
}

/** How far past used numbers a commit looks for a free one: as many crashes and lost races between two commits. */
const maxNumbersTried = 1000

/** Stores metadata under the first free number from `version` on: a publish that died or lost has used numbers. */
export async function createNumbered<Role extends SignedRole>(
  context: Pick<CommitContext, 'store' | 'signal'>,
  role: RoleName,
  version: number,
  build: (version: number) => Promise<SignedMetadata<Role>>,
): Promise<SignedMetadata<Role>> {
  for (let number = version; number < version + maxNumbersTried; number++) {
    const candidate = await build(number)
    try {
      await context.store.create(metadataKey(role, number), candidate.bytes, {
        signal: context.signal,
        contentType: json,
        cacheControl: immutableCaching,
      })
      return candidate
    } catch (error) {
      if (!(error instanceof BlobExistsError)) throw error
    }
  }
  throw new RepositoryError('REPOSITORY_CORRUPT', `no free number for ${role}.json from ${version} on`)
}

export function commonFields(
  { now }: Pick<CommitContext, 'now'>,
  lifetimeSeconds: number,
  version: number,
): { version: number; specVersion: string; expires: string } {
  return { version, specVersion: '1.0.31', expires: expiryAfter(lifetimeSeconds, now) }
}
