import { expect, test } from 'vitest'
import { AddressRates } from '../../../src/server/address-rates.ts'

test('an address is counted for a minute', () => {
  let clock = 5
  const rates = new AddressRates(() => clock)
  expect([1, 2, 3].map(() => rates.count('192.0.2.1'))).toEqual([1, 2, 3])
  expect(rates.count('192.0.2.2')).toBe(1)
  clock += 59_999
  expect(rates.count('192.0.2.1')).toBe(4)
  clock += 1
  expect(rates.count('192.0.2.1')).toBe(1)
})

test.each([
  ['2001:db8::1', '2001:db8::2', true],
  ['2001:db8::1', '2001:0db8:0:0:ffff::', true],
  ['2001:db8:0:1::1', '2001:db8::1', false],
  ['::1', '::2', true],
  ['fe80::1%eth0', 'fe80::2', true],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::', true],
  ['::ffff:192.0.2.1', '::ffff:192.0.2.2', false],
  ['192.0.2.1', '192.0.2.2', false],
  ['unknown', 'unknown', true],
])('%s and %s are one: %s', (a, b, isOne) => {
  const rates = new AddressRates(() => 0)
  rates.count(a)
  expect(rates.count(b)).toBe(isOne ? 2 : 1)
})

test('however many addresses come, none is counted too little, and few too much', () => {
  const rates = new AddressRates(() => 0)
  const addressOf = (i: number): string => `10.0.${i >> 8}.${i & 255}`
  for (let i = 0; i < 5000; i++) rates.count(addressOf(i))
  const counts = Array.from({ length: 5000 }, (_, i) => rates.count(addressOf(i)))
  expect(Math.min(...counts)).toBeGreaterThanOrEqual(2)
  expect(counts.filter((count) => count > 3).length).toBeLessThan(250)
})
