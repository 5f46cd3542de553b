import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DeflateEncoder } from '../../../src/recompression/deflate-encoder.ts'
import { decodeRecipe } from '../../../src/recompression/recipe.ts'
import { repack } from '../../../src/recompression/repack.ts'
import { unpack, type UnpackOptions } from '../../../src/recompression/unpack.ts'
import { counterStream } from '../../support/byte-recipes.ts'
import {
  byGzip9,
  byZlib6,
  deflateAs,
  gzipMember,
  png,
  storedStream,
  zipArchive,
  zlibStream,
} from './sample-archives.ts'
import { sampleMixture, sampleText } from './sample-content.ts'

const encoder = new DeflateEncoder()
const text = sampleText(8000)
const asGzip9 = deflateAs(byGzip9)
const asZlib6 = deflateAs(byZlib6)

/** The lengths of the streams' contents, after the file was unpacked and repacked. */
function contentsOf(bytes: Buffer, options: UnpackOptions = {}): number[] | undefined {
  const unpacked = unpack(bytes, { encoder, ...options })
  if (unpacked === undefined) return undefined
  expect(Buffer.compare(repack(unpacked.plain, unpacked.recipe, bytes.length, encoder), bytes)).toBe(0)
  return decodeRecipe(unpacked.recipe).streams.map(({ plainLength }) => plainLength)
}

describe('gzip', () => {
  test('gives header, content and trailer', () => {
    const file = gzipMember(asGzip9(text), 2)
    const plain = Buffer.concat([file.subarray(0, 10), text, file.subarray(-8)])
    const unpacked = unpack(file)
    expect(unpacked && plain.equals(unpacked.plain)).toBe(true)
    expect(unpacked?.recipe.length).toBeLessThan(12)
    expect(contentsOf(file)).toEqual([text.length])
  })

  test('skips all fields of the header', () => {
    expect(contentsOf(gzipMember(asGzip9(text), 2, 'name.1'))).toEqual([text.length])
  })

  test('takes all members, and leaves what follows them', () => {
    const members = [gzipMember(asGzip9(text), 2), gzipMember(asZlib6(text.subarray(7)), 0)]
    const file = Buffer.concat([...members, Buffer.from('junk')])
    expect(contentsOf(file)).toEqual([text.length, text.length - 7])
  })

  const mixture = sampleMixture().subarray(140_000, 175_000)

  test.each([1, 2, 3, 4, 5, 6, 7, 8, 9])('finds level %i, whatever the header says', (level) => {
    for (const parameters of [
      { ...byGzip9, level },
      { ...byZlib6, level },
      { ...byZlib6, level, memoryLevel: 9 },
    ]) {
      expect(contentsOf(gzipMember(deflateAs(parameters, encoder)(mixture), 0))).toEqual([mixture.length])
    }
  })

  test('leaves a member that does not come out the same', () => {
    const file = Buffer.concat([gzipMember(storedStream(text), 0), gzipMember(asGzip9(text), 2)])
    const unpacked = unpack(file)
    expect(contentsOf(file)).toEqual([text.length])
    expect(unpacked?.plain.length).toBe(text.length * 2 + 5 + 36)
  })

  test('is undefined when nothing comes out the same', () => {
    expect(unpack(gzipMember(storedStream(text), 2))).toBeUndefined()
  })

  test('tells a stream by more than how it begins', () => {
    // All levels begin noise alike.
    const plain = Buffer.concat([counterStream('noise', 3000), text])
    for (const level of [4, 7]) {
      expect(contentsOf(gzipMember(deflateAs({ ...byGzip9, level })(plain), 0))).toEqual([plain.length])
    }
  })

  test('inflates no more than allowed', () => {
    const file = Buffer.concat([gzipMember(asGzip9(text), 2), gzipMember(asGzip9(text), 2)])
    expect(contentsOf(file, { plainLimit: 2 * text.length })).toEqual([text.length, text.length])
    expect(contentsOf(file, { plainLimit: 2 * text.length - 1 })).toEqual([text.length])
    expect(contentsOf(file, { plainLimit: text.length - 1 })).toBeUndefined()
    expect(contentsOf(file, { plainLimit: 0 })).toBeUndefined()
  })

  test('is undefined for a file that is cut off, wherever', () => {
    const file = gzipMember(asGzip9(text.subarray(0, 100)), 2, 'name')
    for (let length = 0; length < file.length - 8; length++) {
      expect(unpack(file.subarray(0, length))).toBeUndefined()
    }
  })
})

