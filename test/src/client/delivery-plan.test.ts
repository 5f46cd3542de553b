import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  chooseDelivery,
  chunkCost,
  isChainWorthAsking,
  isPackWorthAsking,
  requestBytes,
  stepsBetween,
} from '../../../src/client/delivery-plan.ts'

const need = (count: number, plainBytes: number): { count: number; plainBytes: number } => ({
  count,
  plainBytes,
})
const offer = (links: number, bytesLeft: number): { links: number; bytes: number; bytesLeft: number } => ({
  links,
  bytes: 50_000_000,
  bytesLeft,
})

test.each([
  ['a small pack for many chunks', need(1000, 250_000_000), offer(1, 5_000_000), 'pack'],
  ['a large pack for one chunk', need(1, 250_000), offer(1, 5_000_000), 'chunks'],
  ['the rest of a large pack', need(1, 250_000), offer(1, 50_000), 'pack'],
  ['a pack that is there already', need(1, 100), offer(1, 0), 'pack'],
  ['several packs for many chunks', need(1000, 250_000_000), offer(3, 9_000_000), 'chain'],
  ['no pack', need(1000, 250_000_000), undefined, 'chunks'],
] as const)('%s', (_, chunks, packs, means) => {
  expect(chooseDelivery(chunks, packs)).toBe(means)
})

test('what is chosen never costs more than what is not', () => {
  const amount = fc.nat(1_000_000_000)
  fc.assert(
    fc.property(
      fc.nat(10_000),
      amount,
      fc.integer({ min: 1, max: 3 }),
      amount,
      (count, bytes, links, left) => {
        const cost = chunkCost(need(count, bytes))
        const means = chooseDelivery(need(count, bytes), offer(links, left))
        expect(means === 'chunks' ? cost : left).toBe(Math.min(cost, left))
      },
    ),
  )
})

test('requests count: many small chunks cost more than a few large ones', () => {
  expect(chunkCost(need(0, 0))).toBe(0)
  expect(chunkCost(need(100, 1_000_000)) - chunkCost(need(10, 1_000_000))).toBe(90 * requestBytes)
})

test('nobody asks for packs where chunks are a trifle', () => {
  expect(isPackWorthAsking(need(1, 10_000))).toBe(false)
  expect(isPackWorthAsking(need(3, 100_000))).toBe(true)
  expect(isChainWorthAsking(need(3, 100_000), 1)).toBe(false)
  expect(isChainWorthAsking(need(30, 1_000_000), 1)).toBe(true)
  expect(isChainWorthAsking(need(30, 1_000_000), 1000)).toBe(false)
})

test.each([
  ['nothing between', 'a', '', 'z', undefined],
  ['one', 'a', 'b', 'z', 'b'],
  ['two', 'a', 'bc', 'z', 'bc'],
  ['more than three packs make', 'a', 'bcd', 'z', undefined],
  ['releases without a change', 'a', 'aabbbz', 'z', 'b'],
  ['only releases without a change', 'a', 'aazz', 'z', undefined],
  ['a change that was taken back', 'a', 'ba', 'z', undefined],
  ['the end in the middle', 'a', 'zb', 'z', undefined],
])('the way through %s', (_, from, between, to, expected) => {
  const steps = between.split('').map((digest) => ({ digest }))
  const found = stepsBetween({ digest: from }, steps, { digest: to })
  expect(found?.map(({ digest }) => digest).join('')).toBe(expected)
})
