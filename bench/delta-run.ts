import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Contender, Outcome, Work } from './delta-contender.ts'
import { openPair, type OpenPair } from './delta-pair.ts'
import type { Usage } from './measure.ts'
import { totalBytes } from './pairs-compare.ts'
import { pairs } from './pairs.ts'
import type { Pair } from './pairs.ts'
import { markdownTable } from './markdown-table.ts'
import { writePlot } from './plot-bars.ts'

interface PairOutcomes {
  readonly pair: Pair
  readonly remark: string
  readonly outcomes: ReadonlyMap<Contender, Outcome>
}

const made = join(import.meta.dirname, 'made')
const megabyte = 1e6

/**
 * Runs every contender on every pair, or those of `--pairs` and `--contenders`, and prints a Markdown table a pair.
 * The plot of a whole run is `bench/plots/<name>.svg`, that of a part lies in `bench/made/plots`.
 */
export async function runBenchmark(name: string, contenders: readonly Contender[]): Promise<void> {
  const { values } = parseArgs({ options: { pairs: { type: 'string' }, contenders: { type: 'string' } } })
  const chosenPairs = choose('--pairs', pairs, values.pairs)
  const chosenContenders = choose('--contenders', contenders, values.contenders)
  await mkdir(made, { recursive: true })
  const scratch = await mkdtemp(join(made, `${name}.`))
  console.log(`${availableParallelism()} cores of ${cpus()[0]?.model ?? 'unknown'}; one run.\n`)
  const results: PairOutcomes[] = []
  try {
    for (const pair of chosenPairs) {
      const result = await runPair(pair, chosenContenders, scratch)
      console.log(`### ${pair.name}\n\n${result.remark}\n\n${table(result)}`)
      results.push(result)
    }
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
  for (const contender of chosenContenders) console.log(`- ${contender.name}: ${contender.remark}`)
  const isWhole = values.pairs === undefined && values.contenders === undefined
  const plots = isWhole ? join(import.meta.dirname, 'plots') : join(made, 'plots')
  await mkdir(plots, { recursive: true })
  await writePlot(join(plots, `${name}.svg`), results.map(panelOf))
}

/** Those named in a list with commas, in their own order; all when there is no list. */
function choose<T extends { readonly name: string }>(
  flag: string,
  all: readonly T[],
  list?: string,
): readonly T[] {
  if (list === undefined) return all
  const names = new Set(list.split(','))
  const unknown = [...names].find((name) => !all.some((one) => one.name === name))
  if (unknown !== undefined)
    throw new Error(`${flag}: there is no ${unknown}, but: ${all.map((one) => one.name).join(', ')}`)
  return all.filter((one) => names.has(one.name))
}

async function runPair(pair: Pair, contenders: readonly Contender[], scratch: string): Promise<PairOutcomes> {
  await using opened = await openPair(pair, scratch)
  const outcomes = new Map<Contender, Outcome>()
  for (const contender of contenders) {
    const work = await opened.workFor(contender)
    try {
      const outcome = await runContender(contender, work)
      process.stderr.write(`${pair.name}: ${row(contender, outcome).join(', ')}\n`)
      outcomes.set(contender, outcome)
    } catch (cause) {
      throw new Error(`${contender.name} failed on ${pair.name}`, { cause })
    }
    await rm(work.directory, { recursive: true })
  }
  return { pair, remark: remarkOf(opened), outcomes }
}

async function runContender(contender: Contender, work: Work): Promise<Outcome> {
  const make = await contender.make(work)
  const bytes = await contender.bytes(work)
  const apply = await contender.apply(work)
  if (apply !== undefined) await contender.check(work)
  return { bytes, make, apply }
}

function remarkOf({ pair, comparison: { changed, added }, wanted }: OpenPair): string {
  const based = wanted.filter(({ basis }) => basis !== undefined).length
  return (
    `${pair.remark}. ${changed.length} files changed and ${added.length} new, ` +
    `${megabytes(totalBytes([...changed, ...added]))} MB; ${wanted.length} contents that a has nowhere, ` +
    `${based} of them with a basis.`
  )
}

function table({ outcomes }: PairOutcomes): string {
  return markdownTable(
    ['', 'MB', 'make CPU s', 'make MiB', 'apply CPU s', 'apply MiB'],
    [...outcomes].map(([contender, outcome]) => row(contender, outcome)),
  )
}

function row({ name }: Contender, { bytes, make, apply }: Outcome): [string, ...string[]] {
  return [
    name,
    megabytes(bytes),
    make.cpuSeconds.toFixed(1),
    mebibytes(make),
    apply?.cpuSeconds.toFixed(2) ?? '–',
    apply === undefined ? '–' : mebibytes(apply),
  ]
}

function panelOf({ pair, outcomes }: PairOutcomes) {
  return {
    title: pair.name,
    bars: [...outcomes].map(([{ name }, { bytes }]) => ({
      name,
      value: bytes,
      label: `${megabytes(bytes)} MB`,
    })),
  }
}

function megabytes(bytes: number): string {
  const value = bytes / megabyte
  return value < 1 ? value.toFixed(3) : value.toFixed(2)
}

function mebibytes({ peakBytes }: Usage): string {
  return (peakBytes / 2 ** 20).toFixed(0)
}
