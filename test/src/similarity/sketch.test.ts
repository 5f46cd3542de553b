import { readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { gearTable } from '../../../src/chunking/gear-table.ts'
import { overlapOf } from '../../../src/similarity/overlap.ts'
import {
  featuresOf,
  minFeatures,
  minSketchedBytes,
  Sketcher,
  sketchOf,
  type Sketch,
} from '../../../src/similarity/sketch.ts'
import { noise } from '../../support/tree-recipe.ts'

function inPieces(content: Uint8Array, lengths: readonly number[]): Sketch | undefined {
  const sketcher = new Sketcher(content.length)
  let start = 0
  for (let i = 0; start < content.length; i++) {
    const length = lengths[i % lengths.length] ?? 1
    sketcher.add(content.subarray(start, start + length))
    start += length
  }
  return sketcher.finish()
}

function sketched(content: Uint8Array): { size: number; sketch: Sketch } {
  const sketch = sketchOf(content)
  if (sketch === undefined) throw new Error('no sketch')
  return { size: content.length, sketch }
}

/** The position where each feature's window ends, found the slow way. */
function positionsWithZeros(content: Uint8Array, zeros: number): number[] {
  return [...content.keys()].filter((end) => {
    let hash = 0
    for (const byte of content.subarray(Math.max(0, end - 31), end + 1)) {
      hash = ((hash << 1) + (gearTable[byte] ?? 0)) | 0
    }
    return end >= 15 && (hash & (2 ** zeros - 1)) === 0
  })
}

describe('a sketch', () => {
  test('is the same however the content comes', () => {
    const piece = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 5000 }))
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 20_000 }),
        fc.constantFrom(2, 16, 256),
        fc.array(piece, { minLength: 1, maxLength: 8 }),
        (size, letters, lengths) => {
          const content = noise(size, size).map((byte) => byte % letters)
          expect(inPieces(content, lengths)).toEqual(sketchOf(content))
        },
      ),
      { numRuns: 60 },
    )
  })

  test('ascends, and has as many features as its size allows', () => {
    for (const size of [5000, 20_000, 300_000, 2 << 20]) {
      const { sketch } = sketched(noise(1, size))
      expect(sketch).toHaveLength(featuresOf(size))
      expect([...sketch]).toEqual([...new Set(sketch)].sort((a, b) => a - b))
    }
  })

  test('keeps the features with the most zeros', () => {
    const content = noise(3, 15_000)
    const { sketch } = sketched(content)
    const zerosOf = (feature: number | undefined): number => 31 - ((feature ?? 0) >>> 27)
    for (const index of [0, 3, 15]) {
      const zeros = zerosOf(sketch[index])
      const ofTheirs = [...sketch].filter((feature) => zerosOf(feature) >= zeros).length
      const all = positionsWithZeros(content, zeros).length
      if (index === 15) expect(all).toBeGreaterThanOrEqual(16)
      else expect(ofTheirs).toBe(all)
    }
  })

  test('is not made of what is small or plain', () => {
    expect(sketchOf(noise(1, minSketchedBytes - 1))).toBeUndefined()
    expect(sketchOf(noise(1, minSketchedBytes))?.length).toBeGreaterThanOrEqual(minFeatures)
    expect(sketchOf(Buffer.alloc(100_000))).toBeUndefined()
    expect(sketchOf(Buffer.alloc(100_000, 'ab'))).toBeUndefined()
  })

  test('stays the one that repositories hold', () => {
    expect([...sketched(noise(7, 3000)).sketch.subarray(0, 6)]).toMatchInlineSnapshot(`
      [
        2227375277,
        2471622165,
        2819057227,
        2836133427,
        2962667590,
        3132920074,
      ]
    `)
  })
})

describe('the overlap', () => {
  const [a, b, c] = [noise(11, 120_000), noise(12, 120_000), noise(13, 120_000)]

  test('of equal contents is nearly all, of others nothing', () => {
    expect(overlapOf(sketched(a), sketched(a))).toEqual({ shared: 32, contained: 32 / 33 })
    expect(overlapOf(sketched(a), sketched(b))).toEqual({ shared: 0, contained: 0 })
  })

  test('tells what lies in the other from what the other lies in', () => {
    const whole = sketched(Buffer.concat([a, b, c]))
    expect(overlapOf(sketched(b), whole).contained).toBeGreaterThan(0.75)
    const part = overlapOf(whole, sketched(b)).contained
    expect(part).toBeGreaterThan(0.1)
    expect(part).toBeLessThan(0.6)
  })

  test('survives machine code in which every address has changed', () => {
    const program = readFileSync(process.execPath).subarray(20 << 20, 24 << 20)
    const moved = Buffer.from(program)
    let calls = 0
    for (let i = 0; i + 5 < moved.length; i++) {
      if (moved[i] !== 0xe8) continue
      moved.writeUInt32LE((moved.readUInt32LE(i + 1) + 0x12_340) >>> 0, i + 1)
      calls++
      i += 4
    }
    expect(calls).toBeGreaterThan(20_000)
    expect(overlapOf(sketched(moved), sketched(program)).contained).toBeGreaterThan(0.3)
  })
})
