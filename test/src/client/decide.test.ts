import { expect, test } from 'vitest'
import type { Channel } from '../../../manifests/channel.ts'
import { decide } from '../../../src/client/decide.ts'

function channel(change: Partial<Channel> & { readonly fraction?: number } = {}): Channel {
  const { fraction = 10_000, ...rest } = change
  return {
    channel: 'stable',
    version: 10,
    waypoints: [],
    halted: false,
    rollout: { fraction, seed: '10' },
    ...rest,
  }
}

test.each([
  ['nothing new', channel(), 10, 0, 10, false],
  ['an update', channel(), 9, 9999, 10, true],
  ['a way back', channel({ version: 5 }), 9, 0, 5, true],
  ['a first install', channel(), undefined, 0, 10, true],
  ['a first install while halted', channel({ halted: true }), undefined, 0, 10, true],
  ['a first install outside the rollout', channel({ fraction: 0 }), undefined, 0, 10, true],
  ['a first install past a waypoint', channel({ waypoints: [5] }), undefined, 0, 10, true],
  ['halted', channel({ halted: true }), 9, 0, 9, false],
  ['halted, on the way back', channel({ halted: true, version: 5 }), 9, 0, 9, false],
  ['halted, with nothing to do', channel({ halted: true }), 10, 0, 10, false],
  ['the last machine in the rollout', channel({ fraction: 1000 }), 9, 999, 10, true],
  ['the first machine out of it', channel({ fraction: 1000 }), 9, 1000, 9, false],
  ['a rollout for nobody', channel({ fraction: 0 }), 9, 0, 9, false],
  ['a waypoint ahead', channel({ waypoints: [9] }), 8, 0, 9, true],
  ['the nearest of several', channel({ waypoints: [3, 7, 9] }), 5, 0, 7, true],
  ['at a waypoint', channel({ waypoints: [3, 9] }), 9, 0, 10, true],
  ['a waypoint that is the goal', channel({ waypoints: [10] }), 9, 0, 10, true],
  ['a waypoint beyond the goal', channel({ waypoints: [11] }), 9, 0, 10, true],
  ['no waypoint on the way back', channel({ version: 5, waypoints: [7] }), 9, 0, 5, true],
  ['a waypoint outside the rollout', channel({ waypoints: [9], fraction: 1 }), 8, 1, 8, false],
] as const)('%s', (_, wanted, installed, bucket, version, move) => {
  expect(decide(wanted, { installed, bucket })).toMatchObject({ version, move })
})

test('says which rules led there', () => {
  const decision = decide(channel({ waypoints: [9], fraction: 5000 }), { installed: 8, bucket: 1234 })
  expect(decision.rules.map(({ name, holds }) => [name, holds])).toEqual([
    ['channel', true],
    ['halted', true],
    ['rollout', true],
    ['waypoint', true],
  ])
  expect(decision.rules.map(({ says }) => says)).toEqual([
    'channel stable is at release 10; release 8 is installed',
    'the channel is not halted',
    '50.00 % of the machines may move; this one is number 1234 of 10000',
    'release 9 has to be passed on the way',
  ])
  const held = decide(channel({ halted: true, fraction: 1 }), { installed: 8, bucket: 1234 })
  expect(held.rules.filter(({ holds }) => !holds).map(({ name }) => name)).toEqual(['halted', 'rollout'])
})
