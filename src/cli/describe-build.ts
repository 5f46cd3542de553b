import type { JsonValue } from '../../manifests/canonical-json.ts'
import type { PackageBuild } from '../build/build-packages.ts'
import { moduleChanges, packsFromPrevious, type BuildRound } from './build-round.ts'
import { formatBytes, formatCounted, formatDuration } from './format-quantity.ts'
import { formatPairs } from './table.ts'
import type { Style } from './terminal.ts'

export function describeBuild(round: BuildRound, { bold }: Style): string {
  const { release, previous, published, packages, packs, ms } = round
  const changes = moduleChanges(previous, release)
  const [built, reused] = [packages.filter(({ isNew }) => isNew), packages.filter(({ isNew }) => !isNew)]
  const fromPrevious = packsFromPrevious(round)
  return (
    `${bold(headline(round))}\n` +
    formatPairs(
      [
        ['built', namesOf(built)],
        ['reused', namesOf(reused)],
        ['new modules', published === undefined ? '' : changes.added.join(', ')],
        ['changed modules', changes.changed.join(', ')],
        ['removed modules', changes.removed.join(', ')],
        ['same modules', changes.unchanged.join(', ')],
        ['stored', published === undefined ? '' : formatBytes(published.storedBytes)],
        ['packs made', packs.length === 0 ? '' : costOf(packs)],
        [
          'for machines',
          fromPrevious.length === 0 ? '' : `${costOf(fromPrevious)} from release ${previous?.version}`,
        ],
        ['took', formatDuration(ms)],
      ].filter((pair): pair is [string, string] => pair[1] !== ''),
    )
  )
}

export function buildJson(round: BuildRound): Readonly<Record<string, JsonValue>> {
  const { release, previous, published, channel, packages, packs, ms } = round
  const { added, changed, removed, unchanged } = moduleChanges(previous, release)
  const fromPrevious = packsFromPrevious(round)
  return {
    release: release.version,
    channel,
    published: published !== undefined,
    packages: packages.map(({ base, version, hash, isNew, ms: took }) => ({
      name: base,
      version,
      inputs: hash,
      built: isNew,
      seconds: Math.round(took) / 1000,
    })),
    modules: { added: [...added], changed: [...changed], removed: [...removed], unchanged: [...unchanged] },
    storedBytes: published?.storedBytes ?? 0,
    packs: packs.map(({ module, key, bytes }) => ({ module, key, bytes })),
    cost:
      previous === undefined || published === undefined
        ? null
        : { from: previous.version, bytes: bytesOf(fromPrevious), packs: fromPrevious.length },
    seconds: Math.round(ms) / 1000,
  }
}

function headline({ release, channel, published }: BuildRound): string {
  return published === undefined
    ? `Nothing changed: release ${release.version} on channel ${channel} stays.`
    : `Published release ${release.version} on channel ${channel}.`
}

function namesOf(packages: readonly PackageBuild[]): string {
  return packages.map(({ base, version }) => `${base} ${version}`).join(', ')
}

function costOf(packs: readonly { readonly bytes: number }[]): string {
  return `${formatBytes(bytesOf(packs))} in ${formatCounted(packs.length, 'pack')}`
}

function bytesOf(packs: readonly { readonly bytes: number }[]): number {
  return packs.reduce((sum, { bytes }) => sum + bytes, 0)
}
