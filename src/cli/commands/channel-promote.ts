import { answerOfChannel, changeWith, channelChangeEnds, type ChangedChannel } from '../channel-change.ts'
import { defineCommand } from '../command.ts'
import { argument } from '../parameters.ts'
import { readChannelName } from '../release-name.ts'
import { checkRolloutInput, rolloutOptions, rolloutPlan } from '../rollout-options.ts'

interface Promoted extends ChangedChannel {
  readonly source: string
}

/** `vend channel promote` */
export const channelPromoteCommand = defineCommand({
  path: 'channel promote',
  summary: 'give a channel the release that another one has',
  description:
    'Points the second channel to the release of the first: the same signed document, and so the same bytes that were ' +
    'tried there. It begins with the whole fleet unless --now or --to say otherwise. A release that was halted, or that is ' +
    "earlier than the channel's own, is not promoted.",
  examples: ['channel promote edge stable --now 1% --to 100% --over 48h', 'channel promote testing stable'],
  arguments: {
    source: argument('from', 'the channel that has the release', readChannelName),
    target: argument('to', 'the channel that is to have it; may be new', readChannelName),
  },
  options: rolloutOptions,
  ...channelChangeEnds,
  check: ({ source, target, ...rollout }) => [
    ...(source === target ? ['TO: is the same channel as FROM'] : []),
    ...checkRolloutInput(rollout),
  ],
  run: async ({ source, target, ...input }, context): Promise<Promoted> => {
    const { promoteChannel } = await import('../../repository/promote-channel.ts')
    const promotion = { from: source, to: target, rollout: rolloutPlan(input) }
    const changed = await changeWith(context, async (commitContext) =>
      promoteChannel(promotion, commitContext),
    )
    return { ...changed, source }
  },
  answer: (promoted) => {
    const { channel, version, halted } = promoted.channel
    return answerOfChannel(
      promoted,
      `Channel ${channel} has release ${version} of channel ${promoted.source}.`,
      halted ? `The channel is halted: no machine moves before "vend channel resume ${channel}".` : undefined,
    )
  },
})
