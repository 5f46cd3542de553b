import { encodeByteString } from '../../../manifests/fields.ts'
import { displayTreePath } from '../../../manifests/tree-path.ts'
import type { PackedContent } from '../../delivery/ensure-pack.ts'
import type { ModulePack } from '../../delivery/release-packs.ts'
import { defineCommand } from '../command.ts'
import { formatBytes, formatCount, formatCounted, formatDuration } from '../format-quantity.ts'
import { packProgress } from '../pack-progress.ts'
import { askedSteps } from '../pack-steps.ts'
import { argument, option, repeatableOption } from '../parameters.ts'
import { parseBytes } from '../parse-bytes.ts'
import { parseCount } from '../parse-count.ts'
import { parseOrigin } from '../parse-origin.ts'
import { parseReleaseName, readModuleName } from '../release-name.ts'
import { formatPairs, formatTable } from '../table.ts'

/** What every update asks for before packs: see docs/operations.md, "What an update asks for". */
const requestsBeforePacks = 5
const shownContents = 10

interface Preview {
  readonly from: number | undefined
  readonly to: number
  readonly packs: readonly ModulePack[]
  readonly budget: number | undefined
}

interface Expensive extends PackedContent {
  readonly module: string
}

/** `vend preview` */
export const previewCommand = defineCommand({
  path: 'preview',
  summary: 'say what an update will cost machines, without storing anything',
  description:
    'Makes the packs from one release to another and throws them away: bytes and requests of the update, what a machine ' +
    'needs of memory and, measured here, of time to apply it, and the most expensive files with the reason. With ' +
    '--budget it fails when the update is larger, so that a build stops before a mistake reaches the fleet.',
  examples: ['preview stable 12', 'preview 11 12 --module base', 'preview stable 12 --budget 20MB'],
  arguments: {
    from: argument('from', 'a version or channel, or none: a first install', parseOrigin),
    to: argument('to', 'a version or channel', parseReleaseName),
  },
  options: {
    modules: repeatableOption('--module <name>', 'only this module; may be repeated', readModuleName),
    budget: option('--budget <bytes>', 'fail when the update takes more: 20MB', parseBytes),
    threads: option('--threads <count>', 'how many threads compare (default: one a processor)', parseCount),
  },
  settings: ['store', 'keys'],
  exitCodes: ['missing', 'unknown', 'trust', 'store', 'damage', 'budget'],
  run: async (input, context): Promise<Preview> => {
    const { previewPacks } = await import('../../delivery/release-packs.ts')
    const { repository, from, to, steps } = await askedSteps(input, context)
    const { signal, progress } = context
    const packs: ModulePack[] = []
    const options = { signal, threads: input.threads, onProgress: packProgress(progress) }
    for await (const pack of previewPacks(repository, steps, options)) packs.push(pack)
    return { from: from?.version, to: to.version, packs, budget: input.budget }
  },
  answer: (preview) => {
    const { from, to, packs, budget } = preview
    const totals = totalsOf(packs)
    const expensive = mostExpensive(packs)
    return {
      json: {
        from: from ?? null,
        to,
        ...totals,
        ...(budget !== undefined && { budget, withinBudget: totals.bytes <= budget }),
        packs: packs.map((pack) => ({
          module: pack.module,
          bytes: pack.bytes,
          contents: pack.contents.length,
        })),
        mostExpensive: expensive.map((content) => ({
          module: content.module,
          path: encodeByteString(content.path),
          size: content.size,
          bytes: content.estimatedBytes,
          reason: reasonOf(content),
        })),
      },
      text: ({ bold, red }) => {
        const isOver = budget !== undefined && totals.bytes > budget
        const verdict =
          budget === undefined ? '' : `, ${isOver ? 'over' : 'within'} the budget of ${formatBytes(budget)}`
        const line = `${formatBytes(totals.bytes)} in ${formatCounted(totals.requests, 'request')}${verdict}`
        return `${isOver ? red(line) : bold(line)}\n${describeTotals(preview)}\n${describeContents(expensive)}`
      },
    }
  },
  exitCode: ({ packs, budget }) => (budget !== undefined && totalsOf(packs).bytes > budget ? 'budget' : 'ok'),
})

function totalsOf(packs: readonly ModulePack[]): {
  readonly bytes: number
  readonly requests: number
  readonly memoryBytes: number
  readonly applySeconds: number
} {
  return {
    bytes: packs.reduce((sum, { bytes }) => sum + bytes, 0),
    requests: requestsBeforePacks + packs.length,
    memoryBytes: packs.reduce((most, { memoryBytes }) => Math.max(most, memoryBytes), 0),
    applySeconds: Math.round(packs.reduce((sum, { applyMs }) => sum + applyMs, 0)) / 1000,
  }
}

function describeTotals({ from, to, packs }: Preview): string {
  const { memoryBytes, applySeconds } = totalsOf(packs)
  const contents = packs.reduce((sum, pack) => sum + pack.contents.length, 0)
  return formatPairs([
    ['from', from === undefined ? 'nothing' : `release ${from}`],
    ['to', `release ${to}`],
    ...packs.map((pack) => [pack.module, formatBytes(pack.bytes)] as const),
    ['contents', formatCount(contents)],
    ['held in memory', formatBytes(memoryBytes)],
    ['applied here in', formatDuration(applySeconds * 1000)],
  ])
}

function mostExpensive(packs: readonly ModulePack[]): Expensive[] {
  return packs
    .flatMap(({ module, contents }) => contents.map((content) => ({ ...content, module })))
    .sort((a, b) => b.estimatedBytes - a.estimatedBytes)
    .slice(0, shownContents)
}

function describeContents(contents: readonly Expensive[]): string {
  if (contents.length === 0) return ''
  return formatTable(
    [
      { title: 'about', align: 'right' },
      { title: 'of', align: 'right' },
      { title: 'path' },
      { title: 'reason' },
    ],
    contents.map((content) => [
      formatBytes(content.estimatedBytes),
      formatBytes(content.size),
      `/${displayTreePath(content.path)}`,
      reasonOf(content),
    ]),
  )
}

const reasons = {
  path: 'what was there before',
  name: 'the version before',
  similar: 'what is most like it',
  moved: 'where it was before',
  basename: 'one of the same name',
  part: 'another part',
  manifest: 'the manifest before',
} as const

/** Why a content costs what it costs. */
function reasonOf({ bases, size, estimatedBytes, isPredicted }: PackedContent): string {
  const [first] = bases
  if (first === undefined) return 'new: nothing before is like it'
  const more = bases.length > 1 ? ` and ${formatCounted(bases.length - 1, 'more')}` : ''
  const way = `${reasons[first.reason]}, /${displayTreePath(first.path)}${more}`
  if (estimatedBytes > size / 2) return `little in common with ${way}`
  return isPredicted ? `code that changed against ${way}` : `changed against ${way}`
}
