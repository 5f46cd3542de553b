import type { Metadata, Root, Targets } from '@tufjs/models'
import type { Draft } from '../trust/draft.ts'
import { TrustError } from '../trust/errors.ts'
import type { SignedMetadata } from '../trust/sign-metadata.ts'
import { readRoot, verifies } from '../trust/verify-metadata.ts'
import type { CommitContext } from './commit.ts'
import { RepositoryError } from './errors.ts'
import { metadataKey } from './layout.ts'
import { readBlob } from './read-blob.ts'
import { readNumberedTargets } from './read-numbered.ts'
import { loadState, type RepositoryState } from './repository-state.ts'

/**
 * A change of keys that ended behind its root, as a draft to be applied again, out of what lies in the store; undefined
 * when all was completed. It is what the draft was, but for a change of the releases' or channels' keys that came with it,
 * which is to be proposed again. Throws as `loadState`, and PUBLISH_CONFLICT when the root that is there cannot be
 * completed by anything that was signed.
 */
export async function unfinishedDraft(context: CommitContext): Promise<Draft | undefined> {
  const { store, keys, signal } = context
  const options = { signal, trustedRoot: keys.trustedRoot() }
  try {
    await loadState(store, options)
    return undefined
  } catch (error) {
    if (!isUnreadable(error)) throw error
    const base = await loadState(store, { ...options, lastRoot: (await newestRoot(context)) - 1 })
    const root = await storedRoot(context, base.root.metadata)
    if (root === undefined) throw error
    const targets = await targetsUnder(root.metadata, base, context)
    return {
      earlierRoots: [],
      base: { root: base.root.metadata, targets: base.targets.metadata },
      root: root.metadata,
      targets,
    }
  }
}

/** Whether it may be that the newest root was stored and nothing after it. */
export function isUnreadable(error: unknown): boolean {
  return error instanceof TrustError && error.code === 'METADATA_INVALID'
}

/** The root after `previous`, if it is in the store; as it is there. Throws METADATA_INVALID. */
export async function storedRoot(
  { store, signal }: Pick<CommitContext, 'store' | 'signal'>,
  previous: Metadata<Root>,
): Promise<SignedMetadata<Root> | undefined> {
  const key = metadataKey('root', previous.signed.version + 1)
  const blob = await readBlob(store, key, { signal })
  return blob === undefined ? undefined : readRoot(blob.bytes, key, previous)
}

async function newestRoot({ store, signal }: CommitContext): Promise<number> {
  let version = 1
  while ((await store.stat(metadataKey('root', version + 1), { signal })) !== undefined) version++
  return version
}

/** None where those that are there will do. */
async function targetsUnder(
  root: Metadata<Root>,
  { targets }: RepositoryState,
  { store, signal }: CommitContext,
): Promise<Metadata<Targets> | undefined> {
  if (verifies(root, 'targets', targets.metadata)) return undefined
  for (let version = targets.metadata.signed.version + 1; ; version++) {
    const found = await readNumberedTargets(store, 'targets', version, { signal })
    if (found === 'missing') break
    if (found !== undefined && verifies(root, 'targets', found.metadata)) return found.metadata
  }
  throw new RepositoryError(
    'PUBLISH_CONFLICT',
    `root ${root.signed.version} in ${store.name} names other keys of targets, and nothing that they have signed is there`,
    { hint: 'apply the draft that this root came with: "vend keys apply DRAFT"' },
  )
}
