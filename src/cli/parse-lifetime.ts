import { isLifetime, maxLifetimeSeconds, minLifetimeSeconds } from '../trust/lifetime.ts'
import type { RoleName } from '../trust/role.ts'
import { formatTerm } from './format-term.ts'
import { parseDuration } from './parse-duration.ts'
import { parseOfRole } from './parse-role.ts'

export interface RoleLifetime {
  readonly role: RoleName
  readonly seconds: number
}

/** `channels=7d`, and several with commas between. */
export function parseLifetimes(text: string): readonly RoleLifetime[] {
  return text.split(',').map((part) => {
    const { role, value } = parseOfRole(part, 'TIME')
    const seconds = parseDuration(value)
    if (isLifetime(seconds)) return { role, seconds }
    const bounds = [minLifetimeSeconds, maxLifetimeSeconds].map(formatTerm)
    throw new Error(`signatures cannot be good for ${value}: from ${bounds.join(' to ')} they can`)
  })
}

/** By role, the last one where a role is named twice. */
export function lifetimesByRole(
  lifetimes: readonly (readonly RoleLifetime[])[],
): Partial<Readonly<Record<RoleName, number>>> {
  return Object.fromEntries(lifetimes.flat().map(({ role, seconds }) => [role, seconds]))
}
