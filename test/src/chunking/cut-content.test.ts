import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { digestOf } from '../../../manifests/digest.ts'
import { ContentEndedError, cutContent } from '../../../src/chunking/cut-content.ts'
import { defaultProfile, type ChunkingProfile } from '../../../src/chunking/profile.ts'
import { counterStream } from '../../support/byte-recipes.ts'
import { cutLengths, readerOf } from '../../support/chunking-vectors.ts'

const smallProfile: ChunkingProfile = {
  name: 'test',
  minBytes: 64,
  averageBytes: 256,
  maxBytes: 1024,
  ownChunksBytes: 64,
}

function chunksOf(
  content: Uint8Array,
  profile = defaultProfile,
  most?: (position: number) => number,
): Buffer[] {
  return Array.from(cutContent(readerOf(content, most), content.length, profile), (chunk) =>
    Buffer.from(chunk),
  )
}

describe('any content', () => {
  const contents = fc.oneof(
    fc.uint8Array({ maxLength: 6000 }),
    fc.tuple(fc.string(), fc.nat({ max: 20_000 })).map(([seed, bytes]) => counterStream(seed, bytes)),
    fc.tuple(fc.nat({ max: 255 }), fc.nat({ max: 9000 })).map(([byte, bytes]) => Buffer.alloc(bytes, byte)),
  )

  test('is its chunks one after another, each within bounds', () => {
    fc.assert(
      fc.property(contents, (content) => {
        const chunks = chunksOf(content, smallProfile)
        expect(Buffer.concat(chunks).equals(content)).toBe(true)
        expect(chunks.every(({ length }) => length >= 1 && length <= smallProfile.maxBytes)).toBe(true)
        expect(chunks.slice(0, -1).every(({ length }) => length > smallProfile.minBytes)).toBe(true)
      }),
    )
  })

  test('is cut alike however short the reads are', () => {
    fc.assert(
      fc.property(contents, fc.integer({ min: 1, max: 700 }), (content, most) => {
        const short = (position: number) => 1 + ((position * 31) % most)
        expect(chunksOf(content, smallProfile, short)).toEqual(chunksOf(content, smallProfile))
      }),
    )
  })
})

test('of the largest chunks, short reads change nothing', () => {
  const content = counterStream('short reads', 6 << 20)
  const lengths = chunksOf(content, defaultProfile, (position) => 1 + (position % 99_991)).map(
    (chunk) => chunk.length,
  )
  expect(lengths).toEqual(cutLengths(content, defaultProfile))
})

test('a content that ends early is an error, not a shorter content', () => {
  const content = counterStream('ends', 3000)
  const read = readerOf(content)
  const cut = () => Array.from(cutContent(read, 3001, smallProfile))
  expect(cut).toThrow(ContentEndedError)
  expect(cut).toThrow('the content ended after 3000 of 3001 bytes')
})

test('a content is read no further than its size', () => {
  const content = counterStream('grows', 5000)
  const chunks = Array.from(cutContent(readerOf(content), 3000, smallProfile), (chunk) => Buffer.from(chunk))
  expect(Buffer.concat(chunks)).toEqual(content.subarray(0, 3000))
})

describe('an edit', () => {
  const content = counterStream('edited', 16 << 20)
  const known = new Set(chunksOf(content).map(digestOf))
  const middle = content.length / 2

  test.each([
    ['inserts a byte', [content.subarray(0, middle), Buffer.from('x'), content.subarray(middle)]],
    ['removes a byte', [content.subarray(0, middle), content.subarray(middle + 1)]],
    ['replaces 100 bytes', [content.subarray(0, middle), Buffer.alloc(100), content.subarray(middle + 100)]],
    ['inserts 100 kB', [content.subarray(0, middle), counterStream('new', 1e5), content.subarray(middle)]],
    ['puts a byte in front', [Buffer.from('x'), content]],
  ])('that %s changes at most three of some fifty chunks', (_, parts) => {
    const changed = chunksOf(Buffer.concat(parts)).filter((chunk) => !known.has(digestOf(chunk)))
    expect(known.size).toBeGreaterThan(45)
    expect(changed.length).toBeGreaterThan(0)
    expect(changed.length).toBeLessThanOrEqual(3)
  })
})
