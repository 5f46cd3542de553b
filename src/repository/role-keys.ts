import { TrustError } from '../trust/errors.ts'
import type { KeyRing } from '../trust/key-ring.ts'
import type { RoleName } from '../trust/role.ts'
import type { RepositoryState } from './repository-state.ts'

/**
 * Throws KEY_MISSING, KEY_UNREADABLE or KEY_WRONG unless the key ring holds keys that the repository takes for the
 * roles: metadata signed by others would make it unreadable. Every commit signs `snapshot` and `timestamp`.
 */
export function refuseWrongKeys(state: RepositoryState, keys: KeyRing, roles: readonly RoleName[]): void {
  for (const role of new Set<RoleName>([...roles, 'snapshot', 'timestamp'])) {
    if (isTrusted(state, keys, role)) continue
    throw new TrustError(
      'KEY_WRONG',
      `the key of the role "${role}" in ${keys.directory} is not this repository's`,
      {
        hint: 'name the key directory that belongs to the store with --keys or VEND_KEYS',
      },
    )
  }
}

/** Whether the key ring holds a key that the repository takes for the role, and that may be read. */
export function canSign(state: RepositoryState, keys: KeyRing, role: RoleName): boolean {
  try {
    return isTrusted(state, keys, role)
  } catch (error) {
    if (error instanceof TrustError) return false
    throw error
  }
}

function isTrusted({ root, targets }: RepositoryState, keys: KeyRing, role: RoleName): boolean {
  const delegated = targets.metadata.signed.delegations?.roles?.[role]
  const trusted = (delegated ?? root.metadata.signed.roles[role])?.keyIDs ?? []
  return trusted.includes(keys.key(role).key.keyID)
}
