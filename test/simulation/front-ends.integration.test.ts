import { expect, test } from 'vitest'
import { OutcomeTally } from '../../src/reports/outcome-tally.ts'
import { evidenceOf } from '../../src/reports/release-reports.ts'
import { decodeTally, encodeTally } from '../../src/reports/tally-document.ts'
import { Random } from '../support/random.ts'

const ok = { from: 1, phase: 'switch', outcome: 'ok' } as const
const codes = ['OBJECT_MISSING', 'TREE_FULL', 'SERVER_UNREACHABLE']

/** What a server process keeps, at most. */
const maxMachines = 50_000

test('100,000 machines that retry, repeat themselves and speak to any of four front ends are counted once each', () => {
  const random = new Random(1)
  const frontEnds = Array.from({ length: 4 }, () => new OutcomeTally(maxMachines))
  let failed = 0
  for (let machine = 0; machine < 100_000; machine++) {
    // Far apart, as random ids are.
    const id = machine * 2_814_749_767
    const fails = random.below(100) < 5
    const recovers = fails && random.chance(3)
    if (fails) {
      for (let attempt = random.between(1, 6); attempt > 0; attempt--) {
        const phase = random.pick(['fetch', 'build'] as const)
        random
          .pick(frontEnds)
          .note(id, { from: 1, phase, outcome: 'failed', code: random.pick(codes) }, random.below(1000))
      }
    }
    if (!fails || recovers) random.pick(frontEnds).note(id, ok, 0)
    if (!fails && random.chance(10)) random.pick(frontEnds).note(id, ok, 0)
    if (fails && !recovers) failed++
  }
  const all = new OutcomeTally()
  for (const heard of random.shuffle(frontEnds)) {
    expect(heard.beyond).toBe(0)
    const document = { channel: 'stable', release: 2, outcomes: heard.groups(), beyond: heard.beyond }
    all.merge(decodeTally(Buffer.from(encodeTally(document))))
  }
  const reports = { release: 2, outcomes: all.groups(), beyond: all.beyond }
  const options = { now: new Date(2000 * 60_000), settleMinutes: 15, ignoredCodes: new Set<string>() }
  expect(evidenceOf(reports, options)).toEqual({
    now: { failed, succeeded: 100_000 - failed },
    settledFailures: failed,
  })
  expect(failed).toBeGreaterThan(3000)
  // Nothing of the first of the machines' minutes is settled before it and the time to settle are over.
  expect(evidenceOf(reports, { ...options, now: new Date(16 * 60_000 - 1) }).settledFailures).toBe(0)
})
