import { describe, expect, test } from 'vitest'
import { digestOf, type Digest } from '../../../manifests/digest.ts'
import { maxChunkBytes } from '../../../manifests/chunk-limits.ts'
import { findCut } from '../../../src/chunking/find-cut.ts'
import { gearTable } from '../../../src/chunking/gear-table.ts'
import { defaultProfile } from '../../../src/chunking/profile.ts'
import { counterStream, entropyOf, makeBytes, type ByteRecipe } from '../../support/byte-recipes.ts'
import { cutLengths } from '../../support/chunking-vectors.ts'
import { readVectors } from '../../support/format-vectors.ts'

const { minBytes, averageBytes, maxBytes } = defaultProfile

test('the recipe makes noise: all of its bits are information', () => {
  const noise = counterStream('entropy', 1 << 20)
  expect(entropyOf(noise)).toBeGreaterThan(7.999)
  const differences = noise.map((byte, i) => byte ^ (noise[i - 32] ?? 0)).subarray(32)
  expect(entropyOf(differences)).toBeGreaterThan(7.999)
  expect(counterStream('entropy', 100)).toEqual(noise.subarray(0, 100))
  expect(counterStream('other', 100)).not.toEqual(noise.subarray(0, 100))
  expect(entropyOf(Buffer.alloc(10))).toBe(-0)
})

test('the gear table is the one of the vectors', () => {
  const table = Buffer.alloc(1024)
  gearTable.forEach((value, byte) => table.writeInt32LE(value, byte * 4))
  const [vector] = readVectors<{ bytes: number[] }, { values: number[]; digest: Digest }>('gear-table.json')
  expect(vector?.input.bytes.map((byte) => (gearTable[byte] ?? 0) >>> 0)).toEqual(vector?.expected.values)
  expect(digestOf(table)).toBe(vector?.expected.digest)
  expect(new Set(gearTable).size).toBe(256)
})

describe('cut points', () => {
  test.each(readVectors<ByteRecipe, { digest: Digest; lengths: number[] }>('cut-points.json'))(
    '$comment',
    ({ input, expected }) => {
      const content = makeBytes(input)
      expect(digestOf(content)).toBe(expected.digest)
      expect(cutLengths(content, defaultProfile)).toEqual(expected.lengths)
    },
  )

  test('depend on no more than the largest chunk', () => {
    const noise = counterStream('cut-points', 4 * maxBytes)
    const whole = cutLengths(noise, defaultProfile)
    let start = 0
    for (const length of whole) {
      expect(findCut(noise.subarray(start, start + maxBytes), defaultProfile)).toBe(length)
      start += length
    }
  })

  test('lie between the smallest and the largest size, about the average', () => {
    const lengths = cutLengths(counterStream('sizes', 16 << 20), defaultProfile)
    const inner = lengths.slice(0, -1)
    expect(Math.min(...inner)).toBeGreaterThan(minBytes)
    expect(Math.max(...inner)).toBeLessThanOrEqual(maxBytes)
    const average = inner.reduce((sum, length) => sum + length, 0) / inner.length
    expect(average).toBeGreaterThan(averageBytes)
    expect(average).toBeLessThan(averageBytes + 2 * minBytes)
  })

  test('never make a chunk larger than a manifest allows', () => {
    expect(maxBytes).toBe(maxChunkBytes)
  })

  test.each([0, 1, 2, minBytes - 1, minBytes])('do not part %i bytes', (bytes) => {
    expect(findCut(counterStream('tiny', bytes), defaultProfile)).toBe(bytes)
  })
})
