import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { describeFailure } from '../test/history/describe-failure.ts'
import type { HistoryCounts, HistoryReport } from '../test/history/history.ts'
import { markdownTable } from './markdown-table.ts'

// Histories of publishers, collectors and others on a store model, of more seeds than the tests take:
//
//     node bench/histories.ts [count, 2000] [first seed, 1]

const program = join(import.meta.dirname, '../test/history/run-seeds.ts')
const [count = 2000, first = 1] = process.argv.slice(2).map(Number)

const sum: Partial<Record<keyof HistoryCounts, number>> = {}
let [next, done, failed] = [first, 0, 0]

function take({ counts, failure, ...rest }: HistoryReport): void {
  done++
  for (const [name, value] of Object.entries(counts) as [keyof HistoryCounts, number][]) {
    sum[name] = (sum[name] ?? 0) + value
  }
  if (done % 100 === 0) process.stderr.write(`${done} of ${count}, ${failed} failed\n`)
  if (failure === undefined) return
  failed++
  console.log(describeFailure({ counts, failure, ...rest }))
}

async function runSome(child: ChildProcess): Promise<void> {
  const died = once(child, 'exit').then(() => {
    throw new Error('a process of histories ended before it was done')
  })
  died.catch(() => undefined)
  const answer = async (): Promise<unknown> =>
    ((await Promise.race([once(child, 'message'), died])) as [unknown])[0]
  await answer()
  while (next < first + count) {
    const answered = answer()
    child.send(next++)
    take((await answered) as HistoryReport)
  }
  child.disconnect()
}

const began = performance.now()
await Promise.all(Array.from({ length: availableParallelism() }, async () => runSome(fork(program))))
const rows = Object.entries(sum).map(([name, value]): [string, string] => [name, value.toLocaleString('en')])
console.log(
  markdownTable(
    ['', 'in all'],
    [['histories', String(done)], ...rows, ['seconds', ((performance.now() - began) / 1000).toFixed(0)]],
  ),
)
process.exitCode = failed > 0 ? 1 : 0
