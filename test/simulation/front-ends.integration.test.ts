import { expect, test } from 'vitest'
import { evidenceOf, readReleaseReports } from '../../src/reports/release-reports.ts'
import { ReportCollector } from '../../src/reports/report-collector.ts'
import type { UpdateReport } from '../../src/reports/update-report.ts'
import { MemoryStore } from '../../storage/memory-store.ts'
import { Random } from '../support/random.ts'

const ok = { from: 1, phase: 'switch', outcome: 'ok' } as const
const codes = ['OBJECT_MISSING', 'TREE_FULL', 'SERVER_UNREACHABLE']

test('100,000 machines that retry, repeat themselves and speak to any of four front ends are counted once each', async () => {
  const random = new Random(1)
  const store = new MemoryStore()
  const failures: unknown[] = []
  let minute = 0
  const frontEnds = Array.from(
    { length: 4 },
    () =>
      new ReportCollector({
        store,
        flushMs: 2 ** 30,
        releasesOf: async () => new Set([2]),
        onFailure: (error) => failures.push(error),
        now: () => new Date(minute * 60_000),
      }),
  )
  const tell = (machine: number, outcome: Pick<UpdateReport, 'from' | 'phase' | 'outcome' | 'code'>) => {
    // Far apart, as random ids are.
    const id = (machine * 2_814_749_767).toString(16).padStart(12, '0').padEnd(32, '0')
    expect(random.pick(frontEnds).note({ channel: 'stable', id, to: 2, ...outcome })).toBe(true)
  }
  let failed = 0
  for (let machine = 0; machine < 100_000; machine++) {
    const fails = random.below(100) < 5
    const recovers = fails && random.chance(3)
    if (fails) {
      for (let attempt = random.between(1, 6); attempt > 0; attempt--) {
        const phase = random.pick(['fetch', 'build'] as const)
        minute = random.below(1000)
        tell(machine, { from: 1, phase, outcome: 'failed', code: random.pick(codes) })
      }
    }
    if (!fails || recovers) tell(machine, ok)
    if (!fails && random.chance(10)) tell(machine, ok)
    if (fails && !recovers) failed++
    // All at once, and so against one another.
    if (machine % 20_000 === 0) await Promise.all(frontEnds.map(async (frontEnd) => frontEnd.flush()))
  }
  await Promise.all(frontEnds.map(async (frontEnd) => frontEnd.close()))
  expect(failures).toEqual([])
  const reports = await readReleaseReports(store, 'stable', 2)
  expect(reports.beyond).toBe(0)
  const options = { now: new Date(2000 * 60_000), settleMinutes: 15, ignoredCodes: new Set<string>() }
  expect(evidenceOf(reports, options)).toEqual({
    now: { failed, succeeded: 100_000 - failed },
    settledFailures: failed,
  })
  expect(failed).toBeGreaterThan(3000)
  // Nothing of the first of the machines' minutes is settled before it and the time to settle are over.
  expect(evidenceOf(reports, { ...options, now: new Date(16 * 60_000 - 1) }).settledFailures).toBe(0)
})
