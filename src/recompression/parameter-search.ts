import type { DeflateEncoder } from './deflate-encoder.ts'
import { packParameters, type DeflateParameters } from './deflate-parameters.ts'
import type { DeflateStream } from './deflate-stream.ts'
import { readFirstSymbols } from './read-first-symbols.ts'

/** Symbols of a stream's beginning that are compared: enough to tell most levels apart, few enough to cost nothing. */
const comparedSymbols = 512

/** Finds what made a stream. What made the one before is asked first: an archive's members are of one writer. */
export class ParameterSearch {
  readonly #encoder: DeflateEncoder
  #latest: DeflateParameters | undefined

  constructor(encoder: DeflateEncoder) {
    this.#encoder = encoder
  }

  /** The first candidate that begins the stream in the same way; it may yet go on in another. */
  guess(bytes: Uint8Array, stream: DeflateStream): DeflateParameters | undefined {
    return this.#keep(this.#plausible(bytes, stream).next().value)
  }

  /** The first candidate that makes the whole stream. */
  find(bytes: Uint8Array, stream: DeflateStream): DeflateParameters | undefined {
    for (const parameters of this.#plausible(bytes, stream)) {
      if (this.#makes(bytes.subarray(stream.start, stream.end), stream.plain, parameters)) {
        return this.#keep(parameters)
      }
    }
    return undefined
  }

  #keep(parameters: DeflateParameters | undefined): DeflateParameters | undefined {
    if (parameters !== undefined) this.#latest = parameters
    return parameters
  }

  *#plausible(bytes: Uint8Array, stream: DeflateStream): Generator<DeflateParameters, undefined> {
    const wanted = readFirstSymbols(bytes.subarray(stream.start, stream.end), comparedSymbols)
    for (const parameters of this.#latestFirst(stream.candidates)) {
      const symbols = this.#encoder.firstSymbols(stream.plain, parameters, comparedSymbols)
      if (beginAlike(symbols, wanted)) yield parameters
    }
    return undefined
  }

  #latestFirst(candidates: readonly DeflateParameters[]): readonly DeflateParameters[] {
    if (this.#latest === undefined) return candidates
    const latest = packParameters(this.#latest)
    const found = candidates.filter((candidate) => packParameters(candidate) === latest)
    return [...found, ...candidates.filter((candidate) => !found.includes(candidate))]
  }

  #makes(stream: Uint8Array, plain: Uint8Array, parameters: DeflateParameters): boolean {
    const output = new Uint8Array(stream.length)
    let compared = 0
    const isSame = (end: number): boolean => {
      const same = end <= stream.length && equal(output, stream, compared, end)
      compared = end
      return same
    }
    return this.#encoder.encode(plain, parameters, output, 0, isSame) === stream.length
  }
}

function beginAlike(a: Uint32Array, b: Uint32Array): boolean {
  const count = Math.min(a.length, b.length)
  for (let i = 0; i < count; i++) if (a[i] !== b[i]) return false
  return true
}

function equal(a: Uint8Array, b: Uint8Array, from: number, to: number): boolean {
  return Buffer.compare(a.subarray(from, to), b.subarray(from, to)) === 0
}
