import { Root, Snapshot, Targets, type Key } from '@tufjs/models'
import type { JsonValue } from '../../manifests/canonical-json.ts'
import { BlobExistsError } from '../../storage/errors.ts'
import type { KeyRing } from '../trust/key-ring.ts'
import { delegatedRoleNames, type DelegatedRoleName } from '../trust/role.ts'
import { describeMetadata, signMetadata, type SignedMetadata } from '../trust/sign-metadata.ts'
import { commonFields, createNumbered, signTimestamp, type CommitContext } from './commit.ts'
import { RepositoryError } from './errors.ts'
import { immutableCaching, metadataKey, revalidatedCaching, timestampKey } from './layout.ts'
import { readBlob } from './read-blob.ts'

/**
 * Makes an empty repository and the keys it is signed with; the key ring keeps its first root. Run again after a
 * crash, or on a repository of the same keys, it completes what is missing. Returns false when there was nothing to
 * do. Throws REPOSITORY_EXISTS when the store holds a repository of other keys.
 */
export async function createRepository(context: CommitContext): Promise<boolean> {
  const root = await createRoot(context)
  if ((await readBlob(context.store, timestampKey, context)) !== undefined) return false
  const { keys } = context
  const targets = await createNumbered(context, 'targets', 1, (version) =>
    signMetadata(delegatingTargets(context, version), [keys.key('targets')]),
  )
  const releases = await createEmpty(context, 'releases')
  const channels = await createEmpty(context, 'channels')
  const meta = {
    'targets.json': describeMetadata(targets),
    'releases.json': describeMetadata(releases),
    'channels.json': describeMetadata(channels),
  }
  const snapshot = await createNumbered(context, 'snapshot', 1, (version) =>
    signMetadata(new Snapshot({ ...commonFields(context, 'snapshot', version), meta }), [
      keys.key('snapshot'),
    ]),
  )
  keys.keepTrustedRoot(root)
  return createTimestamp(context, snapshot)
}

async function createRoot(context: CommitContext): Promise<Buffer> {
  const { store, keys } = context
  const existing = await readBlob(store, metadataKey('root', 1), context)
  if (existing !== undefined) {
    if (keys.trustedRoot()?.equals(existing.bytes) === true) return existing.bytes
    throw new RepositoryError('REPOSITORY_EXISTS', `${store.name} holds a repository of other keys`, {
      hint: `name its keys with --keys instead of ${keys.directory}, or choose another store`,
    })
  }
  keys.generateMissing()
  const bytes = keys.trustedRoot() ?? signMetadata(firstRoot(context), [keys.key('root')]).bytes
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
    return createRoot(context)
  }
  return bytes
}

function firstRoot(context: CommitContext): Root {
  const { keys } = context
  const root = new Root({ ...commonFields(context, 'root', 1), consistentSnapshot: true })
  root.addKey(keys.key('root').key, 'root')
  root.addKey(keys.key('targets').key, 'targets')
  root.addKey(keys.key('snapshot').key, 'snapshot')
  root.addKey(keys.key('timestamp').key, 'timestamp')
  return root
}

/** The offline targets role lists nothing itself: it says which keys may sign releases, and which channels. */
function delegatingTargets(context: CommitContext, version: number): Targets {
  const fields = commonFields(context, 'targets', version)
  return Targets.fromJSON({
    _type: 'targets',
    version,
    spec_version: fields.specVersion,
    expires: fields.expires,
    targets: {},
    delegations: {
      keys: Object.fromEntries(delegatedRoleNames.map((role) => keyEntry(context.keys, role))),
      roles: delegatedRoleNames.map((role) => ({
        name: role,
        keyids: [context.keys.key(role).key.keyID],
        threshold: 1,
        terminating: true,
        paths: [`${role}/*`],
      })),
    },
  } as Parameters<typeof Targets.fromJSON>[0])
}

function keyEntry(keys: KeyRing, role: DelegatedRoleName): [string, JsonValue] {
  const key: Key = keys.key(role).key
  return [key.keyID, key.toJSON()]
}

async function createEmpty(
  context: CommitContext,
  role: DelegatedRoleName,
): Promise<SignedMetadata<Targets>> {
  return createNumbered(context, role, 1, (version) =>
    signMetadata(new Targets(commonFields(context, role, version)), [context.keys.key(role)]),
  )
}

async function createTimestamp(context: CommitContext, snapshot: SignedMetadata<Snapshot>): Promise<boolean> {
  try {
    await context.store.create(timestampKey, signTimestamp(context, snapshot, 1).bytes, {
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
