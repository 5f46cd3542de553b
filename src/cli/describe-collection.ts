import type { JsonValue } from '../../manifests/canonical-json.ts'
import type { CollectionReport } from '../maintenance/gc/collection-report.ts'
import type { GarbageReason } from '../maintenance/gc/garbage.ts'
import type { LostPack } from '../maintenance/gc/lost-packs.ts'
import type { KeptRelease } from '../maintenance/gc/retention.ts'
import type { Tally } from '../maintenance/gc/tally.ts'
import { formatBytes, formatCount, formatCounted } from './format-quantity.ts'
import { formatTable } from './table.ts'
import type { Style } from './terminal.ts'

export function collectionJson({
  isDryRun,
  kept,
  lostPacks,
  failed,
  ...report
}: CollectionReport): Readonly<Record<string, JsonValue | undefined>> {
  return {
    ...report,
    dryRun: isDryRun,
    run: report.run,
    retired: [...report.retired],
    reachable: { ...report.reachable },
    condemned: tallyJson(report.condemned),
    waiting: tallyJson(report.waiting),
    young: tallyJson(report.young),
    swept: tallyJson(report.swept),
    kept: kept.map(({ version, why }) => ({ version, why: [...why] })),
    lostPacks: lostPacks.map((pack) => ({
      ...pack,
      from: [...pack.from],
      to: [...pack.to],
      channels: [...pack.channels],
    })),
    failed: failed.map((one) => ({ ...one })),
  }
}

function tallyJson(tally: Tally): JsonValue {
  return Object.fromEntries(Object.entries(tally).map(([kind, count]) => [kind, { ...count }]))
}

export function describeCollection(report: CollectionReport, style: Style): string {
  return [
    releasesText(report, style),
    garbageText(report),
    packsText(report, style),
    failuresText(report, style),
    endText(report, style),
  ].join('')
}

/** Only where releases go it matters which stay, and why. */
function releasesText(
  { kept, retired, retiredNot, isDryRun }: CollectionReport,
  { bold, red }: Style,
): string {
  if (retiredNot !== undefined) {
    return (
      red(`No release was taken off the list: ${retiredNot}.`) + ' Only what no release names is collected.\n'
    )
  }
  if (retired.length === 0) return ''
  const verb = isDryRun ? 'Would be taken' : 'Taken'
  const rows = kept.map(({ version, why }: KeptRelease) => [String(version), why.join(', ')])
  return (
    `${bold(`${verb} off the list: ${formatCounted(retired.length, 'release')}`)}: ${rangesOf(retired)}\n` +
    formatTable([{ title: 'KEPT', align: 'right' }, { title: 'BECAUSE IT IS' }], rows) +
    '\n'
  )
}

function garbageText({ condemned, waiting, young, swept, isDryRun }: CollectionReport): string {
  const rows: (readonly [string, Tally])[] = [
    [isDryRun ? 'would be removed' : 'removed', swept],
    [isDryRun ? 'would be condemned' : 'condemned', condemned],
    ['condemned before', waiting],
    ['too young', young],
  ]
  const shown = rows.flatMap(([name, tally]) => {
    const bytes = Object.values(tally).reduce((sum, count) => sum + count.bytes, 0)
    const cells = [tally.chunk, tally.manifest, tally.pack, tally.sketches].map(({ objects }) =>
      formatCount(objects),
    )
    return cells.every((cell) => cell === '0') ? [] : [[name, ...cells, formatBytes(bytes)]]
  })
  if (shown.length === 0) return 'There is no garbage.\n'
  const titles = ['CHUNKS', 'MANIFESTS', 'PACKS', 'SKETCHES', 'SIZE']
  return formatTable(
    [{ title: 'GARBAGE' }, ...titles.map((title) => ({ title, align: 'right' as const }))],
    shown,
  )
}

const maxPacksShown = 20

const reasons: Readonly<Record<GarbageReason, string>> = {
  unnamed: 'nothing names it',
  'target-gone': 'nobody goes there any more',
  'basis-gone': 'it begins from a release that is not listed',
}

function packsText({ lostPacks, moreLostPacks, isDryRun }: CollectionReport, { bold }: Style): string {
  if (lostPacks.length === 0) return ''
  const rows = lostPacks
    .slice(0, maxPacksShown)
    .map(({ module, from, to, channels, bytes, why }: LostPack) => [
      module ?? '?',
      from.length === 0 ? '?' : rangesOf(from),
      rangesOf(to),
      channels.join(', '),
      formatBytes(bytes),
      reasons[why],
    ])
  const more = lostPacks.length - rows.length + moreLostPacks
  const titles = ['MODULE', 'FROM', 'TO', 'CHANNELS', 'SIZE', 'WHY'].map((title) => ({ title }))
  return (
    `\n${bold(`Machines that ${isDryRun ? 'would ' : ''}lose a pack, and go by others or by chunks:`)}\n` +
    formatTable(titles, rows) +
    (more === 0 ? '' : `and ${formatCounted(more, 'pack')} more\n`)
  )
}

function failuresText({ failed, failures }: CollectionReport, { red }: Style): string {
  if (failures === 0) return ''
  const shown = failed.slice(0, 10).map(({ key, problem }) => `  ${key}: ${problem}\n`)
  return (
    red(`${formatCounted(failures, 'object')} could not be removed; the next collection tries again:\n`) +
    shown.join('')
  )
}

function endText(report: CollectionReport, { bold }: Style): string {
  const { run, isDryRun, publishesUnderWay, deadSweeps, openSweeps, reachable } = report
  const needed = `${formatCounted(reachable.chunks, 'chunk')} and ${formatCounted(reachable.manifests, 'manifest')} are needed.`
  return [
    `\n${needed}\n`,
    publishesUnderWay > 0
      ? `${formatCounted(publishesUnderWay, 'publish', 'publishes')} under way: what was stored since is left alone.\n`
      : '',
    deadSweeps > 0 ? `Took up ${formatCounted(deadSweeps, 'sweep')} that had not come to an end.\n` : '',
    openSweeps > 0
      ? `${formatCounted(openSweeps, 'sweep')} may take effect yet; a later collection closes it.\n`
      : '',
    isDryRun ? bold('Nothing was changed.\n') : '',
    run === undefined
      ? ''
      : `This was the collection ${bold(run)}; "vend gc undo ${run}" takes it back while it is in quarantine.\n`,
  ].join('')
}

/** `1, 3–7, 9` */
function rangesOf(versions: readonly number[]): string {
  const ranges: [number, number][] = []
  for (const version of versions) {
    const last = ranges.at(-1)
    if (last !== undefined && last[1] === version - 1) last[1] = version
    else ranges.push([version, version])
  }
  return ranges.map(([first, last]) => (first === last ? String(first) : `${first}–${last}`)).join(', ')
}
