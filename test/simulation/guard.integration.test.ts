import { afterAll, expect, test } from 'vitest'
import { formatTable } from '../../src/cli/table.ts'
import { Random } from '../support/random.ts'
import { simulateRollout, type SimulatedGuard, type SimulatedRollout } from './rollout-simulation.ts'

/** What "vend channel guard" takes where nothing else is said. */
const limit = { maxRate: 0.02, confidence: 0.99, minFailures: 5 }
const settleMinutes = 15

/** All at once is what no one should do, and where the guard has it hardest. */
const curves = {
  '48 h': (minute: number) => Math.min(10_000, Math.floor(100 + (9900 * minute) / 2880)),
  '6 h': (minute: number) => Math.min(10_000, Math.floor(100 + (9900 * minute) / 360)),
  'all at once': () => 10_000,
}
const minutes = { '48 h': 2880 + 180, '6 h': 360 + 180, 'all at once': 180 }

type Curve = keyof typeof curves

const rows: string[][] = []

afterAll(() => {
  const columns = [
    'MACHINES',
    'CURVE',
    'FAIL',
    'LIMIT',
    'SETTLE',
    'ROLLOUTS',
    'HALTED',
    'FINE',
    'AFTER',
    'MOVED',
    'FAILED',
  ]
  const table = formatTable(
    columns.map((title) => ({ title, align: 'right' })),
    rows,
  )
  process.stdout.write(`\n${table}AFTER in minutes, MOVED and FAILED in machines: median / 95th percentile\n`)
})

/** Rollouts to 100,000 machines each, of which 60 % report, with as many seeds. */
function simulate(
  curve: Curve,
  failureRate: number,
  rollouts: number,
  changes: Partial<SimulatedRollout> = {},
): readonly SimulatedGuard[] {
  const rollout: SimulatedRollout = {
    machines: 100_000,
    failureRate,
    fractionAt: curves[curve],
    minutes: minutes[curve],
    pollMinutes: 60,
    reporting: 6000,
    limit,
    settleMinutes,
    ...changes,
  }
  const runs = Array.from({ length: rollouts }, (_, i) =>
    simulateRollout(rollout, new Random(7919 * (i + 1))),
  )
  const halted = runs.filter(({ haltedAt }) => haltedAt !== undefined)
  const both = (value: (run: SimulatedGuard) => number | undefined): string =>
    halted.length === 0 ? '-' : `${percentile(halted, 0.5, value)} / ${percentile(halted, 0.95, value)}`
  rows.push([
    String(rollout.machines),
    curve,
    `${failureRate * 100} %`,
    `${rollout.limit.maxRate * 100} %`,
    String(rollout.settleMinutes),
    String(rollouts),
    `${(shareOf(runs, 'bad') * 100).toFixed(1)} %`,
    `${(shareOf(runs, 'fine') * 100).toFixed(1)} %`,
    both(({ haltedAt }) => haltedAt),
    both(({ moved }) => moved),
    both(({ harmed }) => harmed),
  ])
  return runs
}

function shareOf(runs: readonly SimulatedGuard[], wanted: SimulatedGuard['verdict']): number {
  return runs.filter(({ verdict }) => verdict === wanted).length / runs.length
}

function percentile(
  runs: readonly SimulatedGuard[],
  share: number,
  value: (run: SimulatedGuard) => number | undefined,
): number {
  const values = runs.map((run) => value(run) ?? Infinity).sort((a, b) => a - b)
  return values[Math.ceil(share * values.length) - 1] ?? Infinity
}

const healthy = [0.005, 0.01, 0.015, 0.02].flatMap((rate) =>
  (['48 h', '6 h', 'all at once'] as const).map((curve) => [rate, curve] as const),
)

test.each(healthy)(
  'a release that fails on %d of 1 machines, rolled out %s, is not halted',
  (rate, curve) => {
    const runs = simulate(curve, rate, 500)
    expect(shareOf(runs, 'bad')).toBeLessThanOrEqual(1 - limit.confidence)
    // Half a percent below the limit, it is told apart from it before the rollout ends.
    if (rate <= 0.015) expect(shareOf(runs, 'fine')).toBeGreaterThanOrEqual(0.99)
    else expect(shareOf(runs, 'fine')).toBeLessThanOrEqual(1 - limit.confidence)
  },
)

/** How much of the fleet may have moved when the guard halts, in 95 of 100 rollouts. */
const bad: readonly (readonly [rate: number, curve: Curve, moved: number])[] = [
  [0.03, '48 h', 0.25],
  [0.04, '48 h', 0.08],
  [0.05, '48 h', 0.05],
  [0.1, '48 h', 0.02],
  [0.3, '48 h', 0.01],
  [1, '48 h', 0.01],
  [0.03, '6 h', 0.6],
  [0.04, '6 h', 0.25],
  [0.05, '6 h', 0.15],
  [0.1, '6 h', 0.05],
  [0.3, '6 h', 0.03],
  [1, '6 h', 0.02],
]

test.each(bad)(
  'a release that fails on %d of 1 machines, rolled out in %s, is halted',
  (rate, curve, moved) => {
    const runs = simulate(curve, rate, 200)
    expect(shareOf(runs, 'bad')).toBe(1)
    expect(percentile(runs, 0.95, (run) => run.moved)).toBeLessThanOrEqual(moved * 100_000)
  },
)

test('the limit and the confidence are those that are asked for', () => {
  const strict = { limit: { ...limit, maxRate: 0.005, confidence: 0.9 } }
  expect(shareOf(simulate('48 h', 0.01, 100, strict), 'bad')).toBe(1)
  expect(shareOf(simulate('48 h', 0.005, 500, strict), 'bad')).toBeLessThanOrEqual(0.1)
})

test('if failures counted as soon as they are heard, good releases would be halted', () => {
  expect(shareOf(simulate('all at once', 0.02, 100, { settleMinutes: -1 }), 'bad')).toBeGreaterThan(0.5)
})

test('in a small fleet a bad release is halted, too, and a good one is not', () => {
  const small = { machines: 200, reporting: 10_000 }
  expect(shareOf(simulate('48 h', 0.3, 200, small), 'bad')).toBeGreaterThanOrEqual(0.99)
  expect(shareOf(simulate('48 h', 0.02, 500, small), 'bad')).toBeLessThanOrEqual(1 - limit.confidence)
})
