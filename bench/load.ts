/**
 * A fleet that updates: `node bench/load.ts [--clients N] [--rounds N] [--over SECONDS] [--soak N] [--old DIR] [--new DIR]`.
 * Clients check and update by plain requests, of `vend serve` straight, with metrics, behind nginx and Varnish that keep
 * what it says, and of nginx alone on the same files, in turns; then `--soak` crowds more of `vend serve` straight, for its
 * memory. Prints Markdown.
 */
import { existsSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { LoadClients, merge, type Load, type LoadOptions } from './load-clients.ts'
import { chunkKeys, planUpdate, type Plans } from './load-plan.ts'
import {
  startNginxBefore,
  startNginxOnFiles,
  startVarnishBefore,
  startVend,
  type LoadServer,
} from './load-servers.ts'
import { markdownTable } from './markdown-table.ts'
import { run } from './measure.ts'
import { usageOfTree } from './process-tree.ts'

const work = join(import.meta.dirname, 'made')
const scratch = join(work, 'load')
const repository = join(scratch, 'repository')
const settings = ['--store', `file://${repository}`, '--keys', join(scratch, 'keys')]
const launcher = join(import.meta.dirname, '../src/cli/vend.mjs')

/** One way to serve the repository: what machines ask, and what works behind it. */
interface Way {
  readonly name: string
  readonly url: string
  readonly servers: readonly LoadServer[]
  readonly calm: Measured[]
  readonly crowded: Measured[]
}

interface Measured extends Load {
  readonly cpuSeconds: number
  /** Of the servers together, four times a second. */
  readonly resident: readonly number[]
}

async function main(): Promise<void> {
  const pair = join(work, 'pairs', 'go-esbuild')
  const { values } = parseArgs({
    options: {
      clients: { type: 'string', default: '2000' },
      rounds: { type: 'string', default: '6' },
      over: { type: 'string', default: '40' },
      soak: { type: 'string', default: '18' },
      processes: { type: 'string', default: '2' },
      old: { type: 'string', default: join(pair, 'a') },
      new: { type: 'string', default: join(pair, 'b') },
    },
  })
  await rm(scratch, { recursive: true, force: true })
  await mkdir(scratch, { recursive: true })
  try {
    const plans = await publish(resolve(values.old), resolve(values.new))
    await using clients = new LoadClients(Number(values.processes))
    await using stack = new AsyncDisposableStack()
    const ways = await openWays(stack)
    const options = { clients: Number(values.clients), overMs: 0, chunksEvery: 10, connections: 4 }
    const calm = { ...options, overMs: Number(values.over) * 1000 }
    for (const way of ways) await rounds(clients, way, plans, { ...options, clients: 200 })
    for (let round = 1; round <= Number(values.rounds); round++) {
      for (const way of ways) {
        progress(`round ${round} of ${values.rounds}: ${way.name}`)
        if (round === 1) way.calm.push(await rounds(clients, way, plans, calm))
        way.crowded.push(await rounds(clients, way, plans, options))
      }
    }
    report(ways, plans, options, calm)
    const [, straight] = ways
    if (straight !== undefined)
      await soak(clients, straight, plans, { ...options, crowds: Number(values.soak) })
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/** Two releases, the second with a pack from the first, and what a machine asks of them. */
async function publish(old: string, next: string): Promise<Plans> {
  for (const tree of [old, next]) {
    if (!existsSync(tree))
      throw new Error(`${tree} does not exist: bench/fetch-pairs.ts makes the default trees`)
  }
  await vend('init')
  await vend('publish', `system=${old}`, '--release', '1')
  const before = new Set(await chunkKeys(repository))
  await vend('publish', `system=${next}`, '--release', '2', '--packs-from', '1')
  return planUpdate(repository, before)
}

async function vend(...words: readonly string[]): Promise<void> {
  progress(`vend ${words.join(' ')}`)
  await run({ argv: [process.execPath, launcher, ...words, ...settings] })
}

async function openWays(stack: AsyncDisposableStack): Promise<Way[]> {
  const way = (name: string, ...servers: readonly [LoadServer, ...LoadServer[]]): Way => ({
    name,
    url: servers[0].url,
    servers,
    calm: [],
    crowded: [],
  })
  const straight = stack.use(await startVend(scratch, settings))
  const measured = stack.use(await startVend(scratch, settings, ['--metrics', '127.0.0.1:0']))
  const behindNginx = stack.use(await startVend(scratch, settings))
  const behindVarnish = stack.use(await startVend(scratch, settings))
  return [
    way('nginx alone', stack.use(await startNginxOnFiles(scratch, repository))),
    way('vend serve', straight),
    way('vend serve --metrics', measured),
    way('nginx, vend serve', stack.use(await startNginxBefore(scratch, behindNginx.url)), behindNginx),
    way(
      'Varnish, vend serve',
      stack.use(await startVarnishBefore(scratch, behindVarnish.url)),
      behindVarnish,
    ),
  ]
}

async function rounds(clients: LoadClients, way: Way, plans: Plans, options: LoadOptions): Promise<Measured> {
  const usage = (): { readonly cpu: number; readonly resident: number } => {
    const all = way.servers.map(({ pid }) => usageOfTree(pid))
    return {
      cpu: all.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0),
      resident: all.reduce((sum, { residentBytes }) => sum + residentBytes, 0),
    }
  }
  const resident: number[] = []
  const before = usage()
  const sampling = setInterval(() => resident.push(usage().resident), 250)
  try {
    const load = await clients.update(way.url, plans, options)
    if (load.errors > 0) throw new Error(`${way.name}: ${load.errors} clients failed: ${load.firstError}`)
    return { ...load, cpuSeconds: usage().cpu - before.cpu, resident }
  } finally {
    clearInterval(sampling)
  }
}

/** V8 lets garbage of crowds lie until it has grown by some share: only many crowds show what stays. */
async function soak(
  clients: LoadClients,
  way: Way,
  plans: Plans,
  options: LoadOptions & { readonly crowds: number },
): Promise<void> {
  const resident: number[] = []
  for (let crowd = 1; crowd <= options.crowds; crowd++) {
    progress(`crowd ${crowd} of ${options.crowds}: ${way.name}`)
    resident.push(...(await rounds(clients, way, plans, options)).resident)
  }
  const third = Math.floor(resident.length / 3)
  const thirds = [0, 1, 2].map((i) => mebibytes(median(resident.slice(i * third, (i + 1) * third))))
  process.stdout.write(
    `\n${options.crowds} crowds more of ${way.name}: RSS ${thirds.join(', ')} MiB (medians of the thirds), ` +
      `${mebibytes(Math.max(...resident))} at most.\n`,
  )
}

function report(ways: readonly Way[], plans: Plans, crowd: LoadOptions, calm: LoadOptions): void {
  const of = (plan: Plans['byPack']): string => {
    const steps = [...plan.first, ...plan.rest]
    return `${steps.length} requests, ${(steps.reduce((sum, { bytes = 0 }) => sum + bytes, 0) / 1e6).toFixed(2)} MB`
  }
  process.stdout.write(
    `${crowd.clients} clients; nine of ten go by pack (${of(plans.byPack)}), one by chunks on ${crowd.connections} ` +
      `connections (${of(plans.byChunks)}). No error.\n\nAll within ${calm.overMs / 1000} s, evenly:\n\n`,
  )
  process.stdout.write(latencyTable(ways, ({ calm: all }) => all))
  process.stdout.write(`\nAll at once, ${ways[0]?.crowded.length} times:\n\n`)
  process.stdout.write(latencyTable(ways, ({ crowded }) => crowded))
  process.stdout.write('\nAll at once, what the servers took (medians of the rounds):\n\n')
  const head = [
    '',
    'requests/s',
    'requests/CPU s',
    'beside nginx',
    'MB/s',
    'RSS MiB, first third',
    'last third',
  ] as const
  const [plain] = ways
  process.stdout.write(
    markdownTable(
      head,
      ways.map((way) => costRow(way, plain)),
    ),
  )
}

function latencyTable(ways: readonly Way[], of: (way: Way) => readonly Measured[]): string {
  const kinds = ['absent root', 'timestamp', 'metadata', 'pack', 'chunk'] as const
  const head = ['p50 / p95 / p99 / longest, ms', ...kinds] as const
  return markdownTable(
    head,
    ways.map((way) => {
      const { latencies } = merge(of(way))
      return [way.name, ...kinds.map((kind) => percentiles(latencies[kind] ?? []))] as const
    }),
  )
}

function percentiles(all: readonly number[]): string {
  const sorted = Float64Array.from(all).sort()
  const at = (share: number): string =>
    (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(1)
  return [0.5, 0.95, 0.99, 1].map(at).join(' / ')
}

function costRow(way: Way, plain: Way | undefined): [string, ...string[]] {
  const perCpu = ({ crowded }: Way): number => median(crowded.map((one) => one.requests / one.cpuSeconds))
  // Over all rounds: what grows from one to the next is what matters.
  const resident = way.crowded.flatMap((one) => one.resident)
  const third = Math.floor(resident.length / 3)
  return [
    way.name,
    median(way.crowded.map((one) => one.requests / one.seconds)).toFixed(0),
    perCpu(way).toFixed(0),
    plain === undefined ? '' : (perCpu(way) / perCpu(plain)).toFixed(2),
    median(way.crowded.map((one) => one.bytes / one.seconds / 1e6)).toFixed(0),
    mebibytes(median(resident.slice(0, third))),
    mebibytes(median(resident.slice(-third))),
  ]
}

function median(all: readonly number[]): number {
  const sorted = [...all].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(0)
}

function progress(text: string): void {
  process.stderr.write(`${text}\n`)
}

await main()
