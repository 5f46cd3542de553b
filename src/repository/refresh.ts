import { commit, type CommitContext } from './commit.ts'
import { loadState, type RepositoryState } from './repository-state.ts'
import { roleNames, type RoleName } from '../trust/role.ts'

/**
 * Signs the snapshot and the timestamp anew, so that machines may trust them for another term; nothing else changes.
 * To be run well before they expire. Throws RepositoryError (PUBLISH_CONFLICT) and TrustError. Returns the state
 * that is valid now.
 */
export async function refreshExpiry(context: CommitContext): Promise<RepositoryState> {
  const { store, keys, signal } = context
  const options = { signal, trustedRoot: keys.trustedRoot() }
  const state = await loadState(store, options)
  await commit(context, state, {})
  return loadState(store, options)
}

/** Until when the metadata of each role may be trusted. */
export function expiryDates(state: RepositoryState): Readonly<Record<RoleName, Date>> {
  const dates = roleNames.map((role) => [role, new Date(state[role].metadata.signed.expires)] as const)
  return Object.fromEntries(dates) as Record<RoleName, Date>
}
