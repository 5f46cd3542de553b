import { reachedBy, type Channel } from '../../manifests/channel.ts'
import type { Release } from '../../manifests/release.ts'
import { turnOf, wholeFleet } from '../../manifests/rollout.ts'
import type { Freshness } from './freshness.ts'

/** What a machine is to do about a channel, and each rule that led there. */
export interface Decision {
  /** The release to go to; the installed one when there is nothing to do. */
  readonly version: number | undefined
  readonly move: boolean
  /** In the order in which they were asked. */
  readonly rules: readonly Rule[]
}

/**
 * - `freshness`: the metadata may be trusted; it is asked by whoever read it.
 * - `channel`: there is another release for this machine. Where it holds and the machine does not move, it is held.
 * - `pin`, `rollback`, `waypoint`: holds where it changes what the machine does; only asked where there is one, or
 *   where one is missing.
 * - `halted`, `rollout`, `requires`: holds where the machine may move.
 */
export interface Rule {
  readonly name: 'freshness' | 'channel' | 'pin' | 'rollback' | 'halted' | 'rollout' | 'waypoint' | 'requires'
  readonly holds: boolean
  /** In words, without a full stop. */
  readonly says: string
}

export interface MachineFacts {
  readonly installed: number | undefined
  /** The last release that the machine may go to, by its owner's wish. */
  readonly pin?: number | undefined
  /** XXH64 of the channel's seed and the machine's id, modulo 10,000 (format §6). */
  readonly bucket: number
  /** The machine's own clock. */
  readonly now: Date
}

/**
 * Decides from the signed channel document alone (format §8.1). A machine without a release takes the channel's
 * whatever the rollout says: to have nothing is no alternative. Another goes to a later release as soon as all rules
 * hold, and to an earlier one only where the document orders it.
 */
export function decide(channel: Channel, facts: MachineFacts): Decision {
  const { installed, pin } = facts
  const wanted = pin === undefined ? channel.version : Math.min(pin, channel.version)
  const rules = [channelRule(channel, wanted, facts), ...pinRules(channel, facts)]
  if (installed === undefined) return { version: wanted, move: true, rules }
  if (installed === wanted) return { version: installed, move: false, rules }
  if (installed > wanted) return decideBackwards(channel, installed, facts, rules)
  const permissions = [
    haltRule(channel),
    ...(wanted === channel.version ? [rolloutRule(channel, facts)] : []),
  ]
  const waypoint = channel.waypoints.find((version) => installed < version && version < wanted)
  const onTheWay = waypoint === undefined ? [] : [waypointRule(waypoint)]
  const move = permissions.every(({ holds }) => holds)
  return {
    version: move ? (waypoint ?? wanted) : installed,
    move,
    rules: [...rules, ...permissions, ...onTheWay],
  }
}

export function freshnessRule({ until, role }: Freshness): Rule {
  return { name: 'freshness', holds: true, says: `the metadata is good until ${until}, as its ${role} says` }
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
  const says = `release ${release.version} requires release ${requires}${holds ? '' : ' first'}; ${installed} is installed`
  const rules = [...decision.rules, { name: 'requires', holds, says } as const]
  return holds ? { ...decision, rules } : { version: installed, move: false, rules }
}

function decideBackwards(
  channel: Channel,
  installed: number,
  { pin }: MachineFacts,
  before: readonly Rule[],
): Decision {
  const stay = (...rules: readonly Rule[]): Decision => ({
    version: installed,
    move: false,
    rules: [...before, ...rules],
  })
  if (installed <= channel.version) return stay()
  const order = rollbackRule(channel, installed, pin)
  if (!order.holds) return stay(order)
  const halt = haltRule(channel)
  return halt.holds
    ? { version: channel.version, move: true, rules: [...before, order, halt] }
    : stay(order, halt)
}

function channelRule(channel: Channel, wanted: number, { installed, pin }: MachineFacts): Rule {
  const { version, rollback } = channel
  const from = installed === undefined ? 'nothing is installed' : `release ${installed} is installed`
  const isOrdered = rollback !== undefined && installed !== undefined && installed <= rollback.from
  const isBack = isOrdered && installed > version && installed !== pin
  const holds = installed === undefined || installed < wanted || isBack
  return { name: 'channel', holds, says: `channel ${channel.channel} is at release ${version}; ${from}` }
}

function pinRules({ version }: Channel, { installed, pin }: MachineFacts): Rule[] {
  if (pin === undefined) return []
  const says = `this machine is pinned to release ${pin}`
  if (pin === installed) return [{ name: 'pin', holds: pin !== version, says }]
  if (pin > version)
    return [{ name: 'pin', holds: false, says: `${says}, which is later than the channel's` }]
  if (installed === undefined || installed < pin) return [{ name: 'pin', holds: pin < version, says }]
  return [{ name: 'pin', holds: true, says: `${says}, and a pin leads to no earlier release` }]
}

/** A pin to what is installed keeps the machine from a rollback too: its owner has the last word. */
function rollbackRule({ version, rollback }: Channel, installed: number, pin: number | undefined): Rule {
  const rule = (holds: boolean, says: string): Rule => ({ name: 'rollback', holds, says })
  if (rollback === undefined) {
    return rule(
      false,
      `no rollback to release ${version} is ordered, and without one a machine does not go back`,
    )
  }
  const order = `machines up to release ${rollback.from} are ordered back to ${version}: ${rollback.reason}`
  if (installed > rollback.from) return rule(false, `${order}; this one has a later release`)
  if (pin === installed) return rule(false, `${order}; this one is pinned`)
  return rule(true, order)
}

function haltRule({ halted, halt }: Channel): Rule {
  if (!halted) return { name: 'halted', holds: true, says: 'the channel is not halted' }
  const since = halt === undefined ? '' : ` since ${halt.at}`
  const why = halt?.reason === undefined ? '' : `: ${halt.reason}`
  return { name: 'halted', holds: false, says: `the channel is halted${since}${why}` }
}

function rolloutRule(channel: Channel, { bucket, now }: MachineFacts): Rule {
  const { rollout, halt } = channel
  const fraction = reachedBy(channel, now)
  const holds = bucket < fraction
  const share = `${(fraction / 100).toFixed(2)} % of the machines may move; this one is number ${bucket} of ${wholeFleet}`
  return { name: 'rollout', holds, says: holds ? share : `${share}, and ${turn()}` }

  function turn(): string {
    const at = turnOf(rollout, bucket)
    if (at === undefined) return 'its turn does not come by this rollout'
    return halt !== undefined ? 'the rollout stands still' : `its turn comes at ${at}`
  }
}

function waypointRule(waypoint: number): Rule {
  return { name: 'waypoint', holds: true, says: `release ${waypoint} has to be passed on the way` }
}
