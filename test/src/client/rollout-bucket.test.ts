import { expect, test } from 'vitest'
import { openRolloutHash, rolloutBucket } from '../../../src/client/rollout-bucket.ts'

function machineId(number: number): string {
  return number.toString(16).padStart(32, '0')
}

// XXH64 of the text with seed 0, by an implementation of the specification that is not the one we use, modulo 10,000.
test.each([
  ['10', '00000000000000000000000000000000', 2866],
  ['10', 'ffffffffffffffffffffffffffffffff', 7588],
  ['11', '00000000000000000000000000000000', 4984],
  ['', '0123456789abcdef0123456789abcdef', 3130],
])('seed "%s" puts %s at %i', async (seed, id, bucket) => {
  expect(await rolloutBucket(seed, id)).toBe(bucket)
})

test('spreads machines evenly, and each release anew', async () => {
  const machines = 100_000
  const bucketOf = await openRolloutHash()
  const counts = { first: 0, second: 0, both: 0 }
  const tenths = Array.from({ length: 10 }, () => 0)
  for (let number = 0; number < machines; number++) {
    const bucket = bucketOf('7', machineId(number))
    const [first, second] = [bucket < 1000, bucketOf('8', machineId(number)) < 1000]
    counts.first += Number(first)
    counts.second += Number(second)
    counts.both += Number(first && second)
    const tenth = Math.floor(bucket / 1000)
    tenths[tenth] = (tenths[tenth] ?? 0) + 1
  }
  // Five standard deviations of a fair draw.
  for (const count of [...tenths, counts.first, counts.second])
    expect(Math.abs(count - 10_000)).toBeLessThan(475)
  expect(Math.abs(counts.both - 1000)).toBeLessThan(158)
})

test('a wider rollout takes in the machines of the narrower one', async () => {
  const bucketOf = await openRolloutHash()
  for (let number = 0; number < 1000; number++) {
    const bucket = bucketOf('7', machineId(number))
    const fractions = [0, 1, 100, 2500, 5000, 9999, 10_000].map((fraction) => bucket < fraction)
    expect(fractions.slice(fractions.indexOf(true))).not.toContain(false)
    expect(fractions.at(-1)).toBe(true)
  }
})
