import { Metadata, Root, Snapshot, Targets, type Key } from '@tufjs/models'
import { BlobExistsError } from '../../storage/errors.ts'
import { addSignatures, bytesOf, describeMetadata, signMetadata } from '../trust/sign-metadata.ts'
import type { SignedMetadata } from '../trust/sign-metadata.ts'
import { delegatedRoleNames, roleNames, type DelegatedRoleName, type RoleName } from '../trust/role.ts'
import type { Signer } from '../trust/signer.ts'
import { readRoot } from '../trust/verify-metadata.ts'
import { commonFields, createNumbered, signTimestamp, type CommitContext } from './commit.ts'
import { RepositoryError } from './errors.ts'
import { immutableCaching, metadataKey, revalidatedCaching, timestampKey } from './layout.ts'
import { readBlob } from './read-blob.ts'
import { pickSigners, signersFor } from './role-keys.ts'

/** How many keys a role has, and how many of them have to sign. */
export interface KeyShare {
  readonly threshold: number
  readonly keys: number
}

export interface CreateOptions {
  /** Default: one key, which signs alone. Keys that the key ring has already are used first. */
  readonly shares?: Partial<Readonly<Record<RoleName, KeyShare>>>
}

/**
 * Makes an empty repository and the keys it is signed with; the key ring keeps its first root. Run again after a
 * crash, or on a repository of the same keys, it completes what is missing. Returns false when there was nothing to
 * do. Throws REPOSITORY_EXISTS when the store holds a repository of other keys.
 */
export async function createRepository(
  context: CommitContext,
  { shares = {} }: CreateOptions = {},
): Promise<boolean> {
  const root = await createRoot(context, shares)
  if ((await readBlob(context.store, timestampKey, context)) !== undefined) return false
  const { keys } = context
  const rootSigners = (role: RoleName): readonly Signer[] => {
    const { keyIDs = [], threshold = 1 } = root.metadata.signed.roles[role] ?? {}
    return pickSigners({ keyIds: keyIDs, threshold }, keys, role)
  }
  const targets = await createNumbered(context, 'targets', 1, async (version) =>
    signMetadata(delegatingTargets(context, version, shares), rootSigners('targets')),
  )
  const createEmpty = async (role: DelegatedRoleName): Promise<SignedMetadata<Targets>> =>
    createNumbered(context, role, 1, async (version) =>
      signMetadata(
        new Targets(commonFields(context, role, version)),
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
      new Snapshot({ ...commonFields(context, 'snapshot', version), meta }),
      rootSigners('snapshot'),
    ),
  )
  keys.keepTrustedRoot(root.bytes)
  return createTimestamp(context, snapshot, rootSigners('timestamp'))
}

async function createRoot(
  context: CommitContext,
  shares: NonNullable<CreateOptions['shares']>,
): Promise<SignedMetadata<Root>> {
  const { store, keys } = context
  const existing = await readBlob(store, metadataKey('root', 1), context)
  if (existing !== undefined) {
    if (keys.trustedRoot()?.equals(existing.bytes) === true) return readRoot(existing.bytes, '1.root.json')
    throw new RepositoryError('REPOSITORY_EXISTS', `${store.name} holds a repository of other keys`, {
      hint: `name its keys with --keys instead of ${keys.directory}, or choose another store`,
    })
  }
  keys.generateMissing(Object.fromEntries(roleNames.map((role) => [role, shares[role]?.keys ?? 1])))
  const bytes = keys.trustedRoot() ?? (await signFirstRoot(context, shares))
  const root = readRoot(bytes, keys.rootPath)
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
    return createRoot(context, shares)
  }
  return root
}

async function signFirstRoot(
  context: CommitContext,
  shares: NonNullable<CreateOptions['shares']>,
): Promise<Buffer> {
  const { keys } = context
  const names = ['root', 'targets', 'snapshot', 'timestamp'] as const
  const keysOf = (role: RoleName): Key[] => keys.signers(role).map(({ key }) => key)
  const fields = commonFields(context, 'root', 1)
  const root = Root.fromJSON({
    _type: 'root',
    version: fields.version,
    spec_version: fields.specVersion,
    expires: fields.expires,
    consistent_snapshot: true,
    keys: Object.fromEntries(names.flatMap(keysOf).map((key) => [key.keyID, key.toJSON()])),
    roles: Object.fromEntries(
      names.map((role) => [
        role,
        { keyids: keysOf(role).map(({ keyID }) => keyID), threshold: shares[role]?.threshold ?? 1 },
      ]),
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
  shares: NonNullable<CreateOptions['shares']>,
): Targets {
  const fields = commonFields({ now }, 'targets', version)
  const listed = delegatedRoleNames.flatMap((role) => keys.signers(role).map(({ key }) => key))
  return Targets.fromJSON({
    _type: 'targets',
    version,
    spec_version: fields.specVersion,
    expires: fields.expires,
    targets: {},
    delegations: {
      keys: Object.fromEntries(listed.map((key) => [key.keyID, key.toJSON()])),
      roles: delegatedRoleNames.map((role) => ({
        name: role,
        keyids: keys.signers(role).map(({ key }) => key.keyID),
        threshold: shares[role]?.threshold ?? 1,
        terminating: true,
        paths: [`${role}/*`],
      })),
    },
  })
}

async function createTimestamp(
  context: CommitContext,
  snapshot: SignedMetadata<Snapshot>,
  signers: readonly Signer[],
): Promise<boolean> {
  const { bytes } = await signTimestamp(context, snapshot, 1, signers)
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