describe('zip', () => {
  const plain = text.subarray(0, 3000)
  const members = [
    { name: 'a', stream: asZlib6(text), method: 8, plain: text },
    { name: 'stored', stream: plain, method: 0, plain },
    { name: 'odd', stream: storedStream(plain), method: 8, plain },
    { name: 'b', stream: asZlib6(plain), method: 8, plain },
    { name: 'empty', stream: asZlib6(new Uint8Array()), method: 8, plain: new Uint8Array() },
  ]

  test('gives the deflated members that come out the same', () => {
    expect(contentsOf(zipArchive(members))).toEqual([text.length, plain.length, 0])
  })

  test('a directory that lies is not believed', () => {
    const archive = zipArchive(members)
    const twice = zipArchive([...members.slice(0, 1), ...members.slice(0, 1)])
    const first = twice.indexOf('PK\x01\x02', 'latin1')
    const second = twice.indexOf('PK\x01\x02', first + 1, 'latin1')
    twice.writeUInt32LE(0, second + 42)
    expect(contentsOf(twice)).toEqual([text.length])
    archive.writeUInt32LE(0xffff_fff0, archive.indexOf('PK\x01\x02', 'latin1') + 42)
    expect(contentsOf(archive)).toEqual([plain.length, 0])
    archive.writeUInt32LE(0xffff_fff0, archive.lastIndexOf('PK\x05\x06', undefined, 'latin1') + 16)
    expect(contentsOf(archive)).toBeUndefined()
  })
})

describe('zlib', () => {
  test('a stream that is the whole file', () => {
    expect(contentsOf(zlibStream(asZlib6(text)))).toEqual([text.length])
    expect(unpack(Buffer.concat([zlibStream(asZlib6(text)), Buffer.of(0)]))).toBeUndefined()
  })

  test.each([
    [6, 15, false],
    [9, 12, true],
    [2, 15, true],
  ])('PNG pixels of level %i, window %i, filtered %s', (level, windowBits, isFiltered) => {
    const stream = zlibStream(deflateAs({ ...byZlib6, level, windowBits, isFiltered })(text))
    stream[0] = ((windowBits - 8) << 4) | 8
    stream[1] = 31 - ((stream[0] * 256) % 31)
    expect(contentsOf(png([stream]))).toEqual([text.length])
  })

  test('not those cut into several chunks', () => {
    const stream = zlibStream(asZlib6(text))
    expect(unpack(png([stream.subarray(0, 100), stream.subarray(100)]))).toBeUndefined()
  })
})

describe('anything else', () => {
  const files = [
    gzipMember(asGzip9(text), 2, 'name'),
    zipArchive([{ name: 'a', stream: asZlib6(text), method: 8, plain: text }]),
    png([zlibStream(asZlib6(text))]),
  ]

  test('is undefined', () => {
    expect(unpack(text)).toBeUndefined()
    expect(unpack(new Uint8Array())).toBeUndefined()
  })

  test('a damaged file is undefined or comes out the same', () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 })
    fc.assert(
      fc.property(fc.constantFrom(...files), damage, fc.boolean(), (file, changes, isHeader) => {
        const damaged = Buffer.from(file)
        for (const [at, byte] of changes) damaged[at % (isHeader ? 40 : file.length)] = byte
        contentsOf(damaged)
      }),
      { numRuns: 40 },
    )
  })
})
