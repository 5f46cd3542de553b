import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { packParameters, unpackParameters } from '../../../src/recompression/deflate-parameters.ts'
import { decodeRecipe, encodeRecipe, type Recipe } from '../../../src/recompression/recipe.ts'
import { RecompressionError } from '../../../src/recompression/recompression-error.ts'
import { repack } from '../../../src/recompression/repack.ts'
import { byGzip9, byZlib6, deflateAs } from './sample-archives.ts'
import { sampleText } from './sample-content.ts'

const text = sampleText(2000)
const stream = deflateAs(byGzip9)(text)
const plain = Buffer.concat([Buffer.from('head'), text, Buffer.from('tail')])
const original = Buffer.concat([Buffer.from('head'), stream, Buffer.from('tail')])

function recipeWith(change: Partial<Recipe['streams'][number]>, outputLength = original.length): Uint8Array {
  const usual = { rawLength: 4, plainLength: text.length, parameters: byGzip9 }
  return encodeRecipe({ outputLength, streams: [{ ...usual, ...change }] })
}

function refusal(recipe: Uint8Array, limit = 1 << 20): string {
  try {
    repack(plain, recipe, limit)
  } catch (error) {
    expect(error).toBeInstanceOf(RecompressionError)
    return error instanceof RecompressionError ? `${error.code} ${error.place}` : ''
  }
  return 'was accepted'
}

describe('a recipe', () => {
  const anyParameters = fc
    .nat((1 << 14) - 1)
    .map(unpackParameters)
    .filter((parameters) => parameters !== undefined)
  const anyLength = fc.oneof(fc.nat(300), fc.maxSafeNat())
  const anyRecipe = fc.record({
    outputLength: anyLength,
    streams: fc.array(fc.record({ rawLength: anyLength, plainLength: anyLength, parameters: anyParameters })),
  })

  test('is read as it was written', () => {
    fc.assert(
      fc.property(anyRecipe, (recipe) => {
        expect(decodeRecipe(encodeRecipe(recipe))).toEqual(recipe)
      }),
    )
  })

  test('has one form only: what is read is written the same, or refused', () => {
    fc.assert(
      fc.property(anyRecipe, fc.nat(), fc.nat(255), (recipe, at, byte) => {
        const bytes = encodeRecipe(recipe)
        bytes[at % bytes.length] = byte
        try {
          expect(decodeRecipe(bytes).streams.length).toBeLessThanOrEqual(bytes.length)
        } catch (error) {
          expect(error).toBeInstanceOf(RecompressionError)
        }
      }),
    )
  })

  test('the usual parameters take one byte', () => {
    expect(packParameters(byGzip9)).toBeLessThan(128)
    expect(packParameters(byZlib6)).toBeLessThan(128)
    expect(packParameters({ ...byZlib6, memoryLevel: 9 })).toBeLessThan(128)
  })

  test('every number stands for one set of parameters, or none', () => {
    const known = Array.from({ length: 1 << 15 }, (_, packed) => packed).filter((packed) => {
      const parameters = unpackParameters(packed)
      return parameters !== undefined && packParameters(parameters) === packed
    })
    // gzip's nine levels; zlib's nine, nine memory levels, seven windows, filtered or not.
    expect(known.length).toBe(9 + 9 * 9 * 7 * 2)
  })
})

describe('repack', () => {
  test('makes the original', () => {
    expect(Buffer.compare(repack(plain, recipeWith({}), original.length), original)).toBe(0)
  })

  test('content without streams is itself', () => {
    const recipe = encodeRecipe({ outputLength: plain.length, streams: [] })
    expect(Buffer.compare(repack(plain, recipe, plain.length), plain)).toBe(0)
  })

  test.each<[string, string, Uint8Array]>([
    ['nothing', 'RECIPE_MALFORMED byte 0', Uint8Array.of()],
    ['another version', 'RECIPE_UNKNOWN byte 0', Uint8Array.of(2, 0, 0, 0)],
    ['cut off', 'RECIPE_MALFORMED byte 3', Uint8Array.of(1, 5, 0)],
    ['cut off in a number', 'RECIPE_MALFORMED byte 2', Uint8Array.of(1, 0x85)],
    ['a number with a needless byte', 'RECIPE_MALFORMED byte 2', Uint8Array.of(1, 0x85, 0, 0, 0)],
    [
      'a number of 54 bits',
      'RECIPE_MALFORMED byte 1',
      Uint8Array.of(1, ...Buffer.alloc(7, 0xff), 0x7f, 0, 0),
    ],
    ['more parameters than bytes', 'RECIPE_MALFORMED byte 3', Uint8Array.of(1, 5, 9, 25)],
    [
      'more streams than bytes',
      'RECIPE_MALFORMED byte 9',
      Uint8Array.of(1, 5, 1, 25, 0xff, 0xff, 0xff, 0xff, 15),
    ],
    ['no such level', 'RECIPE_UNKNOWN byte 3', Uint8Array.of(1, 5, 1, 10, 0)],
    ['no such window', 'RECIPE_UNKNOWN byte 3', Uint8Array.of(1, 5, 1, 0x86, 0x80, 1, 0)],
    ['a choice that is not there', 'RECIPE_MALFORMED byte 8', Uint8Array.of(1, 5, 2, 6, 25, 1, 0, 0, 2)],
    ['streams without parameters', 'RECIPE_MALFORMED byte 6', Uint8Array.of(1, 5, 0, 1, 0, 0)],
    ['bytes after it', 'RECIPE_MALFORMED byte 4', Uint8Array.of(1, 5, 0, 0, 0)],
    ['more content than there is', 'RECIPE_MISMATCH stream 0', recipeWith({ plainLength: 3000 })],
    [
      'more raw bytes than the output has',
      'RECIPE_MISMATCH stream 0',
      recipeWith({ rawLength: 1000, plainLength: 1 }, 900),
    ],
    ['a stream longer than declared', 'RECIPE_MISMATCH stream 0', recipeWith({}, stream.length + 3)],
    ['no room for the end', 'RECIPE_MISMATCH end', recipeWith({}, original.length - 1)],
    ['other parameters', 'RECIPE_MISMATCH stream 0', recipeWith({ parameters: { ...byGzip9, level: 1 } })],
    ['too long an output', 'RECIPE_MISMATCH end', recipeWith({}, original.length + 1)],
  ])('refuses %s', (_, expected, recipe) => {
    expect(refusal(recipe)).toBe(expected)
  })

  test('refuses more output than allowed, however little there is', () => {
    expect(refusal(recipeWith({}), original.length - 1)).toBe('RECIPE_OVER_LIMIT byte 1')
    expect(refusal(recipeWith({}, Number.MAX_SAFE_INTEGER))).toBe('RECIPE_OVER_LIMIT byte 1')
  })
})
