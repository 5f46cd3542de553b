import type { Release } from '../../../manifests/release.ts'
import { defineCommand } from '../command.ts'
import { formatBytes, formatCount } from '../format-quantity.ts'
import { openRepository } from '../open-repository.ts'
import { readAllChannels, readAllReleases } from '../read-documents.ts'
import { releaseTotals } from '../release-totals.ts'
import { formatTable } from '../table.ts'

interface ListedRelease {
  readonly release: Release
  readonly channels: readonly string[]
}

/** `vend releases` */
export const releasesCommand = defineCommand({
  path: 'releases',
  summary: 'list the releases',
  examples: ['releases', 'releases --json'],
  arguments: {},
  options: {},
  settings: ['store', 'keys'],
  exitCodes: ['missing', 'trust', 'store', 'damage'],
  run: async (_input, context): Promise<readonly ListedRelease[]> => {
    const { repository } = await openRepository(context)
    const channels = await readAllChannels(repository, context)
    const releases = await readAllReleases(repository, context)
    return releases.map((release) => ({
      release,
      channels: channels.filter(({ version }) => version === release.version).map(({ channel }) => channel),
    }))
  },
  answer: (listed) => ({
    json: {
      releases: listed.map(({ release: { version, label, created, requires, modules }, channels }) => ({
        version,
        label,
        created,
        requires,
        channels,
        modules: Object.keys(modules).sort(),
        ...releaseTotals({ modules }),
      })),
    },
    text: () => (listed.length === 0 ? nothing : formatTable(columns, listed.map(rowOf))),
  }),
})

const nothing = 'Nothing was published yet. Publish a tree with "vend publish DIRECTORY --release 1".\n'

const columns = [
  { title: 'RELEASE', align: 'right' },
  { title: 'CREATED' },
  { title: 'MODULES', align: 'right' },
  { title: 'ENTRIES', align: 'right' },
  { title: 'CONTENT', align: 'right' },
  { title: 'CHANNELS' },
  { title: 'LABEL' },
] as const

function rowOf({ release, channels }: ListedRelease): string[] {
  const { entries, contentBytes } = releaseTotals(release)
  return [
    String(release.version),
    release.created,
    formatCount(Object.keys(release.modules).length),
    formatCount(entries),
    formatBytes(contentBytes),
    channels.join(', ') || '-',
    release.label ?? '',
  ]
}
