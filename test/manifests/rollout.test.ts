import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { fractionAt, lastFraction, turnOf, wholeFleet } from '../../manifests/rollout.ts'
import { rolloutSteps } from '../support/format-arbitraries.ts'

/** Often near a step, where a curve turns. */
const curvesAndInstants = rolloutSteps.chain((steps) =>
  fc.record({
    steps: fc.constant(steps),
    instants: fc.array(
      fc.oneof(
        fc.date({
          min: new Date('0000-01-01T00:00:00Z'),
          max: new Date('9999-12-31T23:59:59Z'),
          noInvalidDate: true,
        }),
        fc
          .tuple(fc.constantFrom(...steps), fc.integer({ min: -3000, max: 3000 }))
          .map(([{ at }, ms]) => new Date(Date.parse(at) + ms)),
      ),
      { minLength: 1, maxLength: 10 },
    ),
  }),
)

test('a curve never falls, and stays within its steps', () => {
  fc.assert(
    fc.property(curvesAndInstants, ({ steps, instants }) => {
      const sorted = instants.toSorted((a, b) => a.getTime() - b.getTime())
      const fractions = sorted.map((instant) => fractionAt({ steps }, instant))
      expect(fractions).toEqual(fractions.toSorted((a, b) => a - b))
      for (const fraction of fractions) {
        expect(Number.isInteger(fraction) && fraction >= 0 && fraction <= lastFraction({ steps })).toBe(true)
      }
    }),
  )
})

test('a curve is at every step what the step says, and nothing before the first', () => {
  fc.assert(
    fc.property(rolloutSteps, (steps) => {
      for (const { at, fraction } of steps) expect(fractionAt({ steps }, new Date(at))).toBe(fraction)
      const [first] = steps
      expect(fractionAt({ steps }, new Date(Date.parse(first?.at ?? '') - 1))).toBe(0)
    }),
  )
})

test('a curve is the straight line between its steps, rounded down, in exact arithmetic', () => {
  fc.assert(
    fc.property(curvesAndInstants, ({ steps, instants }) => {
      for (const instant of instants)
        expect(fractionAt({ steps }, instant)).toBe(exactFraction(steps, instant))
    }),
  )
})

test('the turn of a bucket is the first second in which it takes part', () => {
  fc.assert(
    fc.property(rolloutSteps, fc.nat({ max: wholeFleet - 1 }), (steps, bucket) => {
      const turn = turnOf({ steps }, bucket)
      if (turn === undefined) {
        expect(lastFraction({ steps })).toBeLessThanOrEqual(bucket)
        return
      }
      expect(fractionAt({ steps }, new Date(turn))).toBeGreaterThan(bucket)
      expect(fractionAt({ steps }, new Date(Date.parse(turn) - 1))).toBeLessThanOrEqual(bucket)
    }),
  )
})

function exactFraction(steps: readonly { at: string; fraction: number }[], instant: Date): number {
  const seconds = (time: number): bigint => BigInt(Math.floor(time / 1000))
  const now = seconds(instant.getTime())
  const passed = steps.filter(({ at }) => seconds(Date.parse(at)) <= now)
  const [before, after] = [passed.at(-1), steps[passed.length]]
  if (before === undefined) return 0
  if (after === undefined) return before.fraction
  const [start, end] = [seconds(Date.parse(before.at)), seconds(Date.parse(after.at))]
  const rise = BigInt(after.fraction - before.fraction)
  return before.fraction + Number((rise * (now - start)) / (end - start))
}
