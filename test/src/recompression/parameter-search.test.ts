import { describe, expect, test } from 'vitest'
import { DeflateEncoder } from '../../../src/recompression/deflate-encoder.ts'
import {
  byGzip,
  byZlib,
  candidatesOf,
  type DeflateStream,
} from '../../../src/recompression/deflate-stream.ts'
import { ParameterSearch } from '../../../src/recompression/parameter-search.ts'
import { readFirstSymbols } from '../../../src/recompression/read-first-symbols.ts'
import { counterStream } from '../../support/byte-recipes.ts'
import { byZlib6, deflateAs, storedStream } from './sample-archives.ts'
import { sampleText } from './sample-content.ts'

const encoder = new DeflateEncoder()
const text = sampleText(30_000)
const noise = counterStream('noise', 2000)

function streamOf(bytes: Uint8Array, plain: Uint8Array): DeflateStream {
  const candidates = candidatesOf([byZlib, byGzip], [])
  return { start: 0, end: bytes.length, plain, candidates }
}

describe('readFirstSymbols', () => {
  test.each([
    ['a dynamic block', text],
    ['a fixed block', text.subarray(0, 60)],
    ['a long run', Buffer.alloc(1000)],
    ['nothing', Buffer.alloc(0)],
  ])('reads what was written: %s', (_, plain) => {
    const written = encoder.firstSymbols(plain, byZlib6, 500)
    expect(readFirstSymbols(deflateAs(byZlib6)(plain), 500)).toEqual(written)
  })

  test('reads no stored block', () => {
    expect(readFirstSymbols(storedStream(text), 500)).toEqual(new Uint32Array())
  })
})

describe('ParameterSearch', () => {
  test('guesses the level from the beginning alone', () => {
    const search = new ParameterSearch(encoder)
    for (const level of [1, 4, 6]) {
      const bytes = deflateAs({ ...byZlib6, level })(text)
      bytes.fill(0, bytes.length >> 1)
      expect(search.guess(bytes, streamOf(bytes, text))).toEqual({ ...byZlib6, level })
    }
  })

  test('asks first what made the stream before', () => {
    const search = new ParameterSearch(encoder)
    const stored = deflateAs(byZlib6)(noise)
    const byZlib4 = { ...byZlib6, level: 4 }
    const bytes = deflateAs(byZlib4)(text)
    expect(search.guess(stored, streamOf(stored, noise))).toEqual(byZlib6)
    expect(search.find(bytes, streamOf(bytes, text))).toEqual(byZlib4)
    expect(search.guess(stored, streamOf(stored, noise))).toEqual(byZlib4)
  })

  test('finds nothing for a stream of another writer', () => {
    const bytes = storedStream(text)
    expect(new ParameterSearch(encoder).find(bytes, streamOf(bytes, text))).toBeUndefined()
  })
})
