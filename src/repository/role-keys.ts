import type { Root, Targets } from '@tufjs/models'
import { TrustError } from '../trust/errors.ts'
import type { KeyRing } from '../trust/key-ring.ts'
import type { RoleName } from '../trust/role.ts'
import type { Signer } from '../trust/signer.ts'

/** Which keys may sign for a role, and how many of them have to. */
export interface RoleKeys {
  readonly keyIds: readonly string[]
  readonly threshold: number
}

/** What says whose signatures count: the root, and targets for the two roles that it delegates to. */
export interface Delegators {
  readonly root: { readonly metadata: { readonly signed: Root } }
  readonly targets: { readonly metadata: { readonly signed: Targets } }
}

export function roleKeysOf({ root, targets }: Delegators, role: RoleName): RoleKeys {
  const delegated = targets.metadata.signed.delegations?.roles?.[role]
  const { keyIDs, threshold } = delegated ?? root.metadata.signed.roles[role] ?? { keyIDs: [], threshold: 1 }
  return { keyIds: keyIDs, threshold }
}

/**
 * As many signers as the role needs. Throws KEY_MISSING, KEY_UNREADABLE, KEY_WRONG or THRESHOLD_UNMET: metadata signed
 * by others, or by fewer, would make the repository unreadable.
 */
export function signersFor(delegators: Delegators, keys: KeyRing, role: RoleName): readonly Signer[] {
  return pickSigners(roleKeysOf(delegators, role), keys, role)
}

export function pickSigners(
  { keyIds, threshold }: RoleKeys,
  keys: KeyRing,
  role: RoleName,
): readonly Signer[] {
  const signers = keys.signers(role)
  const listed = new Map(signers.map((signer) => [signer.key.keyID, signer]))
  const fit = keyIds.flatMap((id) => listed.get(id) ?? [])
  if (fit.length === 0) {
    throw new TrustError(
      'KEY_WRONG',
      `the key of the role "${role}" in ${keys.directory} is not this repository's`,
      { hint: 'name the key directory that belongs to the store with --keys or VEND_KEYS' },
    )
  }
  if (fit.length >= threshold) return fit.slice(0, threshold)
  const missing = keyIds.filter((id) => !listed.has(id)).map((id) => id.slice(0, 12))
  throw new TrustError(
    'THRESHOLD_UNMET',
    `the role "${role}" needs ${threshold} signatures, and ${keys.directory} has ${fit.length} of its keys; ` +
      `those that are not here: ${missing.join(', ')}`,
    { hint: 'bring the keys together, or sign a draft where each is: see "vend keys propose --help"' },
  )
}

/**
 * Throws as `signersFor` unless all of the roles, and `snapshot` and `timestamp`, which every commit signs, can be
 * signed. Asks for the passphrases that this takes, which may throw KEY_PASSPHRASE_….
 */
export async function refuseWrongKeys(
  delegators: Delegators,
  keys: KeyRing,
  roles: readonly RoleName[],
): Promise<void> {
  const signers = [...new Set<RoleName>([...roles, 'snapshot', 'timestamp'])].flatMap((role) =>
    signersFor(delegators, keys, role),
  )
  for (const signer of signers) await signer.prepare()
}

/** Whether the key ring holds so many keys that the repository takes for the role, and that may be read. */
export function canSign(delegators: Delegators, keys: KeyRing, role: RoleName): boolean {
  try {
    return signersFor(delegators, keys, role).length > 0
  } catch (error) {
    if (error instanceof TrustError) return false
    throw error
  }
}
