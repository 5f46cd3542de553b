import { zstdCompressSync } from 'node:zlib'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { digestOf, digestToBytes } from '../../../manifests/digest.ts'
import {
  encodeSketchSet,
  maxSketchSetBytes,
  SketchSet,
  type SketchedContent,
} from '../../../src/similarity/sketch-set.ts'
import { featuresOf, sketchOf, type Sketch } from '../../../src/similarity/sketch.ts'
import { noise } from '../../support/tree-recipe.ts'

function encode(contents: Iterable<SketchedContent>): Buffer {
  return Buffer.concat([...encodeSketchSet(contents)])
}

function contentOf(ordinal: number, bytes: Uint8Array): SketchedContent {
  const digestStart = digestToBytes(digestOf(bytes)).subarray(0, 8)
  return { ordinal, size: bytes.length, digestStart, sketch: sketchOf(bytes) }
}

const sketchArbitrary = (size: number): fc.Arbitrary<Sketch | undefined> =>
  fc.option(
    fc
      .uniqueArray(fc.integer({ min: 0, max: 2 ** 32 - 1 }), { minLength: 4, maxLength: featuresOf(size) })
      .map((features) => Uint32Array.from(features).sort() as Sketch),
    { nil: undefined },
  )

const contentArbitrary = fc
  .oneof(fc.integer({ min: 512, max: 1 << 26 }), fc.integer({ min: 2 ** 40, max: 2 ** 50 }))
  .chain((size) =>
    fc.record({
      step: fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 100_000 })),
      size: fc.constant(size),
      digestStart: fc.uint8Array({ minLength: 8, maxLength: 8 }),
      sketch: sketchArbitrary(size),
    }),
  )

const contentsArbitrary = fc.array(contentArbitrary, { maxLength: 30 }).map((contents) => {
  let ordinal = -1
  return contents.map(({ step, size, digestStart, sketch }) => ({
    ordinal: (ordinal += step),
    size,
    digestStart,
    sketch,
  }))
})

function plainly(contents: Iterable<SketchedContent>): unknown[] {
  return Array.from(contents, ({ ordinal, size, digestStart, sketch }) => ({
    ordinal,
    size,
    digestStart: [...digestStart],
    sketch: sketch && [...sketch],
  }))
}

describe('sketches of a manifest', () => {
  test('are read as they were written', () => {
    fc.assert(
      fc.property(contentsArbitrary, (contents) => {
        const set = new SketchSet(encode(contents))
        expect(set.size).toBe(contents.length)
        expect(plainly(set)).toEqual(plainly(contents))
      }),
    )
  })

  test('have the size that readers allow', () => {
    fc.assert(
      fc.property(contentsArbitrary, (contents) => {
        const contentBytes = contents.reduce((sum, { size }) => sum + size, 0)
        const most = maxSketchSetBytes({ entries: contents.length, contentBytes })
        expect(encode(contents).length).toBeLessThanOrEqual(most)
      }),
    )
  })

  test('are found by the digest of their content', () => {
    const contents = Array.from({ length: 500 }, (_, i) => noise(i, 600 + i))
    const set = new SketchSet(encode(contents.map((bytes, i) => contentOf(3 * i, bytes))))
    for (const bytes of contents) {
      expect(set.has(digestOf(bytes))).toBe(true)
      expect(set.sketchOf(digestOf(bytes))).toEqual(sketchOf(bytes))
    }
    expect(set.has(digestOf(noise(1000, 600)))).toBe(false)
    expect(set.sketchOf(digestOf(noise(1000, 600)))).toBeUndefined()
  })

  test('may be of a content that has none', () => {
    const zeros = new Uint8Array(5000)
    const set = new SketchSet(encode([contentOf(0, zeros)]))
    expect(set.has(digestOf(zeros))).toBe(true)
    expect(set.sketchOf(digestOf(zeros))).toBeUndefined()
  })
})

describe('what is no set of sketches is refused', () => {
  const contents = [
    contentOf(2, noise(1, 3000)),
    contentOf(9, noise(2, 700)),
    contentOf(10, noise(3, 90_000)),
  ]
  const good = encode(contents)

  test('cut off anywhere, or with something after it', () => {
    for (let length = 0; length < good.length; length++) {
      expect(() => new SketchSet(good.subarray(0, length))).toThrow(/not usable/)
    }
    expect(() => new SketchSet(Buffer.concat([good, Buffer.of(0)]))).toThrow(/not usable/)
  })

  test.each<[string, Iterable<SketchedContent>, RegExp]>([
    ['two contents of one ordinal', [contentOf(2, noise(1, 700)), contentOf(2, noise(2, 700))], /in order/],
    ['a content that is too small', [{ ...contentOf(0, noise(1, 700)), size: 511 }], /too small/],
    [
      'more features than the size allows',
      [{ ...contentOf(0, noise(1, 90_000)), size: 16_000 }],
      /32 features of 16000 bytes/,
    ],
    [
      'features that do not ascend',
      [{ ...contentOf(0, noise(1, 700)), sketch: Uint32Array.of(1, 2, 4, 4) as Sketch }],
      /ascend/,
    ],
    [
      'too few features',
      [{ ...contentOf(0, noise(1, 700)), sketch: Uint32Array.of(1, 2, 3) as Sketch }],
      /3 features/,
    ],
  ])('%s', (_, wrong, message) => {
    expect(() => new SketchSet(encode(wrong))).toThrow(message)
  })

  test('a number in more bytes than it needs', () => {
    const [content] = contents
    if (content === undefined) throw new Error('no content')
    const row = encode([{ ...content, sketch: undefined, ordinal: 5 }])
    const at = row.indexOf(5, 17)
    const longer = Buffer.concat([row.subarray(0, at), Buffer.of(0x85, 0), row.subarray(at + 1)])
    expect(() => new SketchSet(row)).not.toThrow()
    expect(() => new SketchSet(longer)).toThrow(/a number/)
  })

  test('another number of contents than is said', () => {
    const other = Buffer.from(good)
    other.writeUInt32LE(2, other.length - 4)
    expect(() => new SketchSet(other)).toThrow(/does not have the 2 contents/)
  })

  test('anything else', () => {
    expect(() => new SketchSet(zstdCompressSync(good))).toThrow(
      expect.objectContaining({ name: 'SketchSetError', code: 'SKETCHES_INVALID' }),
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(
          () => new SketchSet(Buffer.concat([good.subarray(0, 8), bytes, Buffer.of(200, 0, 0, 0)])),
        ).toThrow(/not usable/)
      }),
    )
  })
})
