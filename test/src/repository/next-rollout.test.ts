import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { checkRollout, fractionAt, maxRolloutSteps, type Rollout } from '../../../manifests/rollout.ts'
import type { Channel } from '../../../manifests/channel.ts'
import { RepositoryError } from '../../../src/repository/errors.ts'
import { nextChannel, type ChannelChange } from '../../../src/repository/next-channel.ts'
import type { RolloutPlan } from '../../../src/repository/next-rollout.ts'

const begin = Date.parse('2026-01-31T00:00:00Z')
const hourMs = 3_600_000

interface Step {
  /** Since the step before. */
  readonly ms: number
  readonly change: Omit<ChannelChange, 'channel'>
}

const fractions = fc.nat({ max: 10_000 })
const plans: fc.Arbitrary<RolloutPlan> = fc
  .tuple(fc.option(fractions, { nil: undefined }), fractions, fc.integer({ min: 0, max: 300_000 }))
  .map(([now, to, seconds]) => (seconds === 0 ? { now } : { now, to: Math.max(to, now ?? 0), seconds }))
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    ms: fc.oneof(fc.constant(0), fc.nat({ max: 3000 }), fc.nat({ max: 48 * hourMs })),
    change: fc.oneof(
      fc.record({ rollout: plans }),
      fc.record({ halted: fc.boolean() }),
      fc.record({ halted: fc.boolean(), rollout: plans }),
    ),
  }),
  { minLength: 1, maxLength: 12 },
)

/** What a machine with a correct clock may have heard, and one whose clock is behind. */
const clocksBehindMs = [0, 1000, 60_000, hourMs, 30 * hourMs]

test('whatever is done about a release, what takes part goes on taking part, also by a slow clock', () => {
  fc.assert(
    fc.property(plans, steps, (first, more) => {
      let now = begin
      let channel = nextChannel({ channel: 'stable', version: 10, rollout: first }, undefined, new Date(now))
      for (const { ms, change } of more) {
        now += ms
        const next = changed(channel, change, new Date(now))
        if (next === undefined) continue
        checkRollout(next.rollout)
        expect(next.rollout.steps.length).toBeLessThanOrEqual(maxRolloutSteps)
        expect(next.rollout.seed).toBe(channel.rollout.seed)
        for (const behind of clocksBehindMs) {
          const clock = new Date(now - behind)
          // Under a halt nobody moves, whatever the curve is by the clock.
          const before = Math.min(fractionAt(channel.rollout, clock), reached(channel, now))
          expect(fractionAt(next.rollout, clock)).toBeGreaterThanOrEqual(before)
        }
        channel = next
      }
    }),
  )
})

test('a halt costs a curve no more than its own time', () => {
  const duration = fc.integer({ min: 10, max: 400_000 })
  fc.assert(
    fc.property(duration, fc.nat({ max: 99 }), duration, (seconds, percent, haltSeconds) => {
      const plan = { now: 100, to: 10_000, seconds }
      const running = nextChannel(
        { channel: 'stable', version: 1, rollout: plan },
        undefined,
        new Date(begin),
      )
      const haltAt = new Date(begin + Math.floor((seconds * percent) / 100) * 1000)
      const halted = nextChannel({ channel: 'stable', halted: true }, running, haltAt)
      const resumeAt = new Date(haltAt.getTime() + haltSeconds * 1000)
      const resumed = nextChannel({ channel: 'stable', halted: false }, halted, resumeAt)
      for (const part of [0, 0.25, 0.5, 0.75, 1]) {
        const left = seconds * 1000 - (haltAt.getTime() - begin)
        const later = Math.round((left * part) / 1000) * 1000
        const without = fractionAt(running.rollout, new Date(haltAt.getTime() + later))
        const found = fractionAt(resumed.rollout, new Date(resumeAt.getTime() + later))
        expect(Math.abs(found - without)).toBeLessThanOrEqual(1)
      }
    }),
  )
})

test('another release draws other machines', () => {
  const seedOf = (rollout: Rollout): string => rollout.seed
  const first = nextChannel({ channel: 'stable', version: 10 }, undefined, new Date(begin))
  const second = nextChannel({ channel: 'stable', version: 11 }, first, new Date(begin))
  expect(seedOf(second.rollout)).not.toBe(seedOf(first.rollout))
})

function reached({ rollout, halt }: Channel, now: number): number {
  return fractionAt(rollout, new Date(halt === undefined ? now : Date.parse(halt.at)))
}

/** Undefined where it would shrink. */
function changed(channel: Channel, change: Step['change'], now: Date): Channel | undefined {
  try {
    return nextChannel({ channel: 'stable', ...change }, channel, now)
  } catch (error) {
    if (error instanceof RepositoryError && error.code === 'ROLLOUT_WOULD_NARROW') return undefined
    throw error
  }
}
