import type { Channel } from '../../../manifests/channel.ts'
import { defineCommand } from '../command.ts'
import { describeRollout } from '../describe-channel.ts'
import { openRepository } from '../open-repository.ts'
import { readAllChannels } from '../read-documents.ts'
import { formatTable } from '../table.ts'

/** `vend channel list` */
export const channelListCommand = defineCommand({
  path: 'channel list',
  summary: 'list the channels and what they point to',
  examples: ['channel list', 'channel list --json'],
  arguments: {},
  options: {},
  settings: ['store', 'keys'],
  exitCodes: ['missing', 'trust', 'store', 'damage'],
  run: async (_input, context): Promise<readonly Channel[]> => {
    const { repository } = await openRepository(context)
    return readAllChannels(repository, context)
  },
  answer: (channels) => ({
    json: { channels: channels.map((channel) => ({ ...channel, rollout: { ...channel.rollout } })) },
    text: () =>
      channels.length === 0 ? 'There are no channels yet.\n' : formatTable(columns, channels.map(rowOf)),
  }),
})

const columns = [
  { title: 'CHANNEL' },
  { title: 'RELEASE', align: 'right' },
  { title: 'PREVIOUSLY', align: 'right' },
  { title: 'ROLLOUT' },
  { title: 'WAYPOINTS' },
] as const

function rowOf(channel: Channel): string[] {
  return [
    channel.channel,
    String(channel.version),
    channel.previous === undefined ? '-' : String(channel.previous),
    describeRollout(channel),
    channel.waypoints.join(', ') || '-',
  ]
}
