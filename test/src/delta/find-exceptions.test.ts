import { describe, expect, test } from 'vitest'
import { findExceptions } from '../../../src/delta/find-exceptions.ts'
import { maxExceptions } from '../../../src/delta/limits.ts'
import type { Exception } from '../../../src/delta/movement.ts'
import { ShiftMap } from '../../../src/delta/shift-map.ts'

const by10 = new ShiftMap(Float64Array.of(0), Float64Array.of(10))

type Pair = readonly [from: number, to: number]

function find(...pairs: readonly Pair[]): Exception[] {
  return findIn(pairs)
}

function findIn(pairs: readonly Pair[]): Exception[] {
  const from = Float64Array.from(pairs, ([first]) => first)
  const to = Float64Array.from(pairs, ([, second]) => second)
  return findExceptions(from, to, by10).map(({ start, length, shift }) => ({ start, length, shift }))
}

describe('addresses that moved', () => {
  test('as they should are no exceptions', () => {
    expect(find([1, 11], [2, 12], [2, 12])).toEqual([])
    expect(find()).toEqual([])
  })

  test('otherwise together are one, in whatever order they are seen', () => {
    const wanted = [{ start: 100, length: 9, shift: 3 }]
    expect(find([100, 103], [104, 107], [108, 111])).toEqual(wanted)
    expect(find([108, 111], [100, 103], [104, 107])).toEqual(wanted)
  })

  test('otherwise alone are not worth it, but seen often are', () => {
    expect(find([100, 103])).toEqual([])
    expect(find([100, 103], [100, 103])).toEqual([{ start: 100, length: 1, shift: 3 }])
  })

  test('go where most references say', () => {
    expect(find([5, 6], [5, 6], [5, 15])).toEqual([])
    expect(find([5, 6], [5, 6], [5, 6], [5, 15])).toEqual([{ start: 5, length: 1, shift: 1 }])
    expect(find([5, 6], [5, 6], [5, 7], [5, 7], [5, 7])).toEqual([{ start: 5, length: 1, shift: 2 }])
    expect(find([5, 6], [5, 15])).toEqual([])
  })

  test('as they should end an exception', () => {
    expect(find([1, 2], [2, 3], [3, 13], [4, 5], [5, 6])).toEqual([
      { start: 1, length: 2, shift: 1 },
      { start: 4, length: 2, shift: 1 },
    ])
  })

  test('in two ways next to each other are two', () => {
    expect(find([1, 2], [2, 3], [3, 5], [4, 6])).toEqual([
      { start: 1, length: 2, shift: 1 },
      { start: 3, length: 2, shift: 2 },
    ])
  })
})

test('of more than a decoder takes, those stay that save most, in their order', () => {
  const count = maxExceptions + 50
  const pairs = Array.from({ length: count }, (_, index) => {
    const times = index % 1000 === 999 ? 3 : 2
    return Array.from({ length: times }, () => [index * 8, index * 8 + (index % 2)] as const)
  })
  const found = findIn(pairs.flat())
  expect(found).toHaveLength(maxExceptions)
  const starts = new Set(found.map(({ start }) => start))
  for (let index = 999; index < count; index += 1000) expect(starts.has(index * 8)).toBe(true)
  expect(found.every(({ start }, index) => index === 0 || start > (found[index - 1]?.start ?? 0))).toBe(true)
})
