import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ByteReader, ByteWriter } from '../../../src/delta/byte-writer.ts'

const most = Number.MAX_SAFE_INTEGER
const half = 2 ** 52

type Written =
  | { readonly unsigned: number }
  | { readonly signed: number }
  | { readonly byte: number }
  | { readonly bytes: Uint8Array }

const numbers = fc.oneof(
  fc.nat(300),
  fc.maxSafeNat(),
  fc.constantFrom(0, 127, 128, 16_383, 16_384, 2 ** 49, most),
)
const written: fc.Arbitrary<Written> = fc.oneof(
  fc.record({ unsigned: numbers }),
  fc.record({
    signed: fc.oneof(fc.integer({ min: -300, max: 300 }), fc.integer({ min: -half, max: half - 1 })),
  }),
  fc.record({ byte: fc.nat(255) }),
  fc.record({ bytes: fc.uint8Array({ maxLength: 700 }) }),
)

test('what was written is read', () => {
  fc.assert(
    fc.property(fc.array(written), (all) => {
      const writer = new ByteWriter()
      for (const one of all) {
        if ('unsigned' in one) writer.unsigned(one.unsigned)
        else if ('signed' in one) writer.signed(one.signed)
        else if ('byte' in one) writer.byte(one.byte)
        else writer.bytes(one.bytes)
      }
      expect(writer.written()).toHaveLength(writer.length)
      const reader = new ByteReader(writer.written(), 'test')
      for (const one of all) {
        if ('unsigned' in one) expect(reader.unsigned()).toBe(one.unsigned)
        else if ('signed' in one) expect(reader.signed()).toBe(one.signed)
        else if ('byte' in one) expect(reader.byte()).toBe(one.byte)
        else expect(reader.take(one.bytes.length)).toEqual(one.bytes)
      }
      reader.end()
    }),
  )
})

test.each([
  [0, [0]],
  [127, [0x7f]],
  [128, [0x80, 1]],
  [most, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]],
])('%i takes these bytes', (value, bytes) => {
  const writer = new ByteWriter()
  writer.unsigned(value)
  expect([...writer.written()]).toEqual(bytes)
})

test('small numbers of either sign take one byte', () => {
  const writer = new ByteWriter()
  for (const value of [0, -1, 1, -2, 63, -64]) writer.signed(value)
  expect([...writer.written()]).toEqual([0, 1, 2, 3, 126, 127])
})

test.each([-1, 2 ** 53, 0.5, NaN, Infinity])('%d cannot be written', (value) => {
  expect(() => new ByteWriter().unsigned(value)).toThrow(RangeError)
})

describe('bytes that nobody wrote', () => {
  test.each<[string, number[], (reader: ByteReader) => unknown]>([
    ['ends inside an integer', [0x80, 0x80], (reader) => reader.unsigned()],
    ['ends inside an integer', [], (reader) => reader.signed()],
    ['of more than 53 bits', [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x10], (reader) => reader.unsigned()],
    ['of more than 53 bits', Array.from({ length: 40 }, () => 0x80), (reader) => reader.unsigned()],
    ['ends 3 bytes too early', [1], (reader) => reader.take(4)],
    ['ends 1 bytes too early', [], (reader) => reader.byte()],
    ['has 2 bytes too many', [1, 2], (reader) => reader.end()],
  ])('%s', (said, bytes, read) => {
    const reader = new ByteReader(Uint8Array.from(bytes), 'stream of tests')
    expect(() => read(reader)).toThrow(
      expect.objectContaining({
        code: 'DELTA_CORRUPT',
        message: expect.stringContaining(said) as string,
      }) as Error,
    )
    expect(() => read(reader)).toThrow(/^the stream of tests /)
  })
})
