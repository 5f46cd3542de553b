import { answerOfChannel, changeWith, channelChangeEnds, type ChangedChannel } from '../channel-change.ts'
import { defineCommand } from '../command.ts'
import { argument, option } from '../parameters.ts'
import { parseReason } from '../parse-reason.ts'
import { readChannelName } from '../release-name.ts'

/** `vend channel halt` */
export const channelHaltCommand = defineCommand({
  path: 'channel halt',
  summary: 'let no further machine move',
  description:
    'From the next time that it asks, no machine starts to move, whatever the rollout says; one that can reach no server, ' +
    'or only one that hides the halt, stops when the metadata that it has expires. The rollout stands still meanwhile. ' +
    'Machines that have moved stay where they are: "vend channel rollback" brings them back.',
  examples: ['channel halt stable', 'channel halt stable --reason "web servers do not start"'],
  arguments: { channel: argument('name', 'the channel', readChannelName) },
  options: { reason: option('--reason <text>', 'why, for people; machines show it', parseReason) },
  ...channelChangeEnds,
  run: async ({ channel, reason }, context): Promise<ChangedChannel> => {
    const { setChannel } = await import('../../repository/set-channel.ts')
    return changeWith(context, async (commitContext) =>
      setChannel({ channel, halted: true, reason }, commitContext),
    )
  },
  answer: (changed) => {
    const { channel, version, previous } = changed.channel
    const back =
      previous === undefined || previous >= version
        ? ''
        : `\n"vend channel rollback ${channel} --to ${previous} --reason …" brings back machines that have moved.`
    return answerOfChannel(
      changed,
      `Channel ${channel} is halted at release ${version}.`,
      `"vend channel resume ${channel}" goes on from here.${back}`,
    )
  },
})
