import { Root } from '@tufjs/models'
import { expect, test } from 'vitest'
import {
  defaultLifetimes,
  expiryAfter,
  isDueAt,
  lifetimesOf,
  warningMs,
} from '../../../src/trust/lifetime.ts'
import { roleNames } from '../../../src/trust/role.ts'

const day = 24 * 60 * 60
const now = new Date('2026-03-01T10:00:00.123Z')

function rootThatSays(lifetimeSeconds: unknown): Root {
  const role = { keyids: ['a'], threshold: 1 }
  const json = {
    _type: 'root',
    version: 1,
    spec_version: '1.0.31',
    expires: '2027-01-01T00:00:00Z',
    consistent_snapshot: true,
    keys: {},
    roles: { root: role, targets: role, snapshot: role, timestamp: { ...role, lifetimeSeconds } },
  }
  return Root.fromJSON(json as Parameters<typeof Root.fromJSON>[0])
}

test.each([
  ['timestamp', '2026-03-08T10:00:00Z'],
  ['channels', '2026-03-08T10:00:00Z'],
  ['snapshot', '2026-03-15T10:00:00Z'],
  ['root', '2027-03-01T10:00:00Z'],
  ['targets', '2027-03-01T10:00:00Z'],
  ['releases', '2027-03-01T10:00:00Z'],
] as const)('where nothing is said, %s expires at %s', (role, expected) => {
  expect(expiryAfter(defaultLifetimes[role], now)).toBe(expected)
})

test('the root says how long a role lives, and nothing of the others', () => {
  const lifetimes = lifetimesOf({ root: rootThatSays(day) })
  expect(lifetimes).toEqual({ ...defaultLifetimes, timestamp: day })
  expect(Object.keys(lifetimes)).toEqual(roleNames)
})

test.each([0, -day, 60, 0.5 * day + 0.1, 400 * day, Number.NaN, '86400', null])(
  'a lifetime of %j seconds is none',
  (said) => {
    expect(lifetimesOf({ root: rootThatSays(said) })).toEqual(defaultLifetimes)
  },
)

test.each([
  [7, false],
  [3.6, false],
  [3.4, true],
  [-1, true],
  [8, true],
  [365, true],
])('of a life of seven days, with %d left it is due: %j', (left, expected) => {
  const expires = new Date(now.getTime() + left * day * 1000)
  expect(isDueAt(expires, 7 * day, now)).toBe(expected)
})

test('who signs by a clock that is minutes ahead is not overtaken at once', () => {
  expect(isDueAt(new Date(now.getTime() + (7 * day + 600) * 1000), 7 * day, now)).toBe(false)
})

test.each([
  [365, 60],
  [90, 30],
  [7, 7 / 3],
])('of %d days the last %d are warned of', (life, days) => {
  expect(warningMs(life * day)).toBeCloseTo(days * day * 1000)
})
