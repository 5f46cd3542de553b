/**
 * What a machine pays to apply a pack beside what it pays to unpack a layer of the same files, in turns:
 * `node bench/apply-rounds.ts [--pairs kernel,debian] [--rounds 7]`. Prints Markdown, medians first.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { layerOf } from './delta-layer.ts'
import { openPair, type OpenPair } from './delta-pair.ts'
import { vendPack } from './delta-vend.ts'
import { markdownTable } from './markdown-table.ts'
import type { Usage } from './measure.ts'
import { pairs } from './pairs.ts'

/** To make the layer at 19 takes ten minutes, and it is unpacked as fast at any level. */
const contenders = [vendPack, layerOf(9)] as const

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      pairs: { type: 'string', default: 'kernel,debian' },
      rounds: { type: 'string', default: '7' },
    },
  })
  const names = values.pairs.split(',')
  for (const pair of pairs.filter(({ name }) => names.includes(name))) {
    const scratch = await mkdtemp(join(import.meta.dirname, 'made', 'apply.'))
    try {
      await using opened = await openPair(pair, scratch)
      console.log(`### ${pair.name}\n\n${report(await applyInTurns(opened, Number(values.rounds)))}`)
    } finally {
      await rm(scratch, { recursive: true, force: true })
    }
  }
}

/** By contender, what each round used. */
async function applyInTurns(opened: OpenPair, rounds: number): Promise<Usage[][]> {
  const works = await Promise.all(contenders.map(async (contender) => opened.workFor(contender)))
  for (const [index, work] of works.entries()) await contenders[index]?.make(work)
  const usages: Usage[][] = contenders.map(() => [])
  for (let round = 0; round < rounds; round++) {
    for (const [index, contender] of contenders.entries()) {
      const work = works[index]
      if (work === undefined) continue
      const usage = await contender.apply(work)
      if (usage !== undefined) usages[index]?.push(usage)
      if (round === 0) await contender.check(work)
    }
    process.stderr.write(`${opened.pair.name}: round ${round + 1} of ${rounds}\n`)
  }
  return usages
}

function report(usages: readonly (readonly Usage[])[]): string {
  const medians = usages.map((of) => median(of.map(({ cpuSeconds }) => cpuSeconds)))
  const rows = contenders.map(({ name }, index) => {
    const of = usages[index] ?? []
    const all = of.map(({ cpuSeconds }) => cpuSeconds.toFixed(2)).join(' ')
    const peak = Math.max(...of.map(({ peakBytes }) => peakBytes))
    return [name, (medians[index] ?? 0).toFixed(2), all, (peak / 2 ** 20).toFixed(0)] as const
  })
  const ratio = (medians[0] ?? 0) / (medians[1] ?? 0)
  const table = markdownTable(['', 'CPU s', 'of each round', 'largest MiB'], rows)
  return `${table}\n${ratio.toFixed(2)} times the CPU, by the medians.\n`
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((x, y) => x - y)
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}

await main()
