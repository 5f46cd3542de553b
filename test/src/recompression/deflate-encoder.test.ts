import { hash } from 'node:crypto'
import { inflateRawSync } from 'node:zlib'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DeflateEncoder } from '../../../src/recompression/deflate-encoder.ts'
import type { DeflateParameters } from '../../../src/recompression/deflate-parameters.ts'
import { counterStream } from '../../support/byte-recipes.ts'
import { sampleMixture, sampleText } from './sample-content.ts'

const gzip9: DeflateParameters = {
  encoder: 'gzip',
  level: 9,
  memoryLevel: 8,
  windowBits: 15,
  isFiltered: false,
}
const zlib6: DeflateParameters = { ...gzip9, encoder: 'zlib', level: 6 }

const encoder = new DeflateEncoder()

function deflate(plain: Uint8Array, parameters: DeflateParameters): Uint8Array {
  const output = new Uint8Array(plain.length * 2 + 100)
  const end = encoder.encode(plain, parameters, output, 0)
  if (end === undefined) throw new Error('was not written')
  return output.subarray(0, end)
}

const anyParameters = fc.oneof(
  fc.record({ ...constants(gzip9), level: fc.integer({ min: 1, max: 9 }) }),
  fc.record({
    encoder: fc.constant('zlib' as const),
    level: fc.integer({ min: 1, max: 9 }),
    memoryLevel: fc.integer({ min: 1, max: 9 }),
    windowBits: fc.integer({ min: 9, max: 15 }),
    isFiltered: fc.boolean(),
  }),
)

function constants(parameters: DeflateParameters): {
  readonly [Key in keyof DeflateParameters]: fc.Arbitrary<DeflateParameters[Key]>
} {
  const { encoder: name, level, memoryLevel, windowBits, isFiltered } = parameters
  return {
    encoder: fc.constant(name),
    level: fc.constant(level),
    memoryLevel: fc.constant(memoryLevel),
    windowBits: fc.constant(windowBits),
    isFiltered: fc.constant(isFiltered),
  }
}

/** Pieces that repeat, so that there is something to find. */
const anyContent = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.tuple(fc.nat(255), fc.nat(700)).map(([byte, count]) => new Uint8Array(count).fill(byte)),
      fc.nat(9000).map((bytes) => sampleText(bytes)),
    ),
    { maxLength: 12 },
  )
  .map((pieces) => Buffer.concat(pieces))

/** In its last four bytes two matches are as good, and the farther one goes on with zeros. */
const twoMatchesAtTheEnd = Buffer.from('1 abcd\0\0\0 2abcdQ 3abcd')

// All that is expected here is what the programs themselves wrote: GNU gzip 1.12 with `-n`, header and trailer cut off,
// and zlib 1.2.13's deflateInit2 with the parameters named. The digests are SHA-256, its first 16 digits.

describe('the bytes of small inputs', () => {
  function hexOfDeflated(plain: Uint8Array, parameters: DeflateParameters): string {
    return Buffer.from(deflate(plain, parameters)).toString('hex')
  }

  test.each<[string, Buffer, string]>([
    ['nothing', Buffer.alloc(0), '0300'],
    ['a literal', Buffer.from('a'), '4b0400'],
    ['a match', Buffer.from('deflate late'), '4b494dcb492c4955001100'],
    ['a long match', Buffer.alloc(300, 'a'), '4b4c1c05c40200'],
    [
      'a stored block only as long as another',
      counterStream('noise', 27),
      '011b00e4ffa6abd3ad7f6cfdcb4996f1efed23fd0265e58e394235f44583c5d4',
    ],
    [
      'a fixed tree only as short as a tree of its own',
      sampleText(77),
      'cb2f2e4a2c2d5028cfcccdc8ce4c5780a09c0285ca828282aa2a85ccdc92ec9ce27ca878795a514a7659412290adc7559aa290569e5799' +
        '9398549693ad90995190590a00',
    ],
  ])('%s is what zlib and gzip write', (_, plain, hex) => {
    for (const parameters of [zlib6, gzip9]) expect(hexOfDeflated(plain, parameters)).toBe(hex)
  })

  test('zlib stops at the end of the input where gzip compares on', () => {
    const roomyZlib9 = { ...zlib6, level: 9, memoryLevel: 9 }
    expect(hexOfDeflated(twoMatchesAtTheEnd, gzip9)).toBe('3354484c4a4e6160605030023102158c417c00')
    expect(hexOfDeflated(twoMatchesAtTheEnd, roomyZlib9)).toBe('3354484c4a4e6160605030023102158c411400')
  })
})

