import { DeflateEncoder } from './deflate-encoder.ts'
import { decodeRecipe } from './recipe.ts'
import { RecompressionError } from './recompression-error.ts'

/**
 * The original bytes of what `unpack` made. Reserves no more than `limit` bytes for them, besides what `encoder`
 * holds; pass the same encoder for many small contents. Throws RecompressionError. Whether the result is the right
 * one only its digest tells.
 */
export function repack(
  plain: Uint8Array,
  recipe: Uint8Array,
  limit: number,
  encoder: DeflateEncoder = new DeflateEncoder(),
): Uint8Array<ArrayBuffer> {
  const { outputLength, streams } = decodeRecipe(recipe)
  if (outputLength > limit) {
    throw new RecompressionError(
      'RECIPE_OVER_LIMIT',
      'byte 1',
      `gives ${outputLength} bytes; ${limit} are allowed`,
    )
  }
  const output = new Uint8Array(outputLength)
  let from = 0
  let to = 0
  streams.forEach(({ rawLength, plainLength, parameters }, index) => {
    const place = `stream ${index}`
    const start = from + rawLength
    const end = start + plainLength
    if (end > plain.length)
      throw misfit(place, `needs ${end} bytes of plain content; there are ${plain.length}`)
    if (to + rawLength > outputLength) throw misfit(place, `begins after the declared ${outputLength} bytes`)
    output.set(plain.subarray(from, start), to)
    to = encoder.encode(plain.subarray(start, end), parameters, output, to + rawLength) ?? Infinity
    if (to > outputLength) throw misfit(place, `exceeds the declared ${outputLength} bytes`)
    from = end
  })
  const rest = plain.length - from
  if (to + rest !== outputLength) {
    throw misfit('end', `gives ${to + rest} bytes instead of the declared ${outputLength}`)
  }
  output.set(plain.subarray(from), to)
  return output
}

function misfit(place: string, problem: string): RecompressionError {
  return new RecompressionError('RECIPE_MISMATCH', place, problem)
}
