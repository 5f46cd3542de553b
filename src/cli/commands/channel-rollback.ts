import { answerOfChannel, changeWith, channelChangeEnds, type ChangedChannel } from '../channel-change.ts'
import { defineCommand } from '../command.ts'
import { argument, requiredOption } from '../parameters.ts'
import { parseReason } from '../parse-reason.ts'
import { readChannelName, readVersion } from '../release-name.ts'

/** `vend channel rollback` */
export const channelRollbackCommand = defineCommand({
  path: 'channel rollback',
  summary: 'order machines back to an earlier release',
  description:
    'Points the channel to an earlier release, and orders all machines back to it that have a later one of this channel. ' +
    'Machines go back by such a signed order only. It lifts a halt; who else may take the earlier release is as it was ' +
    'when the channel had it. Machines that are pinned to what they have stay.',
  examples: ['channel rollback stable --to 10 --reason "web servers do not start"'],
  arguments: { channel: argument('name', 'the channel', readChannelName) },
  options: {
    to: requiredOption('--to <version>', 'the release to go back to', readVersion),
    reason: requiredOption('--reason <text>', 'why, for people; machines show it', parseReason),
  },
  ...channelChangeEnds,
  run: async (input, context): Promise<ChangedChannel> => {
    const { rollBackChannel } = await import('../../repository/roll-back-channel.ts')
    return changeWith(context, async (commitContext) => rollBackChannel(input, commitContext))
  },
  answer: (changed) => {
    const { channel, version, rollback } = changed.channel
    return answerOfChannel(
      changed,
      `Channel ${channel} orders machines up to release ${rollback?.from ?? version} back to release ${version}.`,
    )
  },
})
