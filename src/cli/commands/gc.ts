import type { CollectionReport } from '../../maintenance/gc/collection-report.ts'
import { defineCommand } from '../command.ts'
import { collectionJson, describeCollection } from '../describe-collection.ts'
import { formatCounted } from '../format-quantity.ts'
import { openKeyRing } from '../open-key-ring.ts'
import { flag } from '../parameters.ts'

/** `vend gc` */
export const gcCommand = defineCommand({
  path: 'gc',
  summary: 'remove what no release needs any more',
  description:
    'Condemns chunks, manifests and packs that no release names and that are older than the grace time. They stay where they ' +
    'are and work as before; what was condemned longer ago than the quarantine is removed. Safe at any hour, while others ' +
    'publish. With --keep-last, releases are taken off the list that are not of the last N, not pinned, and not named by any ' +
    'channel, which takes the keys of releases; without it all releases stay. Documents and the log stay for ever. "vend gc ' +
    'undo" takes back what is not yet removed.',
  examples: [
    'gc --dry-run --keep-last 10',
    'gc --keep-last 10 --pin 100,200',
    'gc --quarantine 0s --grace 1h',
    'gc undo',
  ],
  arguments: {},
  options: {
    dryRun: flag('--dry-run', 'say what would go, and why, and change nothing'),
    dropOldPacks: flag(
      '--drop-old-packs',
      'packs too that begin from what no listed release has: machines that are there go by chunks',
    ),
  },
  settings: ['store', 'keys', 'passphraseFile', 'gcKeepLast', 'gcPin', 'gcGrace', 'gcQuarantine'],
  exitCodes: ['missing', 'conflict', 'trust', 'store', 'damage'],
  afterInterruption: 'run the same command again: it goes on where this one was',
  run: async ({ dryRun, dropOldPacks }, commandContext): Promise<CollectionReport> => {
    const { settings, now, signal, progress } = commandContext
    const { collectGarbage } = await import('../../maintenance/gc/collect-garbage.ts')
    const { noteCollection } = await import('../../maintenance/collection-record.ts')
    progress.begin('collecting')
    const context = { store: settings.store, keys: openKeyRing(commandContext), now: now(), signal }
    const report = await collectGarbage(context, {
      policy: { keepLast: settings.gcKeepLast, pins: settings.gcPin ?? [] },
      graceMs: settings.gcGrace * 1000,
      quarantineMs: settings.gcQuarantine * 1000,
      dropOldPacks,
      dryRun,
      onNote: (note) => progress.note(`vend: ${note}`),
      onProgress: (done) => {
        if (done.phase === 'reading') {
          progress.update({ entries: done.releases, totalEntries: done.total, detail: 'releases read' })
        } else {
          const found = `${formatCounted(done.condemned, 'object')} condemned, ${formatCounted(done.swept, 'object')} removed`
          progress.update({ entries: done.objects, detail: found })
        }
      },
    })
    if (!report.isDryRun) await noteCollection(settings.store, report.swept, now(), { signal })
    return report
  },
  answer: (report) => ({
    json: collectionJson(report),
    text: (style) => describeCollection(report, style),
  }),
  exitCode: ({ failures }) => (failures === 0 ? 'ok' : 'store'),
})
