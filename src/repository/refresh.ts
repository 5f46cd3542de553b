import { Root } from '@tufjs/models'
import { isDueAt, warningMs } from '../trust/lifetime.ts'
import { isDelegated, isOnline, onlineRoleNames, roleNames, type RoleName } from '../trust/role.ts'
import { signMetadata } from '../trust/sign-metadata.ts'
import { readRoot } from '../trust/verify-metadata.ts'
import { commit, commonFields, createOnce, type CommitContext } from './commit.ts'
import { metadataKey } from './layout.ts'
import { canSign, refuseWrongKeys, signersFor } from './role-keys.ts'
import { lifetimesIn, loadState, type RepositoryState } from './repository-state.ts'

export interface RefreshOutcome {
  /** That is valid now. */
  readonly state: RepositoryState
  readonly renewed: readonly RoleName[]
  readonly expiring: readonly ExpiringRole[]
}

/** A role whose metadata expires soon, for the life it has, and was not renewed. */
export interface ExpiringRole {
  readonly role: RoleName
  readonly expires: Date
  /** Whether the key that renews it is in the key directory. */
  readonly hasKey: boolean
}

export interface RefreshOptions {
  /** Every role, which takes every key. */
  readonly all?: boolean
  /** These too, whatever is left of their life: it has changed. The root has been signed with that. */
  readonly named?: readonly RoleName[]
  /** Snapshot and timestamp alone, whatever keys there are. */
  readonly onlyOnline?: boolean
}

/**
 * Signs metadata anew, so that machines may trust it for another term; nothing else changes. The snapshot and the
 * timestamp always; releases and channels when half of their lifetime is over and their keys are there; with `all` every
 * role, which takes every key. To be run well before they expire. Throws RepositoryError (PUBLISH_CONFLICT) and
 * TrustError; KEY_… before anything is stored.
 */
export async function refreshExpiry(
  context: CommitContext,
  { all = false, named = [], onlyOnline = false }: RefreshOptions = {},
): Promise<RefreshOutcome> {
  const { store, keys, now, signal } = context
  const options = { signal, trustedRoot: keys.trustedRoot() }
  const before = await loadState(store, options)
  const roles = onlyOnline ? onlineRoleNames : roleNames
  const isNamed = (role: RoleName): boolean => role !== 'root' && named.includes(role)
  const renewed = roles.filter((role) => all || isNamed(role) || isDue(role, before, context))
  await refuseWrongKeys(before, keys, renewed)
  // First, since it is complete by itself: machines that see it alone trust the same keys as before.
  if (all) await createNextRoot(context, before)
  await commit(context, before, { renewed: new Set(renewed) })
  const state = await loadState(store, options)
  const expiring = expiringSoon(state, now)
    .filter((role) => !renewed.includes(role))
    .map((role) => ({ role, expires: expiryDates(state)[role], hasKey: canSign(state, keys, role) }))
  return { state, renewed, expiring }
}

/** The roles that have so little of their lifetime left that somebody has to be told, or nothing. */
export function expiringSoon(state: RepositoryState, now: Date): RoleName[] {
  const [dates, lifetimes] = [expiryDates(state), lifetimesIn(state)]
  return roleNames.filter((role) => dates[role].getTime() - now.getTime() < warningMs(lifetimes[role]))
}

/** Whether a role of the state is to be signed anew by whoever can. */
export function isDueIn(state: RepositoryState, role: RoleName, now: Date): boolean {
  return isDueAt(expiryDates(state)[role], lifetimesIn(state)[role], now)
}

function isDue(role: RoleName, state: RepositoryState, { keys, now }: CommitContext): boolean {
  if (isOnline(role)) return true
  return isDelegated(role) && isDueIn(state, role, now) && canSign(state, keys, role)
}

/** The same root for another term. Machines go from root to root: its number must be the next one, and free. */
async function createNextRoot(context: CommitContext, state: RepositoryState): Promise<void> {
  const { keys, roles, consistentSnapshot, unrecognizedFields, version } = state.root.metadata.signed
  const fields = commonFields(context, lifetimesIn(state).root, version + 1)
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
