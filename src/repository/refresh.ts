import { Root } from '@tufjs/models'
import {
  delegatedRoleNames,
  isHalfOver,
  onlineRoleNames,
  roleNames,
  soonDays,
  type RoleName,
} from '../trust/role.ts'
import { signMetadata } from '../trust/sign-metadata.ts'
import { readRoot } from '../trust/verify-metadata.ts'
import { commit, commonFields, createOnce, type CommitContext } from './commit.ts'
import { metadataKey } from './layout.ts'
import { canSign, refuseWrongKeys, signersFor } from './role-keys.ts'
import { loadState, type RepositoryState } from './repository-state.ts'

export interface RefreshOutcome {
  /** That is valid now. */
  readonly state: RepositoryState
  readonly renewed: readonly RoleName[]
  readonly expiring: readonly ExpiringRole[]
}

/** A role whose metadata expires within `soonDays` and was not renewed. */
export interface ExpiringRole {
  readonly role: RoleName
  readonly expires: Date
  /** Whether the key that renews it is in the key directory. */
  readonly hasKey: boolean
}

export interface RefreshOptions {
  /** Every role, which takes every key. */
  readonly all?: boolean
  /** Snapshot and timestamp alone, whatever keys there are. */
  readonly onlyOnline?: boolean
}

const soonMs = soonDays * 24 * 60 * 60 * 1000

/**
 * Signs metadata anew, so that machines may trust it for another term; nothing else changes. The snapshot and the
 * timestamp always; releases and channels when half of their term is over and their keys are there; with `all` every
 * role, which takes every key. To be run well before they expire. Throws RepositoryError (PUBLISH_CONFLICT) and
 * TrustError; KEY_… before anything is stored.
 */
export async function refreshExpiry(
  context: CommitContext,
  { all = false, onlyOnline = false }: RefreshOptions = {},
): Promise<RefreshOutcome> {
  const { store, keys, now, signal } = context
  const options = { signal, trustedRoot: keys.trustedRoot() }
  const before = await loadState(store, options)
  const roles = onlyOnline ? onlineRoleNames : roleNames
  const renewed = roles.filter((role) => all || isDue(role, before, context))
  await refuseWrongKeys(before, keys, renewed)
  // First, since it is complete by itself: machines that see it alone trust the same keys as before.
  if (all) await createNextRoot(context, before)
  await commit(context, before, { renewed: new Set(renewed) })
  const state = await loadState(store, options)
  const expiring = roleNames
    .map((role) => ({ role, expires: expiryDates(state)[role], hasKey: canSign(state, keys, role) }))
    .filter(({ expires }) => expires.getTime() - now.getTime() < soonMs)
    .filter(({ role }) => !renewed.includes(role))
  return { state, renewed, expiring }
}

function isDue(role: RoleName, state: RepositoryState, { keys, now }: CommitContext): boolean {
  if (onlineRoleNames.includes(role)) return true
  const isRenewable = delegatedRoleNames.some((one) => one === role)
  return isRenewable && isHalfOver(role, expiryDates(state)[role], now) && canSign(state, keys, role)
}

/** The same root for another term. Machines go from root to root: its number must be the next one, and free. */
async function createNextRoot(context: CommitContext, state: RepositoryState): Promise<void> {
  const { keys, roles, consistentSnapshot, unrecognizedFields, version } = state.root.metadata.signed
  const fields = commonFields(context, 'root', version + 1)
  const next = new Root({ ...fields, keys, roles, consistentSnapshot, unrecognizedFields })
  const { bytes } = await signMetadata(next, signersFor(state, context.keys, 'root'))
  const key = metadataKey('root', version + 1)
  // A root that machines refuse, as for want of signatures, would keep them from all later ones.
  readRoot(bytes, key, state.root.metadata)
  await createOnce(context, key, bytes)
}

/** Until when the metadata of each role may be trusted. */
export function expiryDates(state: RepositoryState): Readonly<Record<RoleName, Date>> {
  const dates = roleNames.map((role) => [role, new Date(state[role].metadata.signed.expires)] as const)
  return Object.fromEntries(dates) as Record<RoleName, Date>
}
