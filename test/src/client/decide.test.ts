import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Channel } from '../../../manifests/channel.ts'
import type { Release } from '../../../manifests/release.ts'
import { decide, holdForRequirement, type Decision, type MachineFacts } from '../../../src/client/decide.ts'

const now = new Date('2026-01-31T12:00:00Z')
const begin = '2026-01-31T00:00:00Z'

function channel(change: Partial<Channel> & { readonly fraction?: number } = {}): Channel {
  const { fraction = 10_000, ...rest } = change
  return {
    channel: 'stable',
    version: 10,
    waypoints: [],
    halted: false,
    rollout: { seed: '10', steps: [{ at: begin, fraction }] },
    ...rest,
  }
}

function facts(installed: number | undefined, change: Partial<MachineFacts> = {}): MachineFacts {
  return { installed, bucket: 0, now, ...change }
}

const halted = { halted: true, halt: { at: begin, reason: 'smoke' } }
const back = { version: 5, rollback: { from: 9, reason: 'smoke' } }

test.each([
  ['nothing new', channel(), 10, 0, 10, false],
  ['an update', channel(), 9, 9999, 10, true],
  ['a first install', channel(), undefined, 0, 10, true],
  ['a first install while halted', channel(halted), undefined, 0, 10, true],
  ['a first install outside the rollout', channel({ fraction: 0 }), undefined, 0, 10, true],
  ['a first install past a waypoint', channel({ waypoints: [5] }), undefined, 0, 10, true],
  ['halted', channel(halted), 9, 0, 9, false],
  ['halted, with nothing to do', channel(halted), 10, 0, 10, false],
  ['the last machine in the rollout', channel({ fraction: 1000 }), 9, 999, 10, true],
  ['the first machine out of it', channel({ fraction: 1000 }), 9, 1000, 9, false],
  ['a rollout for nobody', channel({ fraction: 0 }), 9, 0, 9, false],
  ['a waypoint ahead', channel({ waypoints: [9] }), 8, 0, 9, true],
  ['the nearest of several', channel({ waypoints: [3, 7, 9] }), 5, 0, 7, true],
  ['at a waypoint', channel({ waypoints: [3, 9] }), 9, 0, 10, true],
  ['a waypoint that is the goal', channel({ waypoints: [10] }), 9, 0, 10, true],
  ['a waypoint beyond the goal', channel({ waypoints: [11] }), 9, 0, 10, true],
  ['a waypoint outside the rollout', channel({ waypoints: [9], fraction: 1 }), 8, 1, 8, false],
  ['a channel that fell behind', channel({ version: 5 }), 9, 0, 9, false],
  ['a rollback', channel(back), 9, 0, 5, true],
  ['a rollback of what came before', channel(back), 6, 0, 5, true],
  ['a rollback outside the rollout', channel({ ...back, fraction: 0 }), 9, 9999, 5, true],
  ['a rollback past a waypoint', channel({ ...back, waypoints: [7] }), 9, 0, 5, true],
  ['a rollback, halted', channel({ ...back, ...halted }), 9, 0, 9, false],
  ['a rollback of earlier releases than its own', channel(back), 12, 0, 12, false],
  ['a rollback that is done', channel(back), 5, 0, 5, false],
  ['an update to a release that was rolled back to', channel(back), 4, 0, 5, true],
  ['the same, outside the rollout', channel({ ...back, fraction: 10 }), 4, 10, 4, false],
] as const)('%s', (_, wanted, installed, bucket, version, move) => {
  expect(decide(wanted, facts(installed, { bucket }))).toMatchObject({ version, move })
})

describe('pins', () => {
  test.each([
    ['stays where it is pinned', channel(), 8, 8, 8, false],
    ['comes up to its pin', channel(), 7, 8, 8, true],
    ['comes up to its pin by way of a waypoint', channel({ waypoints: [7] }), 5, 8, 7, true],
    ['comes up to its pin though the rollout is of a later release', channel({ fraction: 0 }), 7, 8, 8, true],
    ['does not come up to its pin while halted', channel(halted), 7, 8, 7, false],
    ['is led to no earlier release', channel(), 9, 8, 9, false],
    ['follows a channel that has not come to its pin', channel(), 9, 12, 10, true],
    ['asks for the rollout of such a channel', channel({ fraction: 0 }), 9, 12, 9, false],
    ['is pinned to what the channel has', channel({ fraction: 0 }), 9, 10, 9, false],
    ['installs its pin first', channel(), undefined, 8, 8, true],
    ['is not rolled back from its pin', channel(back), 9, 9, 9, false],
    ['is rolled back from before its pin', channel(back), 8, 9, 5, true],
    ['is rolled back from after its pin', channel(back), 9, 7, 5, true],
  ] as const)('a machine %s', (_, wanted, installed, pin, version, move) => {
    expect(decide(wanted, facts(installed, { pin }))).toMatchObject({ version, move })
  })
})

describe('requirements', () => {
  const release = (requires?: number): Release => ({ version: 10, created: begin, modules: {}, requires })
  const moving: Decision = { version: 10, move: true, rules: [] }

  test.each([
    ['what requires nothing', release(), 1, true],
    ['what is met', release(5), 5, true],
    ['what is not', release(5), 4, false],
    ['a first install', release(5), undefined, true],
  ])('%s', (_, wanted, installed, move) => {
    const decision = holdForRequirement(moving, wanted, installed)
    expect(decision).toMatchObject({ move, version: move ? 10 : installed })
  })

  test('a machine that stays is asked for nothing', () => {
    const staying = { version: 4, move: false, rules: [] }
    expect(holdForRequirement(staying, release(5), 4)).toEqual(staying)
  })
})

