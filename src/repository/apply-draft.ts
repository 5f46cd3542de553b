import type { Metadata, Root, Targets } from '@tufjs/models'
import { canonicalJson, type JsonValue } from '../../manifests/canonical-json.ts'
import { isMet, isSignedEnough, signaturesNeeded, type Draft } from '../trust/draft.ts'
import { TrustError } from '../trust/errors.ts'
import { roleKeysOf } from '../trust/role-keys.ts'
import {
  delegatedRoleNames,
  isDelegated,
  isOnline,
  onlineRoleNames,
  roleNames,
  type RoleName,
} from '../trust/role.ts'
import { bytesOf, type SignedMetadata } from '../trust/sign-metadata.ts'
import type { Signer } from '../trust/signer.ts'
import { readRoot, verifies } from '../trust/verify-metadata.ts'
import { commit, createOnce, type Change, type CommitContext } from './commit.ts'
import { RepositoryError } from './errors.ts'
import { metadataKey } from './layout.ts'
import {
  delegatorsOf,
  lifetimesIn,
  loadState,
  type DelegatingState,
  type RepositoryState,
} from './repository-state.ts'
import { signersFor } from './role-keys.ts'
import { isUnreadable, storedRoot } from './unfinished-draft.ts'

export interface ApplyOutcome {
  /** That is valid now. */
  readonly state: RepositoryState
  /** Roles that were stored or signed anew. */
  readonly renewed: readonly RoleName[]
  /** False when some machines that ask in the moment between two writes are turned away until the second. */
  readonly isSeamless: boolean
}

/**
 * Makes a signed draft the repository's, and signs anew what does not verify by the new keys. Where the old keys are
 * at hand too, everything is first signed by old and new, so that machines read it by either root, and the root comes
 * last. Where they are not, the root comes right before the timestamp. Run again after a crash it completes the same.
 * Throws THRESHOLD_UNMET, KEY_… before anything is stored, and PUBLISH_CONFLICT where the repository is not the one that
 * the draft was made for.
 */
export async function applyDraft(context: CommitContext, draft: Draft): Promise<ApplyOutcome> {
  refuseUnsigned(draft)
  const root = await asStored(context, draft.base.root, signed(draft.root))
  const drafted = { root, targets: signed(draft.targets) }
  const current = await loadCurrent(context, draft, drafted.root)
  // What is there already is what an earlier run came to.
  const next: Next = {
    root: drafted.root?.bytes.equals(current.root.bytes) === true ? undefined : drafted.root,
    targets: drafted.targets?.bytes.equals(current.targets.bytes) === true ? undefined : drafted.targets,
  }
  if (next.root === undefined && next.targets === undefined)
    return { state: current, renewed: [], isSeamless: true }
  refuseOtherBase(current, draft, next)
  const after = { root: next.root ?? current.root, targets: next.targets ?? current.targets }
  refuseUnreadable(after)
  const stale = staleRoles(current, after)
  const needsCommit = stale.length > 0 || next.targets !== undefined
  const renewed: RoleName[] = roleNames.filter((role) => {
    if (role === 'root' || role === 'targets') return next[role] !== undefined
    return stale.includes(role) || (needsCommit && isOnline(role))
  })
  const signing = await chooseSigners(context, current, after, renewed)
  const change: Change = {
    renewed: new Set(stale),
    lifetimes: lifetimesIn(after),
    signers: (role) => signing.signers.get(role) ?? [],
    ...(hasOtherSnapshotKeys(current, after) && {
      isNewLogKey: true,
      // Not by the old keys too: whoever stole them may have stored a checkpoint of theirs.
      logSigners: signersFor(after, context.keys, 'snapshot'),
    }),
    ...(next.targets !== undefined && { targets: next.targets }),
  }
  const areTargetsBridged =
    next.targets === undefined || verifies(current.root.metadata, 'targets', next.targets.metadata)
  const isBridged = signing.isBridged && areTargetsBridged
  const storeNextRoot = async (): Promise<void> => {
    if (next.root !== undefined) await storeRoot(context, next.root, current.root.metadata)
  }
  // Where only one of the two roots can read it, as little as possible lies between the root and the timestamp.
  if (needsCommit)
    await commit(context, current, isBridged ? change : { ...change, beforeVisible: storeNextRoot })
  if (!needsCommit || isBridged) await storeNextRoot()
  const state = await loadState(context.store, {
    signal: context.signal,
    trustedRoot: context.keys.trustedRoot(),
  })
  return { state, renewed, isSeamless: !needsCommit || isBridged || next.root === undefined }
}

function refuseUnsigned(draft: Draft): void {
  if (isSignedEnough(draft)) return
  const missing = signaturesNeeded(draft)
    .filter((need) => !isMet(need))
    .map(
      (need) =>
        `${need.document} has ${need.signed.length} of the ${need.threshold} signatures that the ${need.by} asks for`,
    )
  throw new TrustError(
    'THRESHOLD_UNMET',
    `the draft is not signed by enough keys: ${[...new Set(missing)].join('; ')}`,
    {
      hint: 'sign it with "vend keys sign" where the other keys are',
    },
  )
}

function signed<Role extends Root | Targets>(
  metadata: Metadata<Role> | undefined,
): SignedMetadata<Role> | undefined {
  return metadata === undefined ? undefined : { metadata, bytes: bytesOf(metadata) }
}

