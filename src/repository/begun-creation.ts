import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { KeyRing } from '../trust/key-ring.ts'
import type { Lifetimes } from '../trust/lifetime.ts'
import { roleNames, type RoleName } from '../trust/role.ts'
import { RepositoryError } from './errors.ts'

/** How many keys a role has, and how many of them have to sign. */
export interface KeyShare {
  readonly threshold: number
  readonly keys: number
}

/** What a repository is to be made like, as far as it was said. */
export interface CreationPlan {
  readonly shares: Partial<Readonly<Record<RoleName, KeyShare>>>
  readonly lifetimes: Partial<Lifetimes>
}

/**
 * Notes in the key directory what is being made, until `endCreation`. Whoever runs it again after a crash, and forgets what
 * it was, would otherwise get a repository that one key signs for alone. Throws INIT_UNCLEAR when something else was begun.
 */
export function beginCreation(keys: KeyRing, plan: CreationPlan): void {
  const asked = optionsOf(plan)
  const path = notePath(keys)
  const begun = existsSync(path) ? readFileSync(path, 'utf8') : undefined
  if (begun === undefined) {
    refuseUnsaid(keys, plan)
    mkdirSync(keys.directory, { recursive: true, mode: 0o700 })
    writeFileSync(`${path}.tmp`, `${asked}\n`, { flush: true })
    renameSync(`${path}.tmp`, path)
  } else if (begun.trim() !== asked) {
    throw new RepositoryError(
      'INIT_UNCLEAR',
      `another repository was begun with the keys in ${keys.directory}: "vend init${begun.trim() === '' ? '' : ` ${begun.trim()}`}"`,
      {
        hint: `run that command to complete it; or, if nothing of it is in use, remove ${keys.directory} and begin anew`,
      },
    )
  }
}

export function endCreation(keys: KeyRing): void {
  rmSync(notePath(keys), { force: true })
}

/** Throws INIT_UNCLEAR unless a root that is there already is like what was said of its roles. */
export function refuseOtherShares(
  keys: KeyRing,
  roles: Readonly<Record<string, { readonly keyIDs: readonly string[]; readonly threshold: number }>>,
  { shares }: CreationPlan,
): void {
  for (const [role, share] of Object.entries(shares)) {
    const made = roles[role]
    if (made === undefined || (made.threshold === share.threshold && made.keyIDs.length >= share.keys))
      continue
    throw new RepositoryError(
      'INIT_UNCLEAR',
      `the root in ${keys.rootPath} wants ${made.threshold} of ${made.keyIDs.length} keys of the role "${role}", not ${share.threshold} of ${share.keys}`,
      { hint: 'leave --threshold out to keep it, or change it with "vend keys propose"' },
    )
  }
}

/** Several keys were made for something: that one of them is to be enough has to be said. */
function refuseUnsaid(keys: KeyRing, { shares }: CreationPlan): void {
  if (keys.trustedRoot() !== undefined) return
  for (const role of roleNames) {
    const { length } = shares[role] === undefined ? keys.keys(role) : []
    if (length < 2) continue
    throw new RepositoryError(
      'INIT_UNCLEAR',
      `there are ${length} keys of the role "${role}" in ${keys.directory}; how many of them have to sign was not said`,
      { hint: `say it, such as --threshold ${role}=2/${length}` },
    )
  }
}

/** As one writes them. */
function optionsOf({ shares, lifetimes }: CreationPlan): string {
  const options: string[] = []
  for (const role of roleNames) {
    const [share, seconds] = [shares[role], lifetimes[role]]
    if (share !== undefined) options.push(`--threshold ${role}=${share.threshold}/${share.keys}`)
    if (seconds !== undefined) options.push(`--lifetime ${role}=${seconds}s`)
  }
  return options.join(' ')
}

function notePath(keys: KeyRing): string {
  return join(keys.directory, 'init-begun')
}
