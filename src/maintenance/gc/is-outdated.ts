import { isSameCommit } from '../../repository/fence.ts'
import { isDamage } from '../../repository/is-damage.ts'
import type { RepositoryState } from '../../repository/repository-state.ts'

/**
 * Whether something may have been found lost only because another collection has retired the release meanwhile that
 * needed it: of a state that is the newest one no more, nothing need be there.
 */
export async function isOutdated(
  error: unknown,
  state: RepositoryState,
  loadState: () => Promise<RepositoryState>,
): Promise<boolean> {
  if (!isDamage(error)) return false
  return !isSameCommit((await loadState()).timestamp.bytes, state.timestamp.bytes)
}
