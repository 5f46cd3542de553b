import { changeChannel, type ChannelOutcome } from './change-channel.ts'
import type { CommitContext } from './commit.ts'
import { RepositoryError } from './errors.ts'
import { nextChannel } from './next-channel.ts'
import type { RolloutPlan } from './next-rollout.ts'

export interface Promotion {
  readonly from: string
  readonly to: string
  /** Default: all machines at once; for a release that `to` has already, as it is. */
  readonly rollout?: RolloutPlan | undefined
}

/**
 * Points a channel to the release that another one has: the same document, and so the same bytes. Throws
 * RepositoryError (CHANNEL_UNKNOWN, CHANNEL_HALTED, RELEASE_NOT_HIGHER, ROLLOUT_WOULD_NARROW, PUBLISH_CONFLICT) and
 * TrustError.
 */
export async function promoteChannel(promotion: Promotion, context: CommitContext): Promise<ChannelOutcome> {
  const { from, to, rollout } = promotion
  return changeChannel(to, context, async (current, repository) => {
    const source = await repository.channel(from, { signal: context.signal })
    if (source.halted) {
      throw new RepositoryError('CHANNEL_HALTED', `channel ${from} is halted at release ${source.version}`, {
        hint: `whoever halted it resumes it with "vend channel resume ${from}", and then it can be promoted`,
      })
    }
    if (current !== undefined && source.version < current.version) {
      throw new RepositoryError(
        'RELEASE_NOT_HIGHER',
        `channel ${to} is at release ${current.version} already, which is later than ${source.version} on channel ${from}`,
        { hint: `to bring machines back, use "vend channel rollback ${to} --to ${source.version}"` },
      )
    }
    return nextChannel({ channel: to, version: source.version, rollout }, current, context.now)
  })
}
