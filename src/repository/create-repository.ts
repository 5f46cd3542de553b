import { Metadata, Root, Snapshot, Targets, type Key } from '@tufjs/models'
import { BlobExistsError } from '../../storage/errors.ts'
import { defaultLifetimes, lifetimeMember, type Lifetimes } from '../trust/lifetime.ts'
import { delegatedRoleNames, roleNames, type DelegatedRoleName, type RoleName } from '../trust/role.ts'
import type { KeyRing } from '../trust/key-ring.ts'
import { addSignatures, bytesOf, describeMetadata, signMetadata } from '../trust/sign-metadata.ts'
import type { SignedMetadata } from '../trust/sign-metadata.ts'
import { readRoot } from '../trust/verify-metadata.ts'
import {
  beginCreation,
  endCreation,
  refuseOtherShares,
  type CreationPlan,
  type KeyShare,
} from './begun-creation.ts'
import { commonFields, createNumbered, signTimestamp, type CommitContext, type Signing } from './commit.ts'
import { RepositoryError } from './errors.ts'
import { immutableCaching, metadataKey, revalidatedCaching, timestampKey } from './layout.ts'
import { readBlob } from './read-blob.ts'
import { lifetimesIn } from './repository-state.ts'
import { pickSigners, signersFor } from './role-keys.ts'

export interface CreateOptions {
  /** Default: one key, which signs alone. Keys that the key ring has already are used first. */
  readonly shares?: Partial<Readonly<Record<RoleName, KeyShare>>>
  /** For how many seconds signatures are good, where it is not the default. */
  readonly lifetimes?: Partial<Lifetimes>
}

/**
 * Makes an empty repository and the keys it is signed with; the key ring keeps its first root. Run again after a
 * crash, or on a repository of the same keys, it completes what is missing. Returns false when there was nothing to
 * do. Throws REPOSITORY_EXISTS when the store holds a repository of other keys, and INIT_UNCLEAR when the keys were made
 * for another one than what is asked for now.
 */
export async function createRepository(
  context: CommitContext,
  { shares = {}, lifetimes: asked = {} }: CreateOptions = {},
): Promise<boolean> {
  const plan = { shares, lifetimes: asked }
  const { keys } = context
  const root = await createRoot(context, plan)
  if ((await readBlob(context.store, timestampKey, context)) !== undefined) {
    endCreation(keys)
    return false
  }
  const rootSigners: Signing['signers'] = (role) => pickSigners({ root: root.metadata.signed }, keys, role)
  const targets = await createNumbered(context, 'targets', 1, async (version) =>
    signMetadata(delegatingTargets(context, version, plan), rootSigners('targets')),
  )
  const lifetimes = lifetimesIn({ root, targets })
  const createEmpty = async (role: DelegatedRoleName): Promise<SignedMetadata<Targets>> =>
    createNumbered(context, role, 1, async (version) =>
      signMetadata(
        new Targets(commonFields(context, lifetimes[role], version)),
        signersFor({ root, targets }, keys, role),
      ),
    )
  const meta = {
    'targets.json': describeMetadata(targets),
    'releases.json': describeMetadata(await createEmpty('releases')),
    'channels.json': describeMetadata(await createEmpty('channels')),
  }
  const snapshot = await createNumbered(context, 'snapshot', 1, async (version) =>
    signMetadata(
      new Snapshot({ ...commonFields(context, lifetimes.snapshot, version), meta }),
      rootSigners('snapshot'),
    ),
  )
  keys.keepTrustedRoot(root.bytes)
  const isMade = await createTimestamp(context, snapshot, { signers: rootSigners, lifetimes })
  endCreation(keys)
  return isMade
}

