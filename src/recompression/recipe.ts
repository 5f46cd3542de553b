import { packParameters, unpackParameters, type DeflateParameters } from './deflate-parameters.ts'
import { RecompressionError } from './recompression-error.ts'

/** A deflate stream, and the bytes before it that are as they are. */
export interface RecipeStream {
  readonly rawLength: number
  /** Of what it inflates to. */
  readonly plainLength: number
  readonly parameters: DeflateParameters
}

/** How plain content becomes the original bytes again. What follows the last stream's content is raw. */
export interface Recipe {
  /** Of the original. */
  readonly outputLength: number
  readonly streams: readonly RecipeStream[]
}

const version = 1

/**
 * Version, output length, the different parameters (count, then each), the count of streams; then for all streams
 * their raw lengths, their plain lengths and, if there is a choice, which parameters: column by column, for the many
 * streams of an archive are alike. All numbers are LEB128, of the fewest bytes.
 */
export function encodeRecipe({ outputLength, streams }: Recipe): Uint8Array {
  const indexes = new Map<number, number>()
  for (const { parameters } of streams) {
    const packed = packParameters(parameters)
    if (!indexes.has(packed)) indexes.set(packed, indexes.size)
  }
  const numbers = [version, outputLength, indexes.size, ...indexes.keys(), streams.length]
  for (const { rawLength } of streams) numbers.push(rawLength)
  for (const { plainLength } of streams) numbers.push(plainLength)
  if (indexes.size > 1) {
    for (const { parameters } of streams) numbers.push(indexes.get(packParameters(parameters)) ?? 0)
  }
  return Uint8Array.from(numbers.flatMap(bytesOfNumber))
}

/** Throws RecompressionError. Takes memory in proportion to the recipe's bytes only. */
export function decodeRecipe(bytes: Uint8Array): Recipe {
  const reader = new NumberReader(bytes)
  const found = reader.next()
  if (found !== version) {
    throw new RecompressionError(
      'RECIPE_UNKNOWN',
      'byte 0',
      `version ${found}; this program knows ${version}`,
    )
  }
  const outputLength = reader.next()
  const choices = reader.nextMany(reader.next(), (packed, place) => knownParameters(packed, place))
  const count = reader.next()
  const rawLengths = reader.nextMany(count, (length) => length)
  const plainLengths = reader.nextMany(count, (length) => length)
  const parameters =
    choices.length === 1
      ? rawLengths.map(() => choices[0])
      : reader.nextMany(
          count,
          (index, place) => choices[index] ?? reader.fail(place, `no parameters ${index}`),
        )
  if (!reader.isAtEnd) return reader.fail(reader.at, 'bytes after the end')
  const streams = rawLengths.map((rawLength, i) => ({
    rawLength,
    plainLength: plainLengths[i] as number,
    parameters: parameters[i] as DeflateParameters,
  }))
  return { outputLength, streams }
}

function knownParameters(packed: number, place: number): DeflateParameters {
  const parameters = unpackParameters(packed)
  if (parameters !== undefined) return parameters
  throw new RecompressionError('RECIPE_UNKNOWN', `byte ${place}`, `no such parameters: ${packed}`)
}

function bytesOfNumber(number: number): number[] {
  const bytes: number[] = []
  let rest = number
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
  bytes.push(rest)
  return bytes
}

class NumberReader {
  at = 0
  readonly #bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.at === this.#bytes.length
  }

  next(): number {
    const start = this.at
    let number = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#bytes[this.at]
      if (byte === undefined) return this.fail(this.at, 'ends too soon')
      if (byte === 0 && scale > 1) return this.fail(this.at, 'a number of more bytes than it needs')
      this.at++
      number += (byte & 127) * scale
      if (number > Number.MAX_SAFE_INTEGER) return this.fail(start, 'a number of more than 53 bits')
      if (byte < 128) return number
    }
  }

  nextMany<Value>(count: number, take: (number: number, place: number) => Value): Value[] {
    // Each takes a byte at least: a count alone reserves no memory.
    if (count > this.#bytes.length - this.at) return this.fail(this.at, `fewer than ${count} numbers follow`)
    const values: Value[] = []
    while (values.length < count) {
      const place = this.at
      values.push(take(this.next(), place))
    }
    return values
  }

  fail(place: number, problem: string): never {
    throw new RecompressionError('RECIPE_MALFORMED', `byte ${place}`, problem)
  }
}