describe('the bytes of large inputs', () => {
  const mixture = sampleMixture()

  function digestOfDeflated(parameters: DeflateParameters): string {
    return hash('sha256', deflate(mixture, parameters)).slice(0, 16)
  }

  test.each([
    [1, '3615b7675792d133'],
    [2, 'd91af5738d4d90fc'],
    [3, 'a5e415234aa64e11'],
    [4, '7957a12b82f7afc6'],
    [5, 'c13b2b321a44f7dc'],
    [6, 'de2b149b01dd7a7d'],
    [7, '90b88255853c974c'],
    [8, '5057c508dfd12a8a'],
    [9, '5057c508dfd12a8a'],
  ])('gzip -%i', (level, digest) => {
    expect(digestOfDeflated({ ...gzip9, level })).toBe(digest)
  })

  test.each([
    [1, '8a978db28d0aed70'],
    [2, '03ef92b054e59104'],
    [3, '32243fe7248b18ae'],
    [4, '4941fbbd72898020'],
    [5, '87d0bd792935b3a2'],
    [6, '1efd5853cbe1da03'],
    [7, '2330a173162f9a8c'],
    [8, '8082869d08fb0296'],
  ])('zlib, level %i', (level, digest) => {
    expect(digestOfDeflated({ ...zlib6, level })).toBe(digest)
  })

  test.each([
    [6, 15, 9, false, '7e1af736a91f568b'],
    [6, 15, 1, false, '59be87b0fe140516'],
    [6, 9, 8, false, '62c46bac7569396f'],
    [9, 12, 5, true, '3e51186ece57bc39'],
    [6, 15, 8, true, 'bffaea747be296ef'],
    [1, 10, 9, false, 'c60a9f7ef7e7bd7f'],
  ])(
    'zlib, level %i, windowBits %i, memLevel %i, filtered: %s',
    (level, windowBits, memoryLevel, isFiltered, digest) => {
      expect(digestOfDeflated({ encoder: 'zlib', level, windowBits, memoryLevel, isFiltered })).toBe(digest)
    },
  )
})

describe('the end of an input that is longer than the window', () => {
  const plain = Buffer.concat([sampleText(70_000), twoMatchesAtTheEnd])

  test.each([
    ['gzip', gzip9, 'c0f49a94784db5d4'],
    ['zlib', { ...zlib6, level: 9, memoryLevel: 9 }, '3fc9eca599639d94'],
  ])('%s', (_, parameters, digest) => {
    expect(hash('sha256', deflate(plain, parameters)).slice(0, 16)).toBe(digest)
  })
})

describe('whatever the input', () => {
  test('inflates to it again', () => {
    fc.assert(
      fc.property(anyContent, anyParameters, (plain, parameters) => {
        expect(inflateRawSync(deflate(plain, parameters)).equals(plain)).toBe(true)
      }),
      { numRuns: 40 },
    )
  })

  test('does not depend on what was encoded before', () => {
    fc.assert(
      fc.property(anyContent, anyContent, anyParameters, (before, plain, parameters) => {
        const output = new Uint8Array(plain.length * 2 + 100)
        const end = new DeflateEncoder().encode(plain, parameters, output, 0)
        deflate(before, parameters)
        expect(Buffer.compare(deflate(plain, parameters), output.subarray(0, end))).toBe(0)
      }),
      { numRuns: 20 },
    )
  })
})

describe('too little room', () => {
  test('writes nothing beyond it', () => {
    for (const plain of [sampleText(5000), sampleMixture().subarray(150_000, 190_000)]) {
      const needed = deflate(plain, gzip9).length
      for (const room of [0, 1, needed - 1]) {
        const output = new Uint8Array(needed + 10).fill(0xee)
        expect(encoder.encode(plain, gzip9, output.subarray(0, room), 0)).toBeUndefined()
        expect(output.subarray(room).every((byte) => byte === 0xee)).toBe(true)
      }
      expect(encoder.encode(plain, gzip9, new Uint8Array(needed), 0)).toBe(needed)
    }
  })

  test('stops at the first block that is refused', () => {
    const ends: number[] = []
    const accept = (end: number): boolean => {
      ends.push(end)
      return ends.length < 2
    }
    const plain = sampleMixture()
    expect(encoder.encode(plain, zlib6, new Uint8Array(plain.length), 0, accept)).toBeUndefined()
    expect(ends.length).toBe(2)
  })
})
