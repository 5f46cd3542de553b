import type { Damage } from '../../maintenance/damage.ts'
import type { VerifyPass } from '../../maintenance/verify-pass.ts'
import type { VerifyReport } from '../../maintenance/verify-repository.ts'
import type { Slice } from '../../maintenance/verify-slice.ts'
import { defineCommand } from '../command.ts'
import type { CommandContext } from '../command-context.ts'
import { damageJson, describeDamage } from '../describe-damage.ts'
import { formatBytes, formatCount, formatCounted } from '../format-quantity.ts'
import { option } from '../parameters.ts'
import { parseRate } from '../parse-rate.ts'
import { parseShare } from '../parse-share.ts'
import { parsePathText } from '../setting-parsers.ts'
import type { Style } from '../terminal.ts'

/** `vend verify` */
export const verifyCommand = defineCommand({
  path: 'verify',
  summary: 'read everything and report what is damaged',
  description:
    'Reads the signed metadata, every release, channel and manifest, every pack, and every chunk once, checks that each is what it ' +
    'must be, and lists all that is not, with the releases, modules and paths it touches. Changes nothing. With --share only a ' +
    'part of the chunks and packs, another one each day; with --state the next one each time, and an interrupted one goes on.',
  examples: [
    'verify',
    'verify --json',
    'verify --share 5% --state /var/lib/vend/verify.state --max-rate 20MB/s',
  ],
  arguments: {},
  options: {
    share: option('--share <share>', 'read only so much of the chunks and packs, such as 5%', parseShare),
    state: option('--state <file>', 'where to remember how far it came', parsePathText),
    maxRate: option('--max-rate <rate>', 'read no faster, such as 10MB/s', parseRate),
  },
  settings: ['store', 'keys'],
  exitCodes: ['missing', 'trust', 'store', 'damage'],
  afterInterruption: 'with --state FILE the same command goes on where this one ended',
  run: async (input, context): Promise<VerifyReport> => {
    const { settings, signal, now, progress } = context
    const { verifyRepository } = await import('../../maintenance/verify-repository.ts')
    const { KeyRing } = await import('../../trust/key-ring.ts')
    const { RateLimit } = await import('../../maintenance/mirror/rate-limit.ts')
    await using opened = new AsyncDisposableStack()
    const { slice, pass } = await partOf(input, context)
    // However it ends.
    opened.defer(() => pass?.save())
    progress.begin('verifying')
    const report = await verifyRepository(settings.store, {
      now: now(),
      signal,
      slice,
      pass,
      limit: input.maxRate === undefined ? undefined : new RateLimit(input.maxRate),
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
    json: {
      ...report,
      slice: report.slice === undefined ? undefined : { ...report.slice },
      absent: { modules: [...report.absent.modules], releases: [...report.absent.releases] },
      damages: report.damages.map(damageJson),
    },
    text: (style) => describeReport(report, style),
  }),
  exitCode: ({ damages }) => (damages.length === 0 ? 'ok' : 'damage'),
})

/** By the day, or by what a file remembers. */
async function partOf(
  { share, state }: { readonly share: number | undefined; readonly state: string | undefined },
  { settings, signal, now, progress }: CommandContext,
): Promise<{ readonly slice?: Slice; readonly pass?: VerifyPass }> {
  const { partsOf, sliceOfDay } = await import('../../maintenance/verify-slice.ts')
  if (state === undefined) return share === undefined ? {} : { slice: sliceOfDay(share, now()) }
  const { VerifyPass: Pass } = await import('../../maintenance/verify-pass.ts')
  const { firstRootDigest } = await import('../../maintenance/mirror/find-first-root.ts')
  const root = await firstRootDigest(settings.store, { signal })
  // Then that is what is to be said.
  if (root === undefined) return {}
  const of = share === undefined ? 1 : partsOf(share)
  return { pass: Pass.open(state, root, of, (note) => progress.note(`vend: ${note}`)) }
}

function renewalOf(expired: VerifyReport['expired']): string {
  const isOffline = expired.some((role) => role === 'root' || role === 'targets')
  return isOffline ? '"vend refresh --all", where the keys of all roles are' : '"vend refresh"'
}

function describeReport(report: VerifyReport, { red, bold }: Style): string {
  const { releases, channels, manifests, chunks, packs, contentBytes, damages, slice, absent } = report
  const part =
    slice === undefined || slice.of === 1 ? '' : ` This was part ${slice.index + 1} of ${slice.of}.`
  const left =
    absent.releases.length + absent.modules.length === 0
      ? ''
      : `The mirror has a part: ${formatCounted(absent.releases.length, 'release')} and ` +
        `${formatCounted(absent.modules.length, 'module')} are not in it, and need not be.\n`
  const read =
    `Read ${formatCounted(releases, 'release')}, ${formatCounted(channels, 'channel')}, ` +
    `${formatCounted(manifests, 'manifest')}, ${formatCounted(packs, 'pack')} and ${formatCounted(chunks, 'chunk')} of ${formatBytes(contentBytes)}.${part}\n${left}`
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
    'Mend these from a mirror or a backup: vend repair --from PLACE\n' +
    (isPack ? 'Packs may as well be deleted: machines go by chunks, and vend pack makes them again.\n' : '') +
    (isMendable
      ? 'Chunks and manifests are also mended by publishing the same trees as the same release: ' +
        'vend publish --mend … --release VERSION\n'
      : '')
  )
}
