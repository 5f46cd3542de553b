import {
  channelTargetPath,
  encodeChannel,
  wholeFleet,
  type Channel,
  type Rollout,
} from '../../manifests/channel.ts'
import { commit, type CommitContext } from './commit.ts'
import { RepositoryError } from './errors.ts'
import { refuseWrongKeys } from './role-keys.ts'
import { loadState } from './repository-state.ts'
import { Repository } from './repository.ts'

/** What is to become of a channel; what is left out stays as it is. */
export interface ChannelChange {
  readonly channel: string
  /** Needed for a channel that does not exist yet. May be older than the one it points to: a way back. */
  readonly version?: number | undefined
  /** How many machines of 10,000 may move. Default for another version: all. */
  readonly fraction?: number | undefined
  /** A halted channel stays halted, also at another version, until this says otherwise. */
  readonly halted?: boolean | undefined
  /** In the place of those it has. */
  readonly waypoints?: readonly number[] | undefined
}

export interface ChannelOutcome {
  readonly channel: Channel
  /** False when the channel is like that already. */
  readonly changed: boolean
}

/**
 * Moves a channel, its rollout or its waypoints, without a publish. Throws RepositoryError (CHANNEL_UNKNOWN,
 * RELEASE_UNKNOWN, PUBLISH_CONFLICT) and TrustError.
 */
export async function setChannel(change: ChannelChange, context: CommitContext): Promise<ChannelOutcome> {
  const { store, keys, signal } = context
  const state = await loadState(store, { signal, trustedRoot: keys.trustedRoot() })
  refuseWrongKeys(state, keys, ['channels'])
  const repository = new Repository(store, state)
  const current = await repository.findChannel(change.channel, { signal })
  const channel = nextChannel(change, current)
  for (const version of [channel.version, ...channel.waypoints]) await repository.release(version, { signal })
  const encoded = encodeChannel(channel)
  if (current !== undefined && encodeChannel(current) === encoded) return { channel, changed: false }
  const channels = new Map([[channelTargetPath(channel.channel), Buffer.from(encoded)]])
  await commit(context, state, { channels })
  return { channel, changed: true }
}

function nextChannel(change: ChannelChange, current: Channel | undefined): Channel {
  const version = change.version ?? current?.version
  if (version === undefined) {
    throw new RepositoryError('CHANNEL_UNKNOWN', `there is no channel "${change.channel}" yet`, {
      hint: 'name the release that it is to point to with --release',
    })
  }
  const moves = version !== current?.version
  const previous = moves ? current?.version : current.previous
  return {
    channel: change.channel,
    version,
    ...(previous !== undefined && { previous }),
    waypoints: [...new Set(change.waypoints ?? current?.waypoints)].sort((a, b) => a - b),
    rollout: nextRollout(change, moves ? undefined : current, version),
    halted: change.halted ?? current?.halted ?? false,
  }
}

/** The seed stays while the release does: a wider rollout takes in the machines of the narrower one. */
function nextRollout(change: ChannelChange, current: Channel | undefined, version: number): Rollout {
  return {
    fraction: change.fraction ?? current?.rollout.fraction ?? wholeFleet,
    seed: current?.rollout.seed ?? String(version),
  }
}
