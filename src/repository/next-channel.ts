import type { Channel, Halt } from '../../manifests/channel.ts'
import { formatInstant } from '../../manifests/fields.ts'
import type { Rollout } from '../../manifests/rollout.ts'
import { RepositoryError } from './errors.ts'
import { beginRollout, resumeRollout, widenRollout, type RolloutPlan } from './next-rollout.ts'

/** What is to become of a channel; what is left out stays as it is. */
export interface ChannelChange {
  readonly channel: string
  /**
   * Needed for a channel that does not exist yet. May be older than the one it points to: machines that are above it
   * stay where they are.
   */
  readonly version?: number | undefined
  /** Default for another version: all machines at once. */
  readonly rollout?: RolloutPlan | undefined
  /** A halted channel stays halted, also at another version, until this says otherwise. */
  readonly halted?: boolean | undefined
  /** Why it is halted, for people. */
  readonly reason?: string | undefined
  /** In the place of those it has. */
  readonly waypoints?: readonly number[] | undefined
}

/** Throws CHANNEL_UNKNOWN and ROLLOUT_WOULD_NARROW. */
export function nextChannel(change: ChannelChange, current: Channel | undefined, now: Date): Channel {
  const version = change.version ?? current?.version
  if (version === undefined) {
    throw new RepositoryError('CHANNEL_UNKNOWN', `there is no channel "${change.channel}" yet`, {
      hint: 'name the release that it is to point to with --release',
    })
  }
  const same = version === current?.version ? current : undefined
  const rollback = current?.rollback
  const previous = same === undefined ? current?.version : same.previous
  const rollout = nextRollout(change, same, version, now)
  const halt = nextHalt(change, current, { now, isRestarted: rollout !== current?.rollout })
  return {
    channel: change.channel,
    version,
    ...(previous !== undefined && { previous }),
    waypoints: [...new Set(change.waypoints ?? current?.waypoints)].sort((a, b) => a - b),
    rollout,
    halted: halt !== undefined,
    ...(halt !== undefined && { halt }),
    // Who was away has still to come back, as long as there is somewhere to come back from.
    ...(rollback !== undefined && version < rollback.from && { rollback }),
  }
}

function nextRollout(
  { rollout: plan, halted }: ChannelChange,
  same: Channel | undefined,
  version: number,
  now: Date,
): Rollout {
  if (same === undefined) return beginRollout(version, plan ?? {}, now)
  if (plan !== undefined) return widenRollout(same, plan, now)
  return halted === false ? resumeRollout(same, now) : same.rollout
}

/** A rollout that begins while the channel is halted stands still from its beginning. */
function nextHalt(
  { halted, reason }: ChannelChange,
  current: Channel | undefined,
  { now, isRestarted }: { readonly now: Date; readonly isRestarted: boolean },
): Halt | undefined {
  if (!(halted ?? current?.halted ?? false)) return undefined
  const before = current?.halt
  const at = before === undefined || isRestarted ? formatInstant(now) : before.at
  const why = reason ?? before?.reason
  return { at, ...(why !== undefined && { reason: why }) }
}
