import type { Mended } from '../../maintenance/repair/mending.ts'
import type { RepairReport } from '../../maintenance/repair/repair-repository.ts'
import { defineCommand } from '../command.ts'
import { checkConnection, connectionOf, connectionOptions } from '../connection-options.ts'
import { damageJson, describeDamage } from '../describe-damage.ts'
import { formatCount, formatCounted } from '../format-quantity.ts'
import { openKeyRing } from '../open-key-ring.ts'
import { openPlace, parsePlace } from '../open-mirror-source.ts'
import { option, repeatableOption } from '../parameters.ts'
import { parseRate } from '../parse-rate.ts'
import { parseTrust } from '../parse-trust.ts'
import type { Style } from '../terminal.ts'

const { mirrors: _, ...reaching } = connectionOptions

/** `vend repair` */
export const repairCommand = defineCommand({
  path: 'repair',
  summary: 'put what is damaged or missing back from mirrors and other copies',
  description:
    'Reads everything, as "vend verify" does, and fetches what is damaged or missing from the first source that has it: the ' +
    'metadata, the log, documents, manifests, chunks and packs. Each piece is checked before it replaces anything. A damaged pack ' +
    'that no source has is deleted. Ends with exit code 9 when something is left that could not be mended.',
  examples: [
    'repair --from https://mirror.example/os',
    'repair --from file:/backup/repository --from casync:/srv/casync/default.castr',
  ],
  arguments: {},
  options: {
    from: repeatableOption(
      '--from <place>',
      'a store, a served repository, a file of "vend mirror --offline", or casync:DIRECTORY (chunks alone); may be repeated',
      parsePlace,
    ),
    trust: option(
      '--trust <root>',
      "the repository's first root, where the keys are not: root.json, or its digest",
      parseTrust,
    ),
    maxRate: option('--max-rate <rate>', 'read no faster, such as 10MB/s', parseRate),
    ...reaching,
  },
  settings: ['store', 'keys'],
  exitCodes: ['missing', 'conflict', 'trust', 'store', 'damage'],
  afterInterruption: 'what was mended stays so; the same command run again goes on',
  check: (input) => [
    ...checkConnection({ ...input, mirrors: [] }),
    ...(input.from.length === 0 ? ['--from is missing; name a place that has another copy'] : []),
  ],
  run: async (input, context): Promise<RepairReport> => {
    const { settings, signal, now, env, progress } = context
    const { repairRepository } = await import('../../maintenance/repair/repair-repository.ts')
    const { RateLimit } = await import('../../maintenance/mirror/rate-limit.ts')
    const { findFirstRoot } = await import('../../maintenance/mirror/find-first-root.ts')
    await using opened = new AsyncDisposableStack()
    const connection = connectionOf({ ...input, mirrors: [] })
    const sources = []
    for (const place of input.from) sources.push((await openPlace(place, { env, connection, opened })).reader)
    const { trust, maxRate } = input
    const [first] = sources
    const known =
      trust === undefined || first === undefined ? undefined : await findFirstRoot(first, trust, { signal })
    progress.begin('repairing')
    return await repairRepository(settings.store, sources, {
      now: now(),
      signal,
      limit: maxRate === undefined ? undefined : new RateLimit(maxRate),
      trustedRoot: known ?? openKeyRing(context).trustedRoot(),
      onProgress: ({ bytes, totalBytes, chunks }) => {
        progress.update({ bytes, totalBytes, detail: formatCounted(chunks, 'chunk') })
      },
      onNote: (note) => progress.note(`vend: ${note}`),
    })
  },
  answer: (report) => ({
    json: {
      mended: report.mended.map(({ kind, what, from }) => ({ kind, what, from: from ?? null })),
      damages: report.damages.map(damageJson),
      releases: report.releases,
      channels: report.channels,
      manifests: report.manifests,
      chunks: report.chunks,
      packs: report.packs,
    },
    text: (style) => describe(report, style),
  }),
  exitCode: ({ damages }) => (damages.length === 0 ? 'ok' : 'damage'),
})

/** So many are named. */
const maxMended = 50

function describe({ mended, damages }: RepairReport, style: Style): string {
  const named = mended.slice(0, maxMended).map(describeMended).join('')
  const more = mended.length > maxMended ? `and ${formatCount(mended.length - maxMended)} more\n` : ''
  const left = damages.map((damage) => describeDamage(damage, style.red)).join('')
  const verdict =
    damages.length === 0
      ? style.bold(mended.length === 0 ? 'All of it was as it must be.' : 'All of it is as it must be.')
      : style.red(`${formatCounted(damages.length, 'damage')} left that no source could mend.`)
  const way =
    damages.length === 0
      ? ''
      : 'Name more sources, or publish the same trees as the same release again: vend publish --mend …\n'
  return `${named}${more}${left}${formatCounted(mended.length, 'piece')} mended. ${verdict}\n${way}`
}

function describeMended({ kind, what, from }: Mended): string {
  if (from !== undefined) return `${what} from ${from}\n`
  return `${what} ${kind === 'pack' ? 'deleted: vend pack makes it again' : 'made anew'}\n`
}
