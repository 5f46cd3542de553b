import { wholeFleet, type Channel } from '../../manifests/channel.ts'
import { formatFraction } from './format-quantity.ts'

/** A channel as name and value pairs. */
export function describeChannel(channel: Channel): (readonly [string, string])[] {
  return [
    ['release', String(channel.version)],
    ...(channel.previous === undefined ? [] : [['previously', String(channel.previous)] as const]),
    ['rollout', describeRollout(channel)],
    ...(channel.waypoints.length === 0 ? [] : [['waypoints', channel.waypoints.join(', ')] as const]),
  ]
}

export function describeRollout({ rollout, halted }: Channel): string {
  const share =
    rollout.fraction === wholeFleet ? 'all machines' : `${formatFraction(rollout.fraction)} of machines`
  return halted ? `halted (was ${share})` : share
}
