import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { machineFingerprint, OutcomeTally } from '../../../src/reports/outcome-tally.ts'
import { reportPhases, type MachineOutcome } from '../../../src/reports/update-report.ts'

interface Told {
  readonly machine: number
  readonly outcome: MachineOutcome
  readonly minute: number
}

const from = fc.constantFrom(null, 1, 2)
const failure = fc.record({
  from,
  phase: fc.constantFrom(...reportPhases),
  outcome: fc.constant('failed' as const),
  code: fc.constantFrom('A', 'B_1'),
})
const success = fc.record({
  from,
  phase: fc.constantFrom('switch' as const, 'boot' as const),
  outcome: fc.constant('ok' as const),
})
const told = fc.record({
  machine: fc.constantFrom(0, 1, 2 ** 32, 2 ** 48 - 1),
  outcome: fc.oneof(failure, success),
  minute: fc.nat(5),
})

function tallyOf(reports: readonly Told[]): OutcomeTally {
  const tally = new OutcomeTally()
  for (const { machine, outcome, minute } of reports) tally.note(machine, outcome, minute)
  return tally
}

test('reports may come in any order, again, and to any of the front ends', () => {
  const shuffled = fc.array(told, { maxLength: 30 }).chain((reports) =>
    fc.record({
      reports: fc.constant(reports),
      other: fc.shuffledSubarray([...reports, ...reports], {
        minLength: reports.length * 2,
        maxLength: reports.length * 2,
      }),
      frontEnds: fc.integer({ min: 1, max: 4 }),
    }),
  )
  fc.assert(
    fc.property(shuffled, ({ reports, other, frontEnds }) => {
      const merged = new OutcomeTally()
      for (let i = 0; i < frontEnds; i++) {
        const heard = tallyOf(other.filter((_, at) => at % frontEnds === i))
        merged.merge({ outcomes: heard.groups(), beyond: 0 })
      }
      expect(merged.groups()).toEqual(tallyOf(reports).groups())
    }),
  )
})

const failedFetch = { from: 1, phase: 'fetch', outcome: 'failed', code: 'X' } as const
const updated = { from: 1, phase: 'switch', outcome: 'ok' } as const
const notBooted = { from: 1, phase: 'boot', outcome: 'failed', code: 'BOOT_FAILED' } as const

test('a machine that fails and then succeeds is ok, and one that does not come up after that is not', () => {
  const tally = new OutcomeTally()
  expect(tally.note(7, failedFetch, 1)).toBe(true)
  expect(tally.note(7, failedFetch, 2)).toBe(false)
  expect(tally.groups()).toEqual([{ ...failedFetch, machines: [7], minutes: [1] }])
  expect(tally.note(7, updated, 3)).toBe(true)
  expect(tally.note(7, failedFetch, 4)).toBe(false)
  expect(tally.groups()).toEqual([{ ...updated, machines: [7], minutes: [] }])
  tally.note(7, notBooted, 5)
  expect(tally.groups()).toEqual([{ ...notBooted, machines: [7], minutes: [5] }])
  expect(tally.size).toBe(1)
})

test('a merge says whether it brought anything', () => {
  const tally = tallyOf([{ machine: 7, outcome: updated, minute: 1 }])
  const brings = (report: Told, beyond = 0): boolean =>
    tally.merge({ outcomes: tallyOf([report]).groups(), beyond })
  expect(brings({ machine: 7, outcome: failedFetch, minute: 2 })).toBe(false)
  expect(brings({ machine: 8, outcome: updated, minute: 2 })).toBe(true)
  expect(brings({ machine: 8, outcome: updated, minute: 2 })).toBe(false)
  expect(brings({ machine: 8, outcome: updated, minute: 2 }, 1)).toBe(true)
})

test('where there is no room, machines that are known still count', () => {
  const tally = new OutcomeTally(2)
  tally.note(1, failedFetch, 1)
  tally.note(2, failedFetch, 1)
  tally.note(3, failedFetch, 1)
  tally.note(1, updated, 2)
  expect(tally.beyond).toBe(1)
  expect(tally.groups().map(({ machines }) => machines)).toEqual([[2], [1]])
})

test('codes that strangers make up do not grow without end', () => {
  const tally = new OutcomeTally()
  for (let i = 0; i < 1000; i++) tally.note(i, { ...failedFetch, code: `C${i}`, from: i + 1 }, 1)
  for (let i = 1000; i < 1500; i++) tally.note(i, { ...updated, from: i }, 1)
  const groups = tally.groups()
  expect(groups.length).toBeLessThanOrEqual(258)
  expect(groups.reduce((sum, { machines }) => sum + machines.length, 0)).toBe(1500)
  expect(groups.find(({ code }) => code === 'OTHER')?.from).toBeNull()
})

test('a fingerprint is the first 48 bits', () => {
  expect(machineFingerprint('0123456789abcdef0123456789abcdef')).toBe(0x0123_4567_89ab)
  expect(machineFingerprint('f'.repeat(32))).toBe(2 ** 48 - 1)
})
