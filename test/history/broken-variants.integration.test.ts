import { afterAll, beforeAll, expect, test } from 'vitest'
import { BaseRepository } from './base-repository.ts'
import { brokenVariants } from './broken-variants.ts'
import { describeFailure } from './describe-failure.ts'
import { runHistory } from './history.ts'
import { simulateBuiltins } from './simulated-builtins.ts'

const seeds = Array.from({ length: 200 }, (_, index) => index + 1)

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

test.each(brokenVariants)('$name is found out', async (broken) => {
  for (const seed of seeds) {
    const report = await runHistory(seed, base, { broken, race: true })
    if (report.failure === undefined) continue
    expect(report.failure.problem).toMatch(broken.shownBy)
    // It is the variant that the checker has found, and nothing that is wrong without it.
    const sound = await runHistory(seed, base, { race: true })
    expect(describeFailure(sound)).toBe('')
    return
  }
  expect.fail(`none of ${seeds.length} seeds shows it`)
})
