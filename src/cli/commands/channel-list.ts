import { channelJson, reachedBy, type Channel } from '../../../manifests/channel.ts'
import { defineCommand } from '../command.ts'
import { describeRollout } from '../describe-channel.ts'
import { openRepository } from '../open-repository.ts'
import { readAllChannels } from '../read-documents.ts'
import { formatTable } from '../table.ts'

interface Listed {
  readonly channels: readonly Channel[]
  readonly now: Date
}

/** `vend channel list` */
export const channelListCommand = defineCommand({
  path: 'channel list',
  summary: 'list the channels and what they point to',
  examples: ['channel list', 'channel list --json'],
  arguments: {},
  options: {},
  settings: ['store', 'keys'],
  exitCodes: ['missing', 'trust', 'store', 'damage'],
  run: async (_input, context): Promise<Listed> => {
    const { repository } = await openRepository(context)
    return { channels: await readAllChannels(repository, context), now: context.now() }
  },
  answer: ({ channels, now }) => ({
    json: {
      channels: channels.map((channel) => ({
        ...channelJson(channel),
        fraction: reachedBy(channel, now),
      })),
    },
    text: () =>
      channels.length === 0
        ? 'There are no channels yet.\n'
        : formatTable(
            columns,
            channels.map((channel) => rowOf(channel, now)),
          ),
  }),
})

const columns = [
  { title: 'CHANNEL' },
  { title: 'RELEASE', align: 'right' },
  { title: 'PREVIOUSLY', align: 'right' },
  { title: 'ROLLOUT' },
  { title: 'WAYPOINTS' },
] as const

function rowOf(channel: Channel, now: Date): string[] {
  return [
    channel.channel,
    String(channel.version),
    channel.previous === undefined ? '-' : String(channel.previous),
    describeRollout(channel, now),
    channel.waypoints.join(', ') || '-',
  ]
}
