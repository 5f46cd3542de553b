import type { Root, Targets } from '@tufjs/models'
import { isDelegated, type RoleName } from './role.ts'

/** What says whose signatures count: the root, and targets for the two roles that it delegates to. */
export interface Delegators {
  readonly root: Root
  /** None while a repository is made. */
  readonly targets?: Targets | undefined
}

/** Which keys may sign for a role, and how many of them have to. */
export interface RoleKeys {
  readonly keyIds: readonly string[]
  readonly threshold: number
}

/** An entry of a root's `roles` or of targets' `delegations.roles`. */
export type RoleEntry = Root['roles'][string]

/** What the role's delegator says of it; undefined when it says nothing. */
export function roleEntryOf({ root, targets }: Delegators, role: RoleName): RoleEntry | undefined {
  return isDelegated(role) ? targets?.delegations?.roles?.[role] : root.roles[role]
}

export function roleKeysOf(delegators: Delegators, role: RoleName): RoleKeys {
  return keysIn(roleEntryOf(delegators, role))
}

export interface NamedRoleKeys extends RoleKeys {
  readonly role: string
}

/** Of every role that the documents name, also of such as this program does not know. */
export function allRoleKeys(root: Root | undefined, targets: Targets | undefined): NamedRoleKeys[] {
  const entries = [...Object.entries(root?.roles ?? {}), ...Object.entries(targets?.delegations?.roles ?? {})]
  return entries.map(([role, entry]) => {
    const { keyIds, threshold } = keysIn(entry)
    return { role, keyIds, threshold }
  })
}

function keysIn(entry: RoleEntry | undefined): RoleKeys {
  return { keyIds: entry?.keyIDs ?? [], threshold: entry?.threshold ?? 1 }
}
