import { roleEntryOf, type Delegators } from './role-keys.ts'
import { roleNames, type RoleName } from './role.ts'

const hourMs = 60 * 60 * 1000
const daySeconds = 24 * 60 * 60

/** For how many seconds a signature of each role is good. */
export type Lifetimes = Readonly<Record<RoleName, number>>

/**
 * Where a repository says nothing else. Those of the timestamp and of the channels are the longest that a mirror can keep
 * a machine from learning something new: the first one that has no key, the second one that has both online keys (ADR 14).
 */
export const defaultLifetimes: Lifetimes = {
  root: 365 * daySeconds,
  targets: 365 * daySeconds,
  releases: 365 * daySeconds,
  channels: 7 * daySeconds,
  snapshot: 14 * daySeconds,
  timestamp: 7 * daySeconds,
}

/** Servers look every hour whether half of one is over. */
export const minLifetimeSeconds = daySeconds / 4
export const maxLifetimeSeconds = 366 * daySeconds

/** The member of a role's entry in the root, or in the delegations of targets: beside its keys. */
export const lifetimeMember = 'lifetimeSeconds'

/**
 * As the root and targets say. Not the metadata of the role itself: whoever stole a key could lengthen it there, and those
 * who sign after him would take it over.
 */
export function lifetimesOf(delegators: Delegators): Lifetimes {
  const entries = roleNames.map((role) => [role, lifetimeOf(delegators, role)] as const)
  return Object.fromEntries(entries) as Record<RoleName, number>
}

function lifetimeOf(delegators: Delegators, role: RoleName): number {
  const said = roleEntryOf(delegators, role)?.unrecognizedFields?.[lifetimeMember]
  return typeof said === 'number' && isLifetime(said) ? said : defaultLifetimes[role]
}

export function isLifetime(seconds: number): boolean {
  return Number.isSafeInteger(seconds) && seconds >= minLifetimeSeconds && seconds <= maxLifetimeSeconds
}

export function expiryAfter(seconds: number, now: Date): string {
  return new Date(now.getTime() + seconds * 1000).toISOString().replace(/\.\d+Z$/, 'Z')
}

/**
 * Whether a signature that is good until `expires` is to be renewed: more than half of the lifetime is over, or it was
 * signed for more than the role now has; an hour is what clocks may differ by.
 */
export function isDueAt(expires: Date, lifetimeSeconds: number, now: Date): boolean {
  const leftMs = expires.getTime() - now.getTime()
  return leftMs < (lifetimeSeconds * 1000) / 2 || leftMs > lifetimeSeconds * 1000 + hourMs
}

/** Before the end of a long term. */
const longWarningSeconds = 60 * daySeconds

/** How long before its end a signature is to be warned of, in milliseconds. */
export function warningMs(lifetimeSeconds: number): number {
  return Math.min(longWarningSeconds, lifetimeSeconds / 3) * 1000
}
