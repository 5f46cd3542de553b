import { signDraft } from '../trust/draft.ts'
import type { Lifetimes } from '../trust/lifetime.ts'
import { roleNames } from '../trust/role.ts'
import { applyDraft } from './apply-draft.ts'
import type { CommitContext } from './commit.ts'
import { proposeKeys, type KeyChange } from './propose-keys.ts'
import { lifetimesIn, loadState } from './repository-state.ts'
import { signersFor } from './role-keys.ts'

/**
 * Says in the root, and in targets for the roles that it delegates to, for how long signatures are to be good, where the
 * keys of these are at hand; elsewhere it takes a draft. What is signed already stays as it is until it is renewed. Throws
 * DRAFT_INVALID for a time that cannot be, and as `signersFor` and `applyDraft`; KEY_… before anything is stored.
 */
export async function setLifetimes(context: CommitContext, wanted: Partial<Lifetimes>): Promise<void> {
  const { store, keys, signal } = context
  const state = await loadState(store, { signal, trustedRoot: keys.trustedRoot() })
  const present = lifetimesIn(state)
  const changes = roleNames.flatMap((role): KeyChange[] => {
    const seconds = wanted[role]
    return seconds === undefined || seconds === present[role] ? [] : [{ kind: 'lifetime', role, seconds }]
  })
  if (changes.length === 0) return
  const draft = await proposeKeys(state, changes, context)
  const signers = (['root', 'targets'] as const).flatMap((document) =>
    draft[document] === undefined ? [] : signersFor(state, keys, document),
  )
  for (const signer of signers) await signDraft(draft, signer)
  await applyDraft(context, draft)
}
