/**
 * Publishes a tree into a fresh repository, and once more unchanged, with vend and with its peers, in one run:
 * `node bench/ingest.ts [--tree DIR] [--rounds N] [--peers]`. Prints Markdown.
 */
import { existsSync } from 'node:fs'
import { lstat, mkdir, readdir, rm } from 'node:fs/promises'
import { availableParallelism, cpus } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { peers, vendContender } from './contenders.ts'
import type { Contender, Place } from './contenders.ts'
import { markdownTable } from './markdown-table.ts'
import { measure, run } from './measure.ts'
import type { Usage } from './measure.ts'

interface Size {
  readonly files: number
  readonly bytes: number
}

interface Results {
  readonly first: Usage[]
  readonly again: Usage[]
  stored: Size | undefined
}

const work = join(import.meta.dirname, 'made')
const scratch = join(work, 'ingest')

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      tree: { type: 'string', default: join(work, 'debian', 'a') },
      rounds: { type: 'string', default: '3' },
      peers: { type: 'boolean', default: false },
    },
  })
  const tree = resolve(values.tree)
  const rounds = Number(values.rounds)
  if (!Number.isInteger(rounds) || rounds < 1)
    throw new Error(`--rounds ${values.rounds}: not a positive number`)
  if (!existsSync(tree))
    throw new Error(`${values.tree} does not exist: bench/debian-pair makes the default tree`)

  const contenders = values.peers ? peers : [vendContender, ...peers]
  await rm(scratch, { recursive: true, force: true })
  await mkdir(scratch, { recursive: true })
  try {
    const plainTree = await copyWithoutSpecialFiles(tree)
    const results = await runRounds(contenders, rounds, tree, plainTree)
    await report(tree, rounds, results)
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/** ostree refuses a tree with devices in it. A copy, as hard links would make hard links of all the tree's files. */
async function copyWithoutSpecialFiles(tree: string): Promise<string> {
  progress('copying the tree for ostree')
  const copy = join(scratch, 'plain')
  await run({ argv: ['cp', '-a', '--reflink=auto', tree, copy] })
  await run({ argv: ['find', copy, '-type', 'b,c,p,s', '-delete'] })
  return copy
}

/** The order turns round every time, so that nobody always runs after the same neighbour. */
async function runRounds(
  contenders: readonly Contender[],
  rounds: number,
  tree: string,
  plainTree: string,
): Promise<Map<Contender, Results>> {
  const results = new Map<Contender, Results>()
  for (const contender of contenders) results.set(contender, { first: [], again: [], stored: undefined })
  await warm(tree)
  await warm(plainTree)
  for (let round = 1; round <= rounds; round++) {
    const order = round % 2 === 1 ? [...results] : [...results].reverse()
    for (const [contender, result] of order) {
      progress(`round ${round} of ${rounds}: ${contender.name}`)
      await runContender(contender, { tree, plainTree, directory: join(scratch, 'contender') }, result)
    }
  }
  return results
}

async function warm(tree: string): Promise<void> {
  await run({ argv: ['sh', '-c', 'find "$1" -type f -print0 | xargs -0 cat', 'sh', tree] })
}

async function runContender(contender: Contender, place: Place, result: Results): Promise<void> {
  await mkdir(place.directory)
  for (const command of contender.prepare?.(place) ?? []) await run(command)
  const usageReport = join(scratch, 'usage')
  if (contender.first !== undefined) {
    await settle()
    result.first.push(await measure(contender.first(place), usageReport))
    if (contender.store !== undefined) result.stored = await sizeOf(join(place.directory, contender.store))
  }
  await settle()
  result.again.push(await measure(contender.again(place), usageReport))
  await rm(place.directory, { recursive: true })
}

/** What one run leaves for the disk to do is not the next one's to wait for. */
async function settle(): Promise<void> {
  await run({ argv: ['sync', '--file-system', scratch] })
}

/** Of regular files, each once however many names it has. */
async function sizeOf(directory: string): Promise<Size> {
  const seen = new Set<number>()
  let bytes = 0
  for (const item of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!item.isFile()) continue
    const { ino, size } = await lstat(join(item.parentPath, item.name))
    if (!seen.has(ino)) bytes += size
    seen.add(ino)
  }
  return { files: seen.size, bytes }
}

async function report(tree: string, rounds: number, results: ReadonlyMap<Contender, Results>): Promise<void> {
  const { files, bytes } = await sizeOf(tree)
  const cpu = cpus()[0]?.model ?? 'unknown'
  console.log(
    `${relative(process.cwd(), tree)}: ${files} files, ${megabytes(bytes)} MB; ${availableParallelism()} cores of ` +
      `${cpu}; medians of ${rounds} rounds, least to most in brackets.\n`,
  )
  const stores = [...results].filter(([, result]) => result.stored !== undefined)
  console.log('### First publish, into a fresh repository\n')
  console.log(
    usageTable(
      stores.map(([contender, { first }]) => [contender.name, first]),
      ['stored MB', 'objects'],
      stores.map(([, { stored }]) => [megabytes(stored?.bytes ?? 0), String(stored?.files)]),
    ),
  )
  console.log('### The same tree again, unchanged\n')
  console.log(usageTable([...results].map(([contender, { again }]) => [contender.name, again])))
  for (const { name, remark } of results.keys()) console.log(`- ${name}: ${remark}`)
}

function usageTable(
  measured: readonly (readonly [name: string, usages: readonly Usage[]])[],
  moreHead: readonly string[] = [],
  moreCells: readonly (readonly string[])[] = [],
): string {
  const [reference] = measured
  if (reference === undefined) return ''
  const [referenceName, referenceUsages] = reference
  const referenceCpu = median(referenceUsages.map(({ cpuSeconds }) => cpuSeconds))
  return markdownTable(
    ['', 'CPU s', `CPU : ${referenceName}`, 'wall s', 'peak MiB', ...moreHead],
    measured.map(([name, usages], index) => {
      const cpu = usages.map(({ cpuSeconds }) => cpuSeconds)
      return [
        name,
        spread(cpu),
        (median(cpu) / referenceCpu).toFixed(2),
        spread(usages.map(({ wallSeconds }) => wallSeconds)),
        (median(usages.map(({ peakBytes }) => peakBytes)) / 2 ** 20).toFixed(0),
        ...(moreCells[index] ?? []),
      ]
    }),
  )
}

function spread(values: readonly number[]): string {
  return `${median(values).toFixed(2)} (${Math.min(...values).toFixed(2)}–${Math.max(...values).toFixed(2)})`
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other)
  const below = sorted[Math.ceil(sorted.length / 2) - 1] ?? Number.NaN
  const above = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
  return (below + above) / 2
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1)
}

function progress(text: string): void {
  process.stderr.write(`ingest: ${text}\n`)
}

await main()
