import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { PackFuzzer } from '../../support/fuzz-pack.ts'

/** Always the same; `bench/fuzz-pack.ts` takes as many as one likes. */
const cases = 20_000

test('a pack that was tampered with is refused or applied, and does nothing else', async () => {
  const fuzzer = new PackFuzzer()
  for (let seed = 0; seed < cases; seed++) {
    const finding = fuzzer.run(seed)
    if (finding !== undefined) {
      throw new Error(`node bench/fuzz-pack.ts --seed ${seed} --cases 1 (${finding.of.name})`, {
        cause: finding.error,
      })
    }
    if (seed % 256 === 0) await setImmediate()
  }
  const { refused, wrong, right } = fuzzer.counts
  expect(refused + wrong + right).toBe(cases)
  // Some are found out by nothing but the digests of what they make, and some changes mean nothing.
  for (const count of [refused, wrong, right]) expect(count).toBeGreaterThan(cases / 50)
})
