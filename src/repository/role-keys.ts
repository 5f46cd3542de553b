import { TrustError } from '../trust/errors.ts'
import type { KeyRing } from '../trust/key-ring.ts'
import { shortKeyId } from '../trust/public-key.ts'
import { roleKeysOf, type Delegators } from '../trust/role-keys.ts'
import { onlineRoleNames, type RoleName } from '../trust/role.ts'
import type { Signer } from '../trust/signer.ts'
import { delegatorsOf, type DelegatingState } from './repository-state.ts'

/**
 * As many signers as the role needs. Throws KEY_MISSING, KEY_UNREADABLE, KEY_WRONG or THRESHOLD_UNMET: metadata signed
 * by others, or by fewer, would make the repository unreadable.
 */
export function signersFor(state: DelegatingState, keys: KeyRing, role: RoleName): readonly Signer[] {
  return pickSigners(delegatorsOf(state), keys, role)
}

export function pickSigners(delegators: Delegators, keys: KeyRing, role: RoleName): readonly Signer[] {
  const { keyIds, threshold } = roleKeysOf(delegators, role)
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
  const missing = keyIds.filter((id) => !listed.has(id)).map(shortKeyId)
  throw new TrustError(
    'THRESHOLD_UNMET',
    `the role "${role}" needs ${threshold} signatures, and ${keys.directory} has ${fit.length} of its keys; ` +
      `those that are not here: ${missing.join(', ')}`,
    { hint: 'bring the keys together, or sign a draft where each is: see "vend keys propose --help"' },
  )
}

/**
 * Throws as `signersFor` unless all of the roles, and those online, which every commit signs, can be
 * signed. Asks for the passphrases that this takes, which may throw KEY_PASSPHRASE_….
 */
export async function refuseWrongKeys(
  state: DelegatingState,
  keys: KeyRing,
  roles: readonly RoleName[],
): Promise<void> {
  const signers = [...new Set<RoleName>([...roles, ...onlineRoleNames])].flatMap((role) =>
    signersFor(state, keys, role),
  )
  for (const signer of signers) await signer.prepare()
}

/** Whether the key ring holds so many keys that the repository takes for the role, and that may be read. */
export function canSign(state: DelegatingState, keys: KeyRing, role: RoleName): boolean {
  try {
    return signersFor(state, keys, role).length > 0
  } catch (error) {
    if (error instanceof TrustError) return false
    throw error
  }
}
