import {
  distanceBase,
  distanceExtraBits,
  endOfBlock,
  fixedDistanceLengths,
  fixedLiteralLengths,
  lengthBase,
  lengthCodeCodes,
  lengthCodeOrder,
  lengthExtraBits,
  maxCodeBits,
} from './deflate-codes.ts'

/**
 * The first `limit` symbols (see SymbolBlock) of a deflate stream, or as many as its first block has: none when that
 * is stored. The stream must be known to be whole, as one that was inflated is.
 */
export function readFirstSymbols(stream: Uint8Array, limit: number): Uint32Array {
  const bits = new BitReader(stream)
  const type = bits.take(3) >> 1
  if (type === 0) return new Uint32Array()
  const [literals, distances] =
    type === 1 ? [new Decoder(fixedLiteralLengths), new Decoder(fixedDistanceLengths)] : readDecoders(bits)
  const symbols = new Uint32Array(limit)
  let count = 0
  while (count < limit) {
    const symbol = literals.next(bits)
    if (symbol === endOfBlock) break
    symbols[count++] = symbol < endOfBlock ? symbol : readMatch(symbol - endOfBlock - 1, distances, bits)
  }
  return symbols.subarray(0, count)
}

function readMatch(lengthCode: number, distances: Decoder, bits: BitReader): number {
  const length = (lengthBase[lengthCode] as number) + bits.take(lengthExtraBits[lengthCode] as number)
  const code = distances.next(bits)
  const distance = (distanceBase[code] as number) + bits.take(distanceExtraBits[code] as number) + 1
  return (distance << 8) | length
}

/** The trees of a dynamic block (RFC 1951 §3.2.7). */
function readDecoders(bits: BitReader): [Decoder, Decoder] {
  const literalCount = bits.take(5) + 257
  const distanceCount = bits.take(5) + 1
  const orderCount = bits.take(4) + 4
  const codeLengths = new Uint8Array(lengthCodeCodes)
  for (const symbol of lengthCodeOrder.subarray(0, orderCount)) codeLengths[symbol] = bits.take(3)
  const decoder = new Decoder(codeLengths)
  const lengths = new Uint8Array(literalCount + distanceCount)
  for (let at = 0; at < lengths.length;) {
    const symbol = decoder.next(bits)
    if (symbol < 16) lengths[at++] = symbol
    else {
      const value = symbol === 16 ? (lengths[at - 1] as number) : 0
      const times = symbol === 16 ? 3 + bits.take(2) : symbol === 17 ? 3 + bits.take(3) : 11 + bits.take(7)
      lengths.fill(value, at, at + times)
      at += times
    }
  }
  return [new Decoder(lengths.subarray(0, literalCount)), new Decoder(lengths.subarray(literalCount))]
}

/** Canonical Huffman codes, one bit at a time: slow, and enough for a few hundred symbols. */
class Decoder {
  readonly #counts = new Uint16Array(maxCodeBits + 1)
  /** By length, then by value. */
  readonly #symbols: Uint16Array

  constructor(lengths: Uint8Array) {
    const symbols: number[] = []
    for (let bits = 1; bits <= maxCodeBits; bits++) {
      lengths.forEach((length, symbol) => {
        if (length === bits) symbols.push(symbol)
      })
    }
    for (const symbol of symbols) {
      const length = lengths[symbol] as number
      this.#counts[length] = (this.#counts[length] as number) + 1
    }
    this.#symbols = Uint16Array.from(symbols)
  }

  next(bits: BitReader): number {
    let code = 0
    let first = 0
    let index = 0
    for (let length = 1; length <= maxCodeBits; length++) {
      code |= bits.take(1)
      const count = this.#counts[length] as number
      if (code - first < count) return this.#symbols[index + code - first] as number
      index += count
      first = (first + count) << 1
      code <<= 1
    }
    return endOfBlock
  }
}

class BitReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** Past the end there are zeros. */
  take(count: number): number {
    let value = 0
    for (let i = 0; i < count; i++, this.#at++) {
      value |= (((this.#bytes[this.#at >> 3] ?? 0) >> (this.#at & 7)) & 1) << i
    }
    return value
  }
}
