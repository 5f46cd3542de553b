import type { ModulePack } from '../../delivery/release-packs.ts'
import { defineCommand } from '../command.ts'
import { formatBytes, formatCounted, formatDuration } from '../format-quantity.ts'
import { packProgress } from '../pack-progress.ts'
import { askedSteps } from '../pack-steps.ts'
import { argument, option, repeatableOption } from '../parameters.ts'
import { parseCount } from '../parse-count.ts'
import { parseOrigin } from '../parse-origin.ts'
import { parseReleaseName, readModuleName } from '../release-name.ts'
import { formatPairs } from '../table.ts'

interface Packed {
  readonly from: number | undefined
  readonly to: number
  readonly packs: readonly ModulePack[]
  readonly ms: number
}

/** `vend pack` */
export const packCommand = defineCommand({
  path: 'pack',
  summary: 'make the packs that take machines from one release to another',
  description:
    'Makes one pack for each module in which the releases differ, checks that it gives back every content, and stores ' +
    'it. What is there already is left. Nothing is signed: packs may be made at any time, for any pair.',
  examples: ['pack 10 11', 'pack stable 12 --module base', 'pack none 12'],
  arguments: {
    from: argument('from', 'a version or channel, or none: a first install', parseOrigin),
    to: argument('to', 'a version or channel', parseReleaseName),
  },
  options: {
    modules: repeatableOption('--module <name>', 'only this module; may be repeated', readModuleName),
    threads: option('--threads <count>', 'how many threads compare (default: one a processor)', parseCount),
  },
  settings: ['store', 'keys'],
  exitCodes: ['missing', 'unknown', 'trust', 'store', 'damage'],
  afterInterruption: 'packs that were complete are stored; the same command run again makes the others',
  run: async (input, context): Promise<Packed> => {
    const { ensurePacks } = await import('../../delivery/release-packs.ts')
    const started = performance.now()
    const { repository, from, to, steps } = await askedSteps(input, context)
    const { settings, signal, progress } = context
    const packs: ModulePack[] = []
    const options = { signal, threads: input.threads, onProgress: packProgress(progress) }
    for await (const pack of ensurePacks(settings.store, repository, steps, options)) packs.push(pack)
    return { from: from?.version, to: to.version, packs, ms: performance.now() - started }
  },
  answer: ({ from, to, packs, ms }) => {
    const bytes = packs.reduce((sum, pack) => sum + pack.bytes, 0)
    return {
      json: {
        from: from ?? null,
        to,
        bytes,
        seconds: Math.round(ms) / 1000,
        packs: packs.map(({ module, key, bytes: size, isNew }) => ({ module, key, bytes: size, isNew })),
      },
      text: ({ bold }) =>
        `${bold(headline(from, to, packs))}\n` +
        formatPairs([
          ...packs.map(
            (pack) =>
              [pack.module, `${formatBytes(pack.bytes)}${pack.isNew ? '' : ', there already'}`] as const,
          ),
          ['in all', formatBytes(bytes)],
          ['took', formatDuration(ms)],
        ]),
    }
  },
})

function headline(from: number | undefined, to: number, packs: readonly ModulePack[]): string {
  const way = from === undefined ? `a first install of release ${to}` : `release ${from} to release ${to}`
  return packs.length === 0 ? `Nothing differs: ${way}.` : `${formatCounted(packs.length, 'pack')}: ${way}.`
}
