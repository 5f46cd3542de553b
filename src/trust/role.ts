/** The roles of The Update Framework that a repository has; the two delegated ones have their own keys. */
export type RoleName = 'root' | 'targets' | 'releases' | 'channels' | 'snapshot' | 'timestamp'

export const roleNames: readonly RoleName[] = [
  'root',
  'targets',
  'releases',
  'channels',
  'snapshot',
  'timestamp',
]

export type DelegatedRoleName = 'releases' | 'channels'

export const delegatedRoleNames: readonly DelegatedRoleName[] = ['releases', 'channels']

/** Those that a server may sign for by itself: they say what is current, and vouch for no content. */
export const onlineRoleNames: readonly RoleName[] = ['snapshot', 'timestamp']

const dayMs = 24 * 60 * 60 * 1000

/**
 * For how long a signature of each role is good. The online roles are short, since theirs is the longest that a
 * stolen or frozen mirror can keep a machine from learning something new. `vend refresh` renews them all.
 */
const lifetimeDays: Readonly<Record<RoleName, number>> = {
  root: 365,
  targets: 365,
  releases: 365,
  channels: 365,
  snapshot: 14,
  timestamp: 7,
}

export function expiryOf(role: RoleName, now: Date): string {
  return new Date(now.getTime() + lifetimeDays[role] * dayMs).toISOString().replace(/\.\d+Z$/, 'Z')
}

/** Whether more than half of a role's lifetime is over, when its signature is good until `expires`. */
export function isHalfOver(role: RoleName, expires: Date, now: Date): boolean {
  return expires.getTime() - now.getTime() < (lifetimeDays[role] * dayMs) / 2
}

/** Before the end of a long term. */
export const soonDays = 60

/** How long before its end a signature of the role is to be warned of, in milliseconds. */
export function soonBefore(role: RoleName): number {
  return Math.min(soonDays, lifetimeDays[role] / 3) * dayMs
}
