import { answerOfChannel, changeWith, channelChangeEnds, type ChangedChannel } from '../channel-change.ts'
import { defineCommand } from '../command.ts'
import { argument, flag, negation, option, repeatableOption } from '../parameters.ts'
import { parseRollout } from '../parse-rollout.ts'
import { readChannelName, readVersion } from '../release-name.ts'

/** `vend channel set` */
export const channelSetCommand = defineCommand({
  path: 'channel set',
  summary: 'make a channel, or change what it points to',
  description:
    'Changes what is named and leaves the rest. Another release begins with the whole fleet unless --rollout says otherwise; ' +
    'a halted channel stays halted until --resume. Where the release is older than before, machines that have moved stay: ' +
    '"vend channel rollback" brings them back.',
  examples: [
    'channel set stable --rollout 50%',
    'channel set stable --release 10 --rollout 1%',
    'channel set testing --release 12 --waypoint 8 --waypoint 10',
    'channel set stable --halt',
  ],
  arguments: { channel: argument('name', 'the channel; a new one needs --release', readChannelName) },
  options: {
    release: option('--release <version>', 'the release it is to point to', readVersion),
    rollout: option('--rollout <share>', 'how much of the fleet may move: 10%', parseRollout),
    halt: flag('--halt', 'let no machine start to move'),
    resume: flag('--resume', 'let machines move again'),
    waypoints: repeatableOption(
      '--waypoint <version>',
      'a release older machines must pass through',
      readVersion,
    ),
    noWaypoints: negation('--no-waypoint', 'no waypoints any more'),
  },
  ...channelChangeEnds,
  check: ({ halt, resume, release, rollout, waypoints, noWaypoints }) => [
    ...(halt && resume ? ['--halt and --resume contradict each other'] : []),
    ...(!halt &&
    !resume &&
    !noWaypoints &&
    waypoints.length === 0 &&
    release === undefined &&
    rollout === undefined
      ? ['nothing to set: give --release, --rollout, --halt, --resume or --waypoint']
      : []),
  ],
  run: async (input, context): Promise<ChangedChannel> => {
    const { setChannel } = await import('../../repository/set-channel.ts')
    const { channel, release, rollout, halt, resume, waypoints, noWaypoints } = input
    const change = {
      channel,
      version: release,
      rollout: rollout === undefined ? undefined : { now: rollout },
      halted: halt || resume ? halt : undefined,
      waypoints: noWaypoints || waypoints.length > 0 ? waypoints : undefined,
    }
    return changeWith(context, async (commitContext) => setChannel(change, commitContext))
  },
  answer: (changed) => {
    const { channel, version, previous = 0, rollback } = changed.channel
    const stay = version < previous && rollback === undefined
    return answerOfChannel(
      changed,
      `Channel ${channel}`,
      stay
        ? `Machines with a later release stay: "vend channel rollback ${channel} --to ${version} --reason …" brings them back.`
        : undefined,
    )
  },
})
