/** The roles of The Update Framework that a repository has; the two delegated ones have their own keys. */
export type RoleName = 'root' | 'targets' | DelegatedRoleName | OnlineRoleName

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

/** Whether targets says who signs for the role; of all others the root says so. */
export function isDelegated(role: RoleName): role is DelegatedRoleName {
  return role === 'releases' || role === 'channels'
}

export type OnlineRoleName = 'snapshot' | 'timestamp'

/** Those that a server may sign for by itself: they say what is current, and vouch for no content. */
export const onlineRoleNames: readonly OnlineRoleName[] = ['snapshot', 'timestamp']

export function isOnline(role: RoleName): role is OnlineRoleName {
  return role === 'snapshot' || role === 'timestamp'
}
