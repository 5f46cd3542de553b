import { answerOfChannel, changeWith, channelChangeEnds, type ChangedChannel } from '../channel-change.ts'
import { defineCommand } from '../command.ts'
import { argument } from '../parameters.ts'
import { readChannelName } from '../release-name.ts'
import { checkRolloutInput, rolloutOptions, rolloutPlan } from '../rollout-options.ts'

/** `vend channel rollout` */
export const channelRolloutCommand = defineCommand({
  path: 'channel rollout',
  summary: "let more machines take a channel's release, now or over time",
  description:
    'Sets how much of the fleet may move: --now from this moment on, --to and --over evenly from there on. Machines read ' +
    'the curve in the signed document and go by their own clocks: nothing has to run here. What takes part already goes ' +
    'on taking part; a rollout does not shrink.',
  examples: [
    'channel rollout stable --now 10%',
    'channel rollout stable --now 1% --to 100% --over 48h',
    'channel rollout stable --to 50% --over 6h',
  ],
  arguments: { channel: argument('name', 'the channel', readChannelName) },
  options: rolloutOptions,
  ...channelChangeEnds,
  check: (input) => [
    ...(input.now === undefined && input.to === undefined && input.over === undefined
      ? ['nothing to set: give --now, or --to with --over']
      : []),
    ...checkRolloutInput(input),
  ],
  run: async (input, context): Promise<ChangedChannel> => {
    const { setChannel } = await import('../../repository/set-channel.ts')
    const change = { channel: input.channel, rollout: rolloutPlan(input) }
    return changeWith(context, async (commitContext) => setChannel(change, commitContext))
  },
  answer: (changed) => {
    const { channel, version, halted } = changed.channel
    return answerOfChannel(
      changed,
      `Channel ${channel} rolls out release ${version}.`,
      halted ? `The channel is halted: no machine moves before "vend channel resume ${channel}".` : undefined,
    )
  },
})
