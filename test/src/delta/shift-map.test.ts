import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { ShiftMap } from '../../../src/delta/shift-map.ts'

const map = new ShiftMap(Float64Array.of(10, 20, 40), Float64Array.of(1, -5, 0))

test.each([
  [0, 1],
  [9, 10],
  [10, 11],
  [19, 20],
  [20, 15],
  [39, 34],
  [40, 40],
  [1e15, 1e15],
])('%i goes to %i', (from, to) => {
  expect(map.map(from)).toBe(to)
})

test('without pieces everything stays', () => {
  const none = new ShiftMap(new Float64Array(), new Float64Array())
  expect([none.map(5), none.shiftAt(7), none.pieces]).toEqual([5, 0, 0])
})

test('the answer does not depend on what was asked before', () => {
  const starts = fc.uniqueArray(fc.nat(200), { minLength: 1, maxLength: 30 })
  fc.assert(
    fc.property(starts, fc.array(fc.nat(220)), (all, positions) => {
      const sorted = Float64Array.from(all.toSorted((a, b) => a - b))
      const asked = new ShiftMap(sorted, sorted)
      for (const position of positions) {
        const last = sorted.findLast((start) => start <= position) ?? sorted[0]
        expect(asked.shiftAt(position)).toBe(last)
      }
    }),
  )
})
