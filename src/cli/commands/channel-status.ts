import { channelJson, reachedBy, type Channel } from '../../../manifests/channel.ts'
import type { ChannelReports } from '../../reports/channel-reports.ts'
import type { ReleaseReports } from '../../reports/release-reports.ts'
import { defineCommand } from '../command.ts'
import { describeChannel } from '../describe-channel.ts'
import {
  describeOutcomes,
  describeTrials,
  formatShare,
  jsonOfReports,
  trialsOf,
} from '../describe-outcomes.ts'
import { formatCounted } from '../format-quantity.ts'
import { openRepository } from '../open-repository.ts'
import { argument } from '../parameters.ts'
import { readChannelName } from '../release-name.ts'
import { formatPairs } from '../table.ts'

interface ChannelStatus extends ChannelReports {
  readonly channel: Channel
  readonly now: Date
}

/** `vend channel status` */
export const channelStatusCommand = defineCommand({
  path: 'channel status',
  summary: 'say how machines fare with the release of a channel',
  description:
    'Counts what machines that report (vend-client reports on) told the servers that take reports (vend serve --reports ' +
    'yes) of the release that the channel points to, and of the one before. A machine counts once, with the outcome that ' +
    'is furthest on its way. WHO are the first digits of the ids that "vend-client reports show" shows there.',
  examples: ['channel status stable', 'channel status stable --json'],
  arguments: { channel: argument('name', 'the channel', readChannelName) },
  options: {},
  settings: ['store', 'keys'],
  exitCodes: ['missing', 'unknown', 'trust', 'store', 'damage'],
  run: async ({ channel: name }, context): Promise<ChannelStatus> => {
    const { readChannelReports } = await import('../../reports/channel-reports.ts')
    const { settings, signal } = context
    const { repository } = await openRepository(context)
    const channel = await repository.channel(name, { signal })
    return { channel, now: context.now(), ...(await readChannelReports(settings.store, channel, { signal })) }
  },
  answer: ({ channel, now, current, previous, moved, known }) => ({
    json: {
      channel: channelJson(channel),
      fraction: reachedBy(channel, now),
      moved,
      known,
      current: jsonOfReports(current),
      previous: previous === undefined ? null : jsonOfReports(previous),
    },
    text: ({ bold }) =>
      `${bold(`Channel ${channel.channel}`)}\n` +
      formatPairs([
        ...describeChannel(channel, now),
        ...(known === 0 ? [] : [['moved', describeMoved(moved, known)] as const]),
      ]) +
      [current, ...(previous === undefined ? [] : [previous])].map(describeReports).join(''),
  }),
})

function describeMoved(moved: number, known: number): string {
  return `${formatShare(moved / known)} of the ${formatCounted(known, 'machine')} that report`
}

function describeReports(reports: ReleaseReports): string {
  const beyond =
    reports.beyond === 0
      ? ''
      : `${formatCounted(reports.beyond, 'report')} more came of machines that there was no room for.\n`
  const table = reports.outcomes.length === 0 ? '' : describeOutcomes(reports)
  return `\nRelease ${reports.release}: ${describeTrials(trialsOf(reports))}\n${table}${beyond}`
}
