import type { Release } from '../../manifests/release.ts'
import type { Decision } from './decide.ts'
import { MachineError } from './errors.ts'
import type { MachineSettings } from './machine-state.ts'

/** Throws MODULE_MISSING. */
export function refuseMissingModules(release: Release, asked: MachineSettings['modules']): void {
  if (asked === 'all') return
  const missing = asked.filter((name) => !Object.hasOwn(release.modules, name))
  if (missing.length === 0) return
  throw new MachineError(
    'MODULE_MISSING',
    `release ${release.version} no longer has what this machine asks for: ${missing.join(', ')}`,
    { hint: `give it up with "vend-client module remove ${missing.join(' ')}", then update` },
  )
}

/** Throws UPDATE_HELD: unlike a rollout, a requirement is not met by waiting. */
export function refuseTooOld({ rules }: Pick<Decision, 'rules'>): void {
  const unmet = rules.find(({ name, holds }) => name === 'requires' && !holds)
  if (unmet === undefined) return
  throw new MachineError('UPDATE_HELD', unmet.says, { hint: 'follow a channel that has it as a waypoint' })
}
