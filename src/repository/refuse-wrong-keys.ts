import { TrustError } from '../trust/errors.ts'
import type { KeyRing } from '../trust/key-ring.ts'
import type { DelegatedRoleName, RoleName } from '../trust/role.ts'
import type { RepositoryState } from './repository-state.ts'

/**
 * Throws KEY_MISSING, KEY_UNREADABLE or KEY_WRONG unless the key ring holds keys that the repository takes for the
 * roles: metadata signed by others would make it unreadable. Every commit signs `snapshot` and `timestamp`.
 */
export function refuseWrongKeys(
  state: RepositoryState,
  keys: KeyRing,
  roles: readonly DelegatedRoleName[],
): void {
  for (const role of [...roles, 'snapshot', 'timestamp'] as const) {
    const { keyID } = keys.key(role).key
    if (trustedKeyIds(state, role).includes(keyID)) continue
    throw new TrustError(
      'KEY_WRONG',
      `the key of the role "${role}" in ${keys.directory} is not this repository's`,
      {
        hint: 'name the key directory that belongs to the store with --keys or VEND_KEYS',
      },
    )
  }
}

function trustedKeyIds({ root, targets }: RepositoryState, role: RoleName): readonly string[] {
  const delegated = targets.metadata.signed.delegations?.roles?.[role]
  return (delegated ?? root.metadata.signed.roles[role])?.keyIDs ?? []
}