function told({ rules }: Decision): string[] {
  return rules.map(({ name, holds, says }) => `${name} ${holds ? 'yes' : 'no'}: ${says}`)
}

describe('says which rules led there', () => {
  test('an update', () => {
    const wanted = channel({ waypoints: [9], fraction: 5000 })
    expect(told(decide(wanted, facts(8, { bucket: 1234, pin: 12 })))).toEqual([
      'channel yes: channel stable is at release 10; release 8 is installed',
      "pin no: this machine is pinned to release 12, which is later than the channel's",
      'halted yes: the channel is not halted',
      'rollout yes: 50.00 % of the machines may move; this one is number 1234 of 10000',
      'waypoint yes: release 9 has to be passed on the way',
    ])
  })

  test('a machine whose turn comes, and one whose turn does not', () => {
    const steps = [
      { at: begin, fraction: 0 },
      { at: '2026-02-01T00:00:00Z', fraction: 5000 },
    ]
    const wanted = channel({ rollout: { seed: '10', steps } })
    expect(told(decide(wanted, facts(8, { bucket: 2999 }))).at(-1)).toBe(
      'rollout no: 25.00 % of the machines may move; this one is number 2999 of 10000, and its turn comes at 2026-01-31T14:24:00Z',
    )
    expect(told(decide(wanted, facts(8, { bucket: 5000 }))).at(-1)).toContain(
      'and its turn does not come by this rollout',
    )
    const stopped = { ...wanted, halted: true, halt: { at: '2026-01-31T06:00:00Z', reason: 'smoke' } }
    expect(told(decide(stopped, facts(8, { bucket: 2999 }))).slice(1)).toEqual([
      'halted no: the channel is halted since 2026-01-31T06:00:00Z: smoke',
      'rollout no: 12.50 % of the machines may move; this one is number 2999 of 10000, and the rollout stands still',
    ])
  })

  test('a rollback', () => {
    const order = 'machines up to release 9 are ordered back to 5: smoke'
    const rollbackOf = (wanted: Channel, more: MachineFacts): string[] =>
      told(decide(wanted, more)).filter((line) => line.startsWith('rollback'))
    expect(rollbackOf(channel(back), facts(9))).toEqual([`rollback yes: ${order}`])
    expect(rollbackOf(channel(back), facts(12))).toEqual([
      `rollback no: ${order}; this one has a later release`,
    ])
    expect(rollbackOf(channel(back), facts(9, { pin: 9 }))).toEqual([
      `rollback no: ${order}; this one is pinned`,
    ])
    expect(rollbackOf(channel({ version: 5 }), facts(9))).toEqual([
      'rollback no: no rollback to release 5 is ordered, and without one a machine does not go back',
    ])
    expect(rollbackOf(channel(back), facts(4))).toEqual([])
  })

  test.each([
    ['held by a rollout', channel({ fraction: 0 }), facts(9), true],
    ['held by a halt', channel(halted), facts(9), true],
    ['held by a halt on the way back', channel({ ...back, ...halted }), facts(9), true],
    ['with what the channel has', channel(), facts(10), false],
    ['above its channel', channel({ version: 5 }), facts(9), false],
    ['above what is rolled back', channel(back), facts(12), false],
    ['at its pin', channel(), facts(8, { pin: 8 }), false],
    ['pinned against a rollback', channel(back), facts(9, { pin: 9 }), false],
  ])('a machine %s: there is another release for it: %s', (_, wanted, more, holds) => {
    expect(decide(wanted, more).rules[0]).toMatchObject({ name: 'channel', holds })
  })
})

test('no document but a rollback leads to an earlier release, and no pin does', () => {
  const version = fc.integer({ min: 1, max: 20 })
  const optional = fc.option(version, { nil: undefined })
  fc.assert(
    fc.property(
      fc.record({
        version,
        installed: optional,
        pin: optional,
        from: optional,
        fraction: fc.nat({ max: 10_000 }),
        bucket: fc.nat({ max: 9999 }),
        isHalted: fc.boolean(),
        waypoints: fc.uniqueArray(version, { maxLength: 4 }).map((all) => all.sort((a, b) => a - b)),
      }),
      ({ version: wanted, installed, pin, from, fraction, bucket, isHalted, waypoints }) => {
        const rollback = from === undefined || from <= wanted ? undefined : { from, reason: 'x' }
        const document = channel({
          version: wanted,
          fraction,
          waypoints,
          ...(isHalted && halted),
          ...(rollback !== undefined && { rollback }),
        })
        const decision = decide(document, facts(installed, { pin, bucket }))
        if (installed === undefined) return
        const goal = decision.version ?? 0
        expect(decision.move).toBe(goal !== installed)
        if (goal < installed) expect([goal, installed <= (rollback?.from ?? 0)]).toEqual([wanted, true])
        if (goal > installed) expect(goal).toBeLessThanOrEqual(Math.min(wanted, pin ?? wanted))
        if (isHalted) expect(goal).toBe(installed)
        if (goal === wanted && goal > installed) expect(bucket).toBeLessThan(fraction)
      },
    ),
  )
})
