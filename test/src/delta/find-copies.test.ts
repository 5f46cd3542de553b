import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Copy } from '../../../src/delta/copy.ts'
import { findCopies } from '../../../src/delta/find-copies.ts'
import { contentPairs, isOfPrograms } from '../../support/content-pairs.ts'
import { Random } from '../../support/random.ts'

const windows = [8, 12, 16]

/** How many bytes of the target the copies bring, and how many of those agree. */
function count(
  copies: readonly Copy[],
  basis: Uint8Array,
  target: Uint8Array,
): { copied: number; right: number } {
  let [copied, right] = [0, 0]
  for (const { target: to, basis: from, length } of copies) {
    copied += length
    for (let at = 0; at < length; at++) if (basis[from + at] === target[to + at]) right++
  }
  return { copied, right }
}

test('copies lie inside of both contents, follow each other and mostly agree', () => {
  const kinds = Object.entries(contentPairs).flatMap(([name, make]) => (isOfPrograms(name) ? [] : make))
  fc.assert(
    fc.property(fc.nat(), fc.constantFrom(...kinds), fc.constantFrom(...windows), (seed, make, window) => {
      const { target, bases } = make(new Random(seed))
      const basis = Buffer.concat(bases)
      let end = 0
      const copies = findCopies(basis, target, window)
      for (const { target: to, basis: from, length } of copies) {
        expect(to).toBeGreaterThanOrEqual(end)
        expect(from).toBeGreaterThanOrEqual(0)
        expect(from + length).toBeLessThanOrEqual(basis.length)
        expect(length).toBeGreaterThan(0)
        end = to + length
      }
      expect(end).toBeLessThanOrEqual(target.length)
      const { copied, right } = count(copies, basis, target)
      expect(right * 2).toBeGreaterThanOrEqual(copied)
    }),
    { seed: 1, numRuns: 500 },
  )
})

describe.each(windows)('with windows of %i bytes', (window) => {
  const random = new Random(3)
  const [a, b, c] = [random.bytes(500), random.bytes(500), random.bytes(500)]

  test('an equal content is one copy', () => {
    expect(findCopies(a, a, window)).toEqual([{ target: 0, basis: 0, length: 500 }])
  })

  test('parts that changed places are a copy each', () => {
    expect(findCopies(Buffer.concat([a, b, c]), Buffer.concat([c, a, b]), window)).toEqual([
      { target: 0, basis: 1000, length: 500 },
      { target: 500, basis: 0, length: 1000 },
    ])
  })

  test('what was put in is left out', () => {
    const target = Buffer.concat([a, c.subarray(0, 100), b])
    const copies = findCopies(Buffer.concat([a, b]), target, window)
    expect(copies.map(({ basis, target: to }) => to - basis)).toEqual([0, 100])
    const { copied, right } = count(copies, Buffer.concat([a, b]), target)
    expect(right).toBeGreaterThanOrEqual(1000)
    expect(copied).toBeLessThan(1030)
  })

  test('a copy goes on over bytes that differ', () => {
    const target = Uint8Array.from(a)
    for (let at = 0; at < target.length; at += 20) target[at] = (target[at] as number) ^ 0xff
    const copies = findCopies(a, target, window)
    expect(copies).toHaveLength(1)
    expect(count(copies, a, target).right).toBe(475)
  })

  test('nothing is found in what is nothing, or has nothing in common', () => {
    expect(findCopies(new Uint8Array(), a, window)).toEqual([])
    expect(findCopies(a, new Uint8Array(), window)).toEqual([])
    expect(findCopies(a.subarray(0, window - 1), a, window)).toEqual([])
    expect(findCopies(a, b, window)).toEqual([])
  })
})

test('of equal windows the first is taken', () => {
  const unit = new Random(5).bytes(100)
  const [copy] = findCopies(Buffer.concat([unit, unit, unit]), unit, 8)
  expect(copy).toEqual({ target: 0, basis: 0, length: 100 })
})
