import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { GatheredWrites } from '../../../src/client/gathered-writes.ts'
import { noise } from '../../support/tree-recipe.ts'

const content = noise(1, 3_000_000)

test('pieces of any size come out in order, and few', () => {
  const size = fc.oneof(fc.nat(100), fc.nat(300_000), fc.constant(1 << 20))
  fc.assert(
    fc.property(fc.array(size, { maxLength: 30 }), (sizes) => {
      const gathered = new GatheredWrites()
      const pieces: Buffer[] = []
      const write = (piece: Uint8Array): void => void pieces.push(Buffer.from(piece))
      let at = 0
      for (const bytes of sizes) {
        gathered.add(content.subarray(at, at + bytes), write)
        at = Math.min(content.length, at + bytes)
      }
      gathered.flush(write)
      expect(Buffer.concat(pieces).equals(content.subarray(0, at))).toBe(true)
      expect(pieces.length).toBeLessThanOrEqual(1 + at / (128 * 1024))
    }),
    { numRuns: 30 },
  )
})

test('what was cleared is not written', () => {
  const gathered = new GatheredWrites()
  gathered.add(content.subarray(0, 10), () => undefined)
  gathered.clear()
  const pieces: Uint8Array[] = []
  gathered.flush((piece) => pieces.push(piece))
  expect(pieces).toEqual([])
})
