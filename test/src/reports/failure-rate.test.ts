import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { evidenceFor, logEvidenceAgainst, rateInterval } from '../../../src/reports/failure-rate.ts'
import { Random } from '../../support/random.ts'

const rate = fc.double({ min: 0.001, max: 0.999, noNaN: true })
const count = fc.nat(3000)

/** The same evidence one machine at a time: the product of what a bettor pays and gets. */
function betting(at: number, outcomes: readonly boolean[]): number {
  let log = 0
  let failed = 0
  for (const [seen, fails] of outcomes.entries()) {
    const guess = (failed + 0.5) / (seen + 1)
    log += fails ? Math.log(guess / at) : Math.log((1 - guess) / (1 - at))
    if (fails) failed++
  }
  return log
}

test('the closed form is the product of the bets, in whatever order the outcomes came', () => {
  fc.assert(
    fc.property(rate, fc.array(fc.boolean(), { maxLength: 300 }), (at, outcomes) => {
      const failed = outcomes.filter(Boolean).length
      const trials = { failed, succeeded: outcomes.length - failed }
      expect(logEvidenceAgainst(at, trials)).toBeCloseTo(betting(at, outcomes), 7)
    }),
  )
})

test('a bet at the true rate is fair: its mean over all that may come is 1', () => {
  for (const at of [0.02, 0.3]) {
    for (const machines of [1, 2, 5, 12]) {
      let mean = 0
      for (let bits = 0; bits < 2 ** machines; bits++) {
        const failed = bits.toString(2).replaceAll('0', '').length
        const succeeded = machines - failed
        mean += Math.exp(logEvidenceAgainst(at, { failed, succeeded })) * at ** failed * (1 - at) ** succeeded
      }
      expect(mean).toBeCloseTo(1, 9)
    }
  }
})

test('no evidence is none', () => {
  expect(logEvidenceAgainst(0.02, { failed: 0, succeeded: 0 })).toBeCloseTo(0, 12)
  expect(rateInterval({ failed: 0, succeeded: 0 }, 0.99)).toEqual({ low: 0, high: 1 })
})

test('above the rate, another failure is evidence and another success takes from it', () => {
  fc.assert(
    fc.property(rate, count, count, (at, failed, succeeded) => {
      fc.pre(failed > 0 && failed - 1 > at * (failed + succeeded + 1))
      const evidence = logEvidenceAgainst(at, { failed, succeeded })
      expect(logEvidenceAgainst(at, { failed: failed + 1, succeeded })).toBeGreaterThan(evidence)
      expect(logEvidenceAgainst(at, { failed, succeeded: succeeded + 1 })).toBeLessThan(evidence)
    }),
  )
})

test('an interval holds the share that was seen, and ends where the evidence begins', () => {
  const confidence = fc.constantFrom(0.9, 0.99, 0.999)
  fc.assert(
    fc.property(count, count, confidence, (failed, succeeded, sure) => {
      fc.pre(failed + succeeded > 0)
      const trials = { failed, succeeded }
      const { low, high } = rateInterval(trials, sure)
      const share = failed / (failed + succeeded)
      expect(low).toBeLessThanOrEqual(share)
      expect(high).toBeGreaterThanOrEqual(share)
      if (failed > 0) expect(logEvidenceAgainst(low, trials)).toBeCloseTo(evidenceFor(sure), 5)
      if (succeeded > 0) expect(logEvidenceAgainst(high, trials)).toBeCloseTo(evidenceFor(sure), 5)
    }),
  )
})

test('the true rate leaves the interval, at any of 2,000 looks, in no more of 400 fleets than is promised', () => {
  let misses = 0
  for (let seed = 1; seed <= 400; seed++) {
    const random = new Random(seed)
    let failed = 0
    for (let seen = 1; seen <= 2000; seen++) {
      if (random.below(100) < 5) failed++
      if (logEvidenceAgainst(0.05, { failed, succeeded: seen - failed }) >= evidenceFor(0.9)) {
        misses++
        break
      }
    }
  }
  expect(misses).toBeGreaterThan(0)
  expect(misses / 400).toBeLessThanOrEqual(0.1)
})
