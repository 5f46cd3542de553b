import type { Root, Targets } from '@tufjs/models'
import type { Draft } from './draft.ts'
import { lifetimesOf, lifetimeMember } from './lifetime.ts'
import { roleKeysOf, type Delegators } from './role-keys.ts'
import { roleNames, type RoleName } from './role.ts'

/** What a draft does to the keys of one role. */
export interface RoleChange {
  readonly role: RoleName
  readonly added: readonly string[]
  readonly removed: readonly string[]
  readonly threshold: { readonly from: number; readonly to: number }
  /** For how long signatures of the role are to be good. */
  readonly lifetimeSeconds: { readonly from: number; readonly to: number }
  /** All keys that the role has then. */
  readonly keyIds: readonly string[]
}

/** A document that a draft puts into the place of another. */
export interface DocumentChange {
  readonly document: 'root' | 'targets'
  readonly version: { readonly from: number; readonly to: number }
  readonly expires: { readonly from: string; readonly to: string }
  /** Besides keys, thresholds, version and expiry, which have to be looked at by hand: JSON member names. */
  readonly otherMembers: readonly string[]
}

export interface DraftChanges {
  readonly documents: readonly DocumentChange[]
  readonly roles: readonly RoleChange[]
}

/** Everything in which a draft differs from what it replaces. */
export function changesOf({ base, root, targets }: Draft): DraftChanges {
  const documents = [
    root === undefined ? [] : documentChange('root', base.root.signed, root.signed),
    targets === undefined ? [] : documentChange('targets', base.targets.signed, targets.signed),
  ].flat()
  const from = { root: base.root.signed, targets: base.targets.signed }
  const to = { root: root?.signed ?? from.root, targets: targets?.signed ?? from.targets }
  const roles = roleNames.map((role) => roleChange(role, from, to))
  return {
    documents,
    roles: roles.filter(
      ({ added, removed, threshold, lifetimeSeconds }) =>
        added.length > 0 ||
        removed.length > 0 ||
        [threshold, lifetimeSeconds].some(({ from: before, to: after }) => before !== after),
    ),
  }
}

function roleChange(role: RoleName, from: Delegators, to: Delegators): RoleChange {
  const [before, after] = [roleKeysOf(from, role), roleKeysOf(to, role)]
  return {
    role,
    added: after.keyIds.filter((id) => !before.keyIds.includes(id)),
    removed: before.keyIds.filter((id) => !after.keyIds.includes(id)),
    threshold: { from: before.threshold, to: after.threshold },
    lifetimeSeconds: { from: lifetimesOf(from)[role], to: lifetimesOf(to)[role] },
    keyIds: after.keyIds,
  }
}

/** What is told of the document itself, and role by role: all of it by where it stands. */
const toldElsewhere = [
  /^(?:version|expires)$/,
  /^(?:delegations\.)?keys$/,
  new RegExp(String.raw`^(?:delegations\.)?roles\.\w+\.(?:keyids|threshold|${lifetimeMember})$`),
]

function documentChange(
  document: 'root' | 'targets',
  from: Root | Targets,
  to: Root | Targets,
): DocumentChange {
  return {
    document,
    version: { from: from.version, to: to.version },
    expires: { from: from.expires, to: to.expires },
    otherMembers: differences(from.toJSON(), to.toJSON(), ''),
  }
}

function differences(from: unknown, to: unknown, path: string): string[] {
  if (toldElsewhere.some((pattern) => pattern.test(path))) return []
  if (JSON.stringify(from) === JSON.stringify(to)) return []
  if (!isObject(from) || !isObject(to)) return [path]
  const names = [...new Set([...Object.keys(from), ...Object.keys(to)])]
  return names.flatMap((name) => differences(from[name], to[name], path === '' ? name : `${path}.${name}`))
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
