/** The fixed tables of RFC 1951 §3.2.5 to §3.2.7. */

export const minMatch = 3
export const maxMatch = 258

export const endOfBlock = 256
export const literalCodes = 286
export const distanceCodes = 30
/** Codes 286 and 287 of the fixed tree are never sent, but have their places in it. */
export const fixedLiteralCodes = 288
export const lengthCodeCodes = 19

/** The longest code of literals, lengths and distances, and of code lengths, in bits. */
export const maxCodeBits = 15
export const maxLengthCodeBits = 7

/** The order in which the lengths of the code length codes are sent. */
export const lengthCodeOrder = Uint8Array.of(16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)

/** Extra bits of length codes 257 to 285. */
export const lengthExtraBits = Uint8Array.from([
  0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
])

/** Extra bits of distance codes 0 to 29. */
export const distanceExtraBits = Uint8Array.from({ length: distanceCodes }, (_, code) =>
  code < 2 ? 0 : (code >> 1) - 1,
)

/** Extra bits of the code length codes: only 16, 17 and 18 repeat. */
export const lengthCodeExtraBits = Uint8Array.from({ length: lengthCodeCodes }, (_, code) =>
  code === 16 ? 2 : code === 17 ? 3 : code === 18 ? 7 : 0,
)

/** The shortest match of each length code, less `minMatch`. 258 has a code of its own. */
export const lengthBase = sumsOf(lengthExtraBits)
lengthBase[28] = maxMatch - minMatch

/** The shortest distance of each code, less one. */
export const distanceBase = sumsOf(distanceExtraBits)

/** The code (less 257) of each match length less `minMatch`. */
export const lengthCodeOf = Uint8Array.from({ length: 256 }, (_, length) => lastAtMost(lengthBase, length))

/** The code of distance − 1 when that is below 256; else at 256 + ((distance − 1) >> 7). */
export const distanceCodeOf = Uint8Array.from({ length: 512 }, (_, index) =>
  lastAtMost(distanceBase, index < 256 ? index : (index - 256) << 7),
)

/** RFC 1951 §3.2.6. */
export const fixedLiteralLengths = Uint8Array.from({ length: fixedLiteralCodes }, (_, code) =>
  code < 144 ? 8 : code < 256 ? 9 : code < 280 ? 7 : 8,
)
export const fixedDistanceLengths = new Uint8Array(distanceCodes).fill(5)

function sumsOf(extraBits: Uint8Array): Uint16Array {
  let next = 0
  return Uint16Array.from(extraBits, (bits) => {
    const base = next
    next += 1 << bits
    return base
  })
}

function lastAtMost(bases: Uint16Array, value: number): number {
  let code = bases.length - 1
  while ((bases[code] as number) > value) code--
  return code
}

/** The canonical code of each length (RFC 1951 §3.2.2), its bits reversed, as they are sent. */
export function canonicalCodes(lengths: Uint8Array): Uint16Array {
  const next = firstCodes(lengths)
  const codes = new Uint16Array(lengths.length)
  for (let symbol = 0; symbol < lengths.length; symbol++) {
    const bits = lengths[symbol] as number
    if (bits === 0) continue
    const code = next[bits] as number
    codes[symbol] = reverse(code, bits)
    next[bits] = code + 1
  }
  return codes
}

function firstCodes(lengths: Uint8Array): Uint32Array {
  const counts = new Uint32Array(maxCodeBits + 1)
  for (const bits of lengths) counts[bits] = (counts[bits] as number) + 1
  counts[0] = 0
  const first = new Uint32Array(maxCodeBits + 1)
  let code = 0
  for (let bits = 1; bits <= maxCodeBits; bits++) {
    code = (code + (counts[bits - 1] as number)) << 1
    first[bits] = code
  }
  return first
}

function reverse(code: number, bits: number): number {
  let reversed = 0
  for (let i = 0, rest = code; i < bits; i++, rest >>= 1) reversed = (reversed << 1) | (rest & 1)
  return reversed
}
