import { afterAll, beforeAll, expect, test } from 'vitest'
import { BaseRepository } from './base-repository.ts'
import { describeFailure } from './describe-failure.ts'
import { runHistory } from './history.ts'
import { simulateBuiltins } from './simulated-builtins.ts'

/** `VEND_HISTORY_SEEDS=from:count` runs others than these. */
const [from = 1, count = 200] = (process.env['VEND_HISTORY_SEEDS'] ?? '')
  .split(':')
  .filter(Boolean)
  .map(Number)
const seedsATest = 50
const parts = Array.from({ length: Math.ceil(count / seedsATest) }, (_, part) => {
  const first = from + part * seedsATest
  return [first, Math.min(first + seedsATest, from + count) - 1] as const
})

let base: BaseRepository
let builtins: Disposable

beforeAll(async () => {
  builtins = simulateBuiltins()
  base = await BaseRepository.create()
})

afterAll(() => {
  base[Symbol.dispose]()
  builtins[Symbol.dispose]()
})

test.each(parts)(
  'publishes are linearizable, nothing reachable is lost and no reader sees a mixture: seeds %d to %d',
  async (first, last) => {
    let conflicts = 0
    let fences = 0
    let crashes = 0
    for (let seed = first; seed <= last; seed++) {
      const report = await runHistory(seed, base)
      if (report.failure !== undefined) expect.fail(describeFailure(report))
      conflicts += report.counts.conflicts
      fences += report.counts.fences
      crashes += report.counts.crashes
    }
    if (last - first + 1 < seedsATest) return
    // Else these histories would show nothing.
    expect(Math.min(conflicts, fences, crashes)).toBeGreaterThan(20)
  },
)

test('a seed gives the same history again', async () => {
  for (let seed = from; seed < from + Math.min(count, 6); seed++) {
    const [once, again] = [await runHistory(seed, base), await runHistory(seed, base)]
    expect(again.digest, `seed ${seed}`).toBe(once.digest)
    expect(again.counts).toEqual(once.counts)
  }
})
