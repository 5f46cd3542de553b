import { answerOfChannel, changeWith, channelChangeEnds, type ChangedChannel } from '../channel-change.ts'
import { defineCommand } from '../command.ts'
import { argument } from '../parameters.ts'
import { readChannelName } from '../release-name.ts'

/** `vend channel resume` */
export const channelResumeCommand = defineCommand({
  path: 'channel resume',
  summary: 'let machines move again',
  description:
    'Lifts a halt. The rollout goes on from where it stopped: what is left of a curve is put off by the time of the halt.',
  examples: ['channel resume stable'],
  arguments: { channel: argument('name', 'the channel', readChannelName) },
  options: {},
  ...channelChangeEnds,
  run: async ({ channel }, context): Promise<ChangedChannel> => {
    const { setChannel } = await import('../../repository/set-channel.ts')
    return changeWith(context, async (commitContext) => setChannel({ channel, halted: false }, commitContext))
  },
  answer: (changed) =>
    answerOfChannel(
      changed,
      `Channel ${changed.channel.channel} goes on with release ${changed.channel.version}.`,
    ),
})
