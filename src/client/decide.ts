import type { Channel } from '../../manifests/channel.ts'
import { wholeFleet } from '../../manifests/channel.ts'
import type { Release } from '../../manifests/release.ts'

/** What a machine is to do about a channel, and each rule that led there. */
export interface Decision {
  /** The release to go to; the installed one when there is nothing to do. */
  readonly version: number | undefined
  readonly move: boolean
  /** In the order in which they were asked. */
  readonly rules: readonly Rule[]
}

export interface Rule {
  readonly name: 'channel' | 'halted' | 'rollout' | 'waypoint' | 'requires'
  readonly holds: boolean
  readonly says: string
}

export interface MachineFacts {
  readonly installed: number | undefined
  /** XXH64 of the channel's seed and the machine's id, modulo 10,000 (format §6). */
  readonly bucket: number
}

/** The same decision, unless the release it leads to cannot be reached from the installed one. */
export function holdForRequirement(
  decision: Decision,
  release: Release,
  installed: number | undefined,
): Decision {
  const { requires } = release
  if (!decision.move || installed === undefined || requires === undefined) return decision
  const holds = installed >= requires
  const says = `release ${release.version} requires release ${requires} first`
  const rules = [...decision.rules, { name: 'requires', holds, says } as const]
  return holds ? { ...decision, rules } : { version: installed, move: false, rules }
}

/**
 * Decides from the signed channel document alone. A machine without a release takes the channel's whatever the
 * rollout says: to have nothing is no alternative.
 */
export function decide(channel: Channel, { installed, bucket }: MachineFacts): Decision {
  const rules: Rule[] = []
  const ask = (name: Rule['name'], holds: boolean, says: string): boolean => {
    rules.push({ name, holds, says })
    return holds
  }
  const wanted = channel.version
  const different = installed !== wanted
  const from = installed === undefined ? 'nothing is installed' : `release ${installed} is installed`
  ask('channel', different, `channel ${channel.channel} is at release ${wanted}; ${from}`)
  if (!different) return { version: installed, move: false, rules }
  if (installed === undefined) return { version: wanted, move: true, rules }
  const running = ask(
    'halted',
    !channel.halted,
    channel.halted ? 'the channel is halted' : 'the channel is not halted',
  )
  const { fraction } = channel.rollout
  const share = `${(fraction / 100).toFixed(2)} % of the machines may move; this one is number ${bucket} of ${wholeFleet}`
  const selected = ask('rollout', bucket < fraction, share)
  if (!running || !selected) return { version: installed, move: false, rules }
  const waypoint = channel.waypoints.find((version) => installed < version && version < wanted)
  if (waypoint === undefined) return { version: wanted, move: true, rules }
  ask('waypoint', true, `release ${waypoint} has to be passed on the way`)
  return { version: waypoint, move: true, rules }
}
