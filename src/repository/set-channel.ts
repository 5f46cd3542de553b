import { changeChannel, type ChannelOutcome } from './change-channel.ts'
import type { CommitContext } from './commit.ts'
import { nextChannel, type ChannelChange } from './next-channel.ts'

/**
 * Moves a channel, its rollout or its waypoints, halts or resumes it. Throws RepositoryError (CHANNEL_UNKNOWN,
 * RELEASE_UNKNOWN, ROLLOUT_WOULD_NARROW, PUBLISH_CONFLICT), FormatError and TrustError.
 */
export async function setChannel(change: ChannelChange, context: CommitContext): Promise<ChannelOutcome> {
  return changeChannel(change.channel, context, (current) => nextChannel(change, current, context.now))
}
