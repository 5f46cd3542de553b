import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LearnedShifts } from '../../../src/delta/learned-shifts.ts'
import { LearnedValues } from '../../../src/delta/learned-values.ts'

describe('learned shifts', () => {
  const lessons = fc.array(fc.tuple(fc.nat(500), fc.integer({ min: -50, max: 50 })), { maxLength: 60 })

  test('are those of the nearest position at or below, or of the lowest', () => {
    fc.assert(
      fc.property(lessons, fc.array(fc.nat(520)), (taught, asked) => {
        const shifts = new LearnedShifts()
        const model = new Map<number, number>()
        for (const [position, shift] of taught) {
          shifts.learn(position, shift)
          model.set(position, shift)
        }
        const known = [...model.keys()].sort((a, b) => a - b)
        for (const position of asked) {
          const nearest = known.findLast((at) => at <= position) ?? known[0]
          expect(shifts.shiftAt(position)).toBe(nearest === undefined ? 0 : model.get(nearest))
        }
      }),
    )
  })

  test('do not grow for ever', () => {
    const shifts = new LearnedShifts()
    for (let position = 0; position < (1 << 15) + 10; position++) shifts.learn(position, 5)
    shifts.learn(1 << 20, 9)
    expect(shifts.shiftAt(1 << 20)).toBe(5)
    shifts.learn(3, 7)
    expect(shifts.shiftAt(3)).toBe(7)
  })
})

describe('learned values', () => {
  const word = fc.integer({ min: 0, max: 2 ** 32 - 1 })

  test('are the last that were told, and else themselves', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.oneof(word, fc.nat(9)), word)), fc.array(word), (taught, asked) => {
        const values = new LearnedValues()
        const model = new Map<number, number>()
        for (const [value, becomes] of taught) {
          values.learn(value, becomes)
          if (value !== 0) model.set(value, becomes)
        }
        for (const value of [...asked, ...model.keys(), 0])
          expect(values.valueOf(value)).toBe(model.get(value) ?? value)
      }),
      { numRuns: 30 },
    )
  })
})
