import type { ChannelOutcome } from '../../repository/set-channel.ts'
import { defineCommand } from '../command.ts'
import { describeChannel } from '../describe-channel.ts'
import { argument, flag, negation, option, repeatableOption } from '../parameters.ts'
import { parseRollout } from '../parse-rollout.ts'
import { readChannelName, readVersion } from '../release-name.ts'
import { formatPairs } from '../table.ts'

/** `vend channel set` */
export const channelSetCommand = defineCommand({
  path: 'channel set',
  summary: 'move a channel, widen its rollout, halt or resume it',
  description:
    'Changes what is named and leaves the rest. A channel may point to an older release than before: machines that have ' +
    'moved go back. Another release begins with the whole fleet unless --rollout says otherwise; a halted channel stays halted until --resume.',
  examples: [
    'channel set stable --rollout 50%',
    'channel set stable --halt',
    'channel set stable --release 10',
    'channel set testing --release 12 --waypoint 8 --waypoint 10',
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
  settings: ['store', 'keys'],
  exitCodes: ['missing', 'conflict', 'unknown', 'trust', 'store', 'damage'],
  afterInterruption: 'see "vend channel list" for how it is now',
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
  run: async (input, { settings, now, signal }): Promise<ChannelOutcome> => {
    const { setChannel } = await import('../../repository/set-channel.ts')
    const { KeyRing } = await import('../../trust/key-ring.ts')
    const { channel, release, rollout, halt, resume, waypoints, noWaypoints } = input
    return setChannel(
      {
        channel,
        version: release,
        fraction: rollout,
        halted: halt || resume ? halt : undefined,
        waypoints: noWaypoints || waypoints.length > 0 ? waypoints : undefined,
      },
      { store: settings.store, keys: new KeyRing(settings.keys), now: now(), signal },
    )
  },
  answer: ({ channel, changed }) => ({
    json: { changed, channel: { ...channel, rollout: { ...channel.rollout } } },
    text: ({ bold }) =>
      `${bold(`Channel ${channel.channel}${changed ? '' : ' is like that already'}`)}\n` +
      formatPairs(describeChannel(channel)),
  }),
})