/** An earlier run may have stored the root with the signatures of others; machines have seen those. */
async function asStored(
  context: CommitContext,
  base: Metadata<Root>,
  drafted: SignedMetadata<Root> | undefined,
): Promise<SignedMetadata<Root> | undefined> {
  if (drafted === undefined) return undefined
  const stored = await storedRoot(context, base)
  return stored !== undefined && isSameSigned(stored, drafted) ? stored : drafted
}

function isSameSigned(one: SignedMetadata<Root>, other: SignedMetadata<Root>): boolean {
  const [a, b] = [one, other].map(({ metadata }) => canonicalJson(metadata.signed.toJSON() as JsonValue))
  return a === b
}

/** Machines that see other keys of snapshots take the head of the log that these sign (format, §9). */
function hasOtherSnapshotKeys(before: DelegatingState, after: DelegatingState): boolean {
  const [old, next] = [before, after].map((state) =>
    roleKeysOf(delegatorsOf(state), 'snapshot').keyIds.toSorted().join(' '),
  )
  return old !== next
}

/** As the repository is; where an earlier run died behind its root, as it was before that root. */
async function loadCurrent(
  context: CommitContext,
  draft: Draft,
  nextRoot: SignedMetadata<Root> | undefined,
): Promise<RepositoryState> {
  const { store, signal, keys } = context
  const options = { signal, trustedRoot: keys.trustedRoot() }
  try {
    return await loadState(store, options)
  } catch (error) {
    if (!isUnreadable(error)) throw error
    const stored = await storedRoot(context, draft.base.root)
    if (stored === undefined) throw error
    if (nextRoot === undefined || !stored.bytes.equals(nextRoot.bytes)) throw begunOtherwise(stored, error)
    return loadState(store, { ...options, lastRoot: draft.base.root.signed.version })
  }
}

function begunOtherwise({ metadata }: SignedMetadata<Root>, cause: unknown): RepositoryError {
  return new RepositoryError(
    'PUBLISH_CONFLICT',
    `another change of keys has stored root ${metadata.signed.version} and did not come to its end`,
    {
      hint: 'complete that one with "vend keys apply" without a draft, then propose this change again',
      cause,
    },
  )
}

interface Next {
  readonly root: SignedMetadata<Root> | undefined
  readonly targets: SignedMetadata<Targets> | undefined
}

/** A draft that was overtaken would take back what overtook it. */
function refuseOtherBase(current: RepositoryState, { base }: Draft, next: Next): void {
  const isFit = (role: 'root' | 'targets'): boolean =>
    next[role] === undefined || bytesOf(base[role]).equals(current[role].bytes)
  if (isFit('root') && isFit('targets')) return
  const isBegun = current.root.metadata.signed.version === base.root.signed.version && next.root !== undefined
  throw new RepositoryError('PUBLISH_CONFLICT', 'the repository has changed since the draft was made', {
    hint: isBegun
      ? 'if its root is stored already, "vend keys apply" without a draft completes that; then propose the rest again'
      : 'look at "vend keys status", and propose the change again',
  })
}

/** Other keys may have signed the targets since the draft was made, and its root may know only those that did before. */
function refuseUnreadable({ root, targets }: DelegatingState): void {
  if (verifies(root.metadata, 'targets', targets.metadata)) return
  throw new RepositoryError(
    'PUBLISH_CONFLICT',
    'by the keys of this draft nobody could read the targets that the repository has by now',
    { hint: 'look at "vend keys status", and propose the change again' },
  )
}

/** Roles whose metadata the new keys do not vouch for. Targets are a matter of the draft. */
function staleRoles(current: RepositoryState, after: DelegatingState): RoleName[] {
  const delegated = delegatedRoleNames.filter(
    (role) => !verifies(after.targets.metadata, role, current[role].metadata),
  )
  const online = onlineRoleNames.filter(
    (role) => !verifies(after.root.metadata, role, current[role].metadata),
  )
  return [...delegated, ...online]
}

/** The new keys of each role have to sign, and the old ones do so too if they are here. */
async function chooseSigners(
  { keys }: CommitContext,
  before: DelegatingState,
  after: DelegatingState,
  renewed: readonly RoleName[],
): Promise<{ readonly signers: ReadonlyMap<RoleName, readonly Signer[]>; readonly isBridged: boolean }> {
  const signers = new Map<RoleName, readonly Signer[]>()
  let isBridged = true
  for (const role of roleNames) {
    if (role === 'root' || role === 'targets' || !renewed.includes(role)) continue
    const mustSign = signersFor(after, keys, role)
    const { keyIds, threshold } = roleKeysOf(delegatorsOf(before), role)
    // The keys of a delegated role come with the targets, in the same commit: nothing of the old is read by the new.
    const present = keys.keys(role).filter(({ signer }) => keyIds.includes(signer.key.keyID))
    const old = isDelegated(role) ? [] : present.slice(0, threshold).map(({ signer }) => signer)
    if (!isDelegated(role) && old.length < threshold) isBridged = false
    signers.set(role, [
      ...new Map([...mustSign, ...old].map((signer) => [signer.key.keyID, signer])).values(),
    ])
  }
  for (const signer of [...signers.values()].flat()) await signer.prepare()
  return { signers, isBridged }
}

async function storeRoot(
  context: CommitContext,
  next: SignedMetadata<Root>,
  previous: Metadata<Root>,
): Promise<void> {
  const { version } = next.metadata.signed
  // A root that machines refuse would keep them from all later ones.
  readRoot(next.bytes, `${version}.root.json`, previous)
  await createOnce(context, metadataKey('root', version), next.bytes)
}
