import { channelJson } from '../../../manifests/channel.ts'
import { formatInstant } from '../../../manifests/fields.ts'
import type { ChannelEdition } from '../../repository/channel-history.ts'
import { defineCommand } from '../command.ts'
import { describeChannelChange } from '../describe-channel-change.ts'
import { openRepository } from '../open-repository.ts'
import { argument, option } from '../parameters.ts'
import { parseCount } from '../parse-count.ts'
import { readChannelName } from '../release-name.ts'
import { formatTable } from '../table.ts'

interface Change {
  readonly edition: ChannelEdition
  readonly changes: readonly string[]
}

const defaultLimit = 20

/** `vend channel history` */
export const channelHistoryCommand = defineCommand({
  path: 'channel history',
  summary: 'list what a channel was before, newest first',
  description:
    "Reads the channel's earlier documents out of the numbered metadata in the store. The time is that at which they were " +
    'signed. What was collected, or lies too far back, is not listed; a change that lost a race against another ' +
    'may be.',
  examples: ['channel history stable', 'channel history stable --limit 100 --json'],
  arguments: { channel: argument('name', 'the channel', readChannelName) },
  options: { limit: option('--limit <count>', `how many changes (default ${defaultLimit})`, parseCount) },
  settings: ['store', 'keys'],
  exitCodes: ['missing', 'unknown', 'trust', 'store', 'damage'],
  run: async ({ channel, limit = defaultLimit }, context): Promise<readonly Change[]> => {
    const { readChannelHistory } = await import('../../repository/channel-history.ts')
    const { signal } = context
    const { repository } = await openRepository(context)
    await repository.channel(channel, { signal })
    // One more than is shown, for what the last one changed.
    const editions = await Array.fromAsync(
      readChannelHistory(repository, channel, { signal, limit: limit + 1 }),
    )
    return editions.slice(0, limit).map((edition, i) => {
      const before = editions[i + 1]?.channel
      return { edition, changes: describeChannelChange(edition.channel, before, edition.at) }
    })
  },
  answer: (history) => ({
    json: {
      history: history.map(({ edition: { at, metadata, channel }, changes }) => ({
        at: formatInstant(at),
        metadata,
        changes: [...changes],
        channel: channelJson(channel),
      })),
    },
    text: () => formatTable(columns, history.flatMap(rowsOf)),
  }),
})

const columns = [{ title: 'TIME' }, { title: 'RELEASE', align: 'right' }, { title: 'CHANGE' }] as const

function rowsOf({ edition: { at, channel }, changes }: Change): string[][] {
  return (changes.length === 0 ? ['-'] : changes).map((change, i) =>
    i === 0 ? [formatInstant(at), String(channel.version), change] : ['', '', change],
  )
}
