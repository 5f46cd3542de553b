import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { maxItems, PackedIndex } from '../../../src/similarity/packed-index.ts'

test('has the items of every key, and no others', () => {
  const key = fc.oneof(fc.constantFrom(0, 1, 2 ** 32 - 1), fc.integer({ min: 0, max: 2 ** 32 - 1 }))
  const item = fc.oneof(fc.constantFrom(0, maxItems - 1), fc.integer({ min: 0, max: maxItems - 1 }))
  fc.assert(
    fc.property(fc.array(fc.tuple(key, item), { maxLength: 200 }), key, (pairs, other) => {
      const builder = new PackedIndex.Builder()
      for (const [k, i] of pairs) builder.add(k, i)
      const index = builder.build()
      for (const asked of [...pairs.map(([k]) => k), other]) {
        const items = pairs.flatMap(([k, i]) => (k === asked ? [i] : [])).sort((a, b) => a - b)
        expect(index.itemsOf(asked, 200)).toEqual(items)
      }
    }),
  )
})

test('grows, and says nothing of a key with too many items', () => {
  const builder = new PackedIndex.Builder()
  for (let item = 0; item < 5000; item++) builder.add(item % 10 === 0 ? 7 : 1000 + item, item)
  const index = builder.build()
  expect(index.itemsOf(7, 500)).toHaveLength(500)
  expect(index.itemsOf(7, 499)).toEqual([])
  expect(index.itemsOf(1001, 1)).toEqual([1])
  expect(index.itemsOf(999, 1)).toEqual([])
})
