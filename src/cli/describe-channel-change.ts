import type { Channel } from '../../manifests/channel.ts'
import { describeSteps } from './describe-channel.ts'

/**
 * What a channel's document, signed at an instant, says that the one before did not, in words; `before` undefined: the
 * first there is.
 */
export function describeChannelChange(channel: Channel, before: Channel | undefined, signed: Date): string[] {
  const { version, waypoints } = channel
  const moved = version !== before?.version
  return [
    ...(moved
      ? [before === undefined ? `release ${version}` : `release ${before.version} → ${version}`]
      : []),
    ...rollbackChange(channel, before),
    ...(moved || stepsOf(channel) !== stepsOf(before)
      ? [`rollout: ${describeSteps(channel.rollout, signed)}`]
      : []),
    ...haltChange(channel, before),
    ...(String(waypoints) === String(before?.waypoints ?? [])
      ? []
      : [`waypoints: ${waypoints.join(', ') || 'none'}`]),
  ]
}

function rollbackChange({ rollback }: Channel, before: Channel | undefined): string[] {
  if (rollback === undefined) return []
  const { from, reason } = rollback
  if (before?.rollback?.from === from && before.rollback.reason === reason) return []
  return [`rollback of ${from} and before: ${reason}`]
}

function haltChange({ halted, halt }: Channel, before: Channel | undefined): string[] {
  if (!halted) return before?.halted === true ? ['resumed'] : []
  if (before?.halted === true && before.halt?.reason === halt?.reason) return []
  return [halt?.reason === undefined ? 'halted' : `halted: ${halt.reason}`]
}

function stepsOf(channel: Channel | undefined): string | undefined {
  return channel === undefined ? undefined : JSON.stringify(channel.rollout.steps)
}
