import type { JsonValue } from '../../../manifests/canonical-json.ts'
import { encodeByteString } from '../../../manifests/fields.ts'
import { displayTreePath } from '../../../manifests/tree-path.ts'
import type { Damage, Touched } from '../../maintenance/damage.ts'
import type { VerifyReport } from '../../maintenance/verify-repository.ts'
import { defineCommand } from '../command.ts'
import { formatBytes, formatCount, formatCounted } from '../format-quantity.ts'
import type { Style } from '../terminal.ts'

/** `vend verify` */
export const verifyCommand = defineCommand({
  path: 'verify',
  summary: 'read everything and report what is damaged',
  description:
    'Reads the signed metadata, every release, channel and manifest, every pack, and every chunk once, checks that each is what it ' +
    'must be, and lists all that is not, with the releases, modules and paths it touches. Changes nothing.',
  examples: ['verify', 'verify --json'],
  arguments: {},
  options: {},
  settings: ['store', 'keys'],
  exitCodes: ['missing', 'trust', 'store', 'damage'],
  run: async (_input, { settings, signal, now, progress }): Promise<VerifyReport> => {
    const { verifyRepository } = await import('../../maintenance/verify-repository.ts')
    const { KeyRing } = await import('../../trust/key-ring.ts')
    progress.begin('verifying')
    const report = await verifyRepository(settings.store, {
      now: now(),
      signal,
      trustedRoot: new KeyRing(settings.keys).trustedRoot(),
      onProgress: ({ bytes, totalBytes, chunks, damages }) => {
        const found = damages === 0 ? '' : `, ${formatCount(damages)} damaged`
        progress.update({ bytes, totalBytes, detail: formatCounted(chunks, 'chunk') + found })
      },
    })
    for (const role of report.expired) {
      progress.note(`vend: the metadata of the role "${role}" has expired: machines refuse it`)
    }
    if (report.expired.length > 0) progress.note(`  hint: renew it with ${renewalOf(report.expired)}`)
    return report
  },
  answer: (report) => ({
    json: { ...report, damages: report.damages.map(damageJson) },
    text: (style) => describeReport(report, style),
  }),
  exitCode: ({ damages }) => (damages.length === 0 ? 'ok' : 'damage'),
})

function renewalOf(expired: VerifyReport['expired']): string {
  const isOffline = expired.some((role) => role === 'root' || role === 'targets')
  return isOffline ? '"vend refresh --all", where the keys of all roles are' : '"vend refresh"'
}

function damageJson({ kind, what, problem, touches }: Damage): JsonValue {
  return {
    kind,
    what,
    problem,
    touches: touches.map(({ module, releases, paths, pathCount }) => ({
      module,
      releases,
      ...(paths !== undefined && { paths: paths.map(encodeByteString), pathCount }),
    })),
  }
}

function describeReport(report: VerifyReport, { red, bold }: Style): string {
  const { releases, channels, manifests, chunks, packs, contentBytes, damages } = report
  const read =
    `Read ${formatCounted(releases, 'release')}, ${formatCounted(channels, 'channel')}, ` +
    `${formatCounted(manifests, 'manifest')}, ${formatCounted(packs, 'pack')} and ${formatCounted(chunks, 'chunk')} of ${formatBytes(contentBytes)}.\n`
  if (damages.length === 0) return `${read}${bold('All of it is as it must be.')}\n`
  return (
    damages.map((damage) => describeDamage(damage, red)).join('') +
    `${read}${red(`${formatCounted(damages.length, 'damage')} found.`)}\n` +
    wayOutOf(damages)
  )
}

/** Chunks and manifests follow from the trees; documents and metadata were signed once. */
function wayOutOf(damages: readonly Damage[]): string {
  const isPack = damages.some(({ kind }) => kind === 'pack')
  const isMendable = damages.some(({ kind }) => kind === 'chunk' || kind === 'manifest')
  return (
    'Restore these from a mirror or a backup.\n' +
    (isPack ? 'Packs may as well be deleted: machines go by chunks, and vend pack makes them again.\n' : '') +
    (isMendable
      ? 'Chunks and manifests are also mended by publishing the same trees as the same release: ' +
        'vend publish --mend … --release VERSION\n'
      : '')
  )
}

function describeDamage({ what, problem, touches }: Damage, red: (text: string) => string): string {
  return `${red(what)}: ${problem}\n${touches.map(describeTouched).join('')}`
}

function describeTouched({ module, releases, paths, pathCount }: Touched): string {
  const where = `  module ${module} of ${releases.length === 1 ? 'release' : 'releases'} ${releases.join(', ')}`
  if (paths === undefined || pathCount === undefined) return `${where}: all of it\n`
  const lines = paths.map((path) => `    /${displayTreePath(path)}\n`).join('')
  const more = pathCount > paths.length ? `    and ${formatCount(pathCount - paths.length)} more\n` : ''
  return `${where}: ${formatCounted(pathCount, 'path')}\n${lines}${more}`
}
