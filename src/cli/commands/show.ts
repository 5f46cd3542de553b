import { channelJson, type Channel } from '../../../manifests/channel.ts'
import type { Release } from '../../../manifests/release.ts'
import { defineCommand } from '../command.ts'
import { describeChannel } from '../describe-channel.ts'
import { formatBytes, formatCount } from '../format-quantity.ts'
import { openRepository } from '../open-repository.ts'
import { argument } from '../parameters.ts'
import { findRelease, parseReleaseName } from '../release-name.ts'
import { releaseTotals } from '../release-totals.ts'
import { formatPairs, formatTable } from '../table.ts'

interface Shown {
  readonly release: Release
  readonly channel: Channel | undefined
  readonly now: Date
}

/** `vend show` */
export const showCommand = defineCommand({
  path: 'show',
  summary: 'show a release and its modules, or a channel and what it points to',
  examples: ['show 10', 'show stable', 'show stable --json'],
  arguments: { name: argument('release|channel', 'a version, or the name of a channel', parseReleaseName) },
  options: {},
  settings: ['store', 'keys'],
  exitCodes: ['missing', 'unknown', 'trust', 'store', 'damage'],
  run: async ({ name }, context): Promise<Shown> => {
    const { repository } = await openRepository(context)
    const now = context.now()
    const found = await findRelease(repository, name, { signal: context.signal })
    return { ...found, now }
  },
  answer: ({ release, channel, now }) => ({
    json: {
      ...(channel !== undefined && { channel: channelJson(channel) }),
      release: {
        ...release,
        modules: Object.fromEntries(
          Object.entries(release.modules).map(([name, module]) => [
            name,
            { ...module, manifest: { ...module.manifest } },
          ]),
        ),
      },
    },
    text: ({ bold }) =>
      (channel === undefined
        ? ''
        : `${bold(`Channel ${channel.channel}`)}\n${formatPairs(describeChannel(channel, now))}\n`) +
      `${bold(`Release ${release.version}`)}\n${formatPairs(describeRelease(release))}\n${formatModules(release)}`,
  }),
})

function describeRelease(release: Release): (readonly [string, string])[] {
  const { entries, contentBytes } = releaseTotals(release)
  return [
    ...(release.label === undefined ? [] : [['label', release.label] as const]),
    ['created', release.created],
    ...(release.requires === undefined
      ? []
      : [['requires', `release ${release.requires} or later`] as const]),
    ['entries', formatCount(entries)],
    ['content', formatBytes(contentBytes)],
  ]
}

function formatModules({ modules }: Release): string {
  const names = Object.keys(modules).sort()
  return formatTable(
    [
      { title: 'MODULE' },
      { title: 'ENTRIES', align: 'right' },
      { title: 'CONTENT', align: 'right' },
      { title: 'INCLUDES' },
      { title: 'MANIFEST' },
    ],
    names.flatMap((name) => {
      const module = modules[name]
      if (module === undefined) return []
      const { entries, contentBytes, includes, manifest } = module
      return [
        [name, formatCount(entries), formatBytes(contentBytes), includes.join(', ') || '-', manifest.digest],
      ]
    }),
  )
}