async function createRoot(context: CommitContext, plan: CreationPlan): Promise<SignedMetadata<Root>> {
  const { store, keys } = context
  const existing = await readBlob(store, metadataKey('root', 1), context)
  if (existing !== undefined) {
    if (keys.trustedRoot()?.equals(existing.bytes) !== true) throw otherKeys(context)
    if ((await readBlob(store, timestampKey, context)) === undefined) beginCreation(keys, plan)
    const first = readRoot(existing.bytes, '1.root.json')
    refuseOtherShares(keys, first.metadata.signed.roles, plan)
    return first
  }
  beginCreation(keys, plan)
  keys.generateMissing(Object.fromEntries(roleNames.map((role) => [role, plan.shares[role]?.keys ?? 1])))
  const bytes = keys.trustedRoot() ?? (await signFirstRoot(context, plan))
  const root = readRoot(bytes, keys.rootPath)
  refuseOtherShares(keys, root.metadata.signed.roles, plan)
  // Kept before it is stored: a store with a root that no key ring remembers could not be taken up again.
  keys.keepTrustedRoot(bytes)
  try {
    await store.create(metadataKey('root', 1), bytes, {
      signal: context.signal,
      contentType: 'application/json',
      cacheControl: immutableCaching,
    })
  } catch (error) {
    if (!(error instanceof BlobExistsError)) throw error
    return createRoot(context, plan)
  }
  return root
}

function otherKeys({ store, keys }: CommitContext): RepositoryError {
  return new RepositoryError('REPOSITORY_EXISTS', `${store.name} holds a repository of other keys`, {
    hint: `name its keys with --keys instead of ${keys.directory}, or choose another store`,
  })
}

async function signFirstRoot(
  { keys, now }: CommitContext,
  { shares, lifetimes }: CreationPlan,
): Promise<Buffer> {
  const names = ['root', 'targets', 'snapshot', 'timestamp'] as const
  const keysOf = (role: RoleName): Key[] => keys.signers(role).map(({ key }) => key)
  const fields = commonFields({ now }, lifetimes.root ?? defaultLifetimes.root, 1)
  const root = Root.fromJSON({
    _type: 'root',
    version: fields.version,
    spec_version: fields.specVersion,
    expires: fields.expires,
    consistent_snapshot: true,
    keys: Object.fromEntries(names.flatMap(keysOf).map((key) => [key.keyID, key.toJSON()])),
    roles: Object.fromEntries(
      names.map((role) => [role, roleJson(keys, role, { shares, lifetimes })] as const),
    ),
  })
  const metadata = new Metadata(root)
  // Those of the delegated roles are read too, so that a damaged one is found before anything is stored.
  for (const role of delegatedRoleNames) keys.signers(role)
  await addSignatures(metadata, keys.signers('root').slice(0, shares.root?.threshold ?? 1))
  return bytesOf(metadata)
}

/** The offline targets role lists nothing itself: it says which keys may sign releases, and which channels. */
function delegatingTargets(
  { keys, now }: CommitContext,
  version: number,
  { shares, lifetimes }: CreationPlan,
): Targets {
  const fields = commonFields({ now }, lifetimes.targets ?? defaultLifetimes.targets, version)
  const listed = delegatedRoleNames.flatMap((role) => keys.signers(role).map(({ key }) => key))
  return Targets.fromJSON({
    _type: 'targets',
    version,
    spec_version: fields.specVersion,
    expires: fields.expires,
    targets: {},
    delegations: {
      keys: Object.fromEntries(listed.map((key) => [key.keyID, key.toJSON()])),
      roles: delegatedRoleNames.map((role) =>
        Object.assign(roleJson(keys, role, { shares, lifetimes }), {
          name: role,
          terminating: true,
          paths: [`${role}/*`],
        }),
      ),
    },
  })
}

/** What is not said of the lifetime follows the default, also one of later versions of this program. */
function roleJson(
  keys: KeyRing,
  role: RoleName,
  { shares, lifetimes }: CreationPlan,
): Record<string, string[] | number> {
  const seconds = lifetimes[role]
  return {
    keyids: keys.signers(role).map(({ key }) => key.keyID),
    threshold: shares[role]?.threshold ?? 1,
    ...(seconds !== undefined && { [lifetimeMember]: seconds }),
  }
}

async function createTimestamp(
  context: CommitContext,
  snapshot: SignedMetadata<Snapshot>,
  signing: Signing,
): Promise<boolean> {
  const { bytes } = await signTimestamp(context, snapshot, 1, signing)
  try {
    await context.store.create(timestampKey, bytes, {
      signal: context.signal,
      contentType: 'application/json',
      cacheControl: revalidatedCaching,
    })
    return true
  } catch (error) {
    if (error instanceof BlobExistsError) return false
    throw error
  }
}
