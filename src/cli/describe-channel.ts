import { reachedBy, type Channel } from '../../manifests/channel.ts'
import { wholeFleet, type Rollout } from '../../manifests/rollout.ts'
import { formatFraction } from './format-quantity.ts'

/** A channel as name and value pairs. */
export function describeChannel(channel: Channel, now: Date): (readonly [string, string])[] {
  const { version, previous, waypoints, halt, rollback } = channel
  return [
    ['release', String(version)],
    ...(previous === undefined ? [] : [['previously', String(previous)] as const]),
    ['rollout', describeRollout(channel, now)],
    ...(halt?.reason === undefined ? [] : [['halted for', halt.reason] as const]),
    ...(rollback === undefined
      ? []
      : [['rollback', `from ${rollback.from} and before: ${rollback.reason}`] as const]),
    ...(waypoints.length === 0 ? [] : [['waypoints', waypoints.join(', ')] as const]),
  ]
}

/** `all machines`, `10 % of machines`, `12.5 % of machines now, 100 % at 2026-01-31T23:59:59Z` */
export function describeRollout(channel: Channel, now: Date): string {
  const reached = reachedBy(channel, now)
  if (channel.halted) return `halted (was ${describeShare(reached)})`
  const last = channel.rollout.steps.at(-1)
  return last === undefined || last.fraction === reached
    ? describeShare(reached)
    : `${describeShare(reached)} now, ${formatFraction(last.fraction)} at ${last.at}`
}

/** A rollout as it was signed at an instant: `25 % of machines`, `1 % of machines, 100 % at 2026-01-31T23:59:59Z` */
export function describeSteps({ steps }: Rollout, signed: Date): string {
  const passed = steps.findLast(({ at }) => Date.parse(at) <= signed.getTime()) ?? steps[0]
  const share = describeShare(passed?.fraction ?? 0)
  const last = steps.at(-1)
  return last === undefined || last.fraction === passed?.fraction
    ? share
    : `${share}, ${formatFraction(last.fraction)} at ${last.at}`
}

function describeShare(fraction: number): string {
  return fraction === wholeFleet ? 'all machines' : `${formatFraction(fraction)} of machines`
}
