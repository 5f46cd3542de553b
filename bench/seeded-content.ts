import { createCipheriv, createHash } from 'node:crypto'

/** Numbers and bytes that are the same for the same seed on every machine: no logarithm, no power, no clock. */
export class SeededContent {
  readonly #noise: ReturnType<typeof createCipheriv>
  readonly #words: readonly Buffer[]
  #draws: Buffer = Buffer.alloc(0)
  #drawn = 0

  constructor(seed: string) {
    const key = createHash('sha256').update(seed).digest()
    this.#noise = createCipheriv('aes-128-ctr', key.subarray(0, 16), key.subarray(16))
    this.#words = this.#makeWords()
  }

  /** An integer of `below` possible ones, from 0. */
  integer(below: number): number {
    return Math.floor(this.fraction() * below)
  }

  /** At least 0 and less than 1. */
  fraction(): number {
    if (this.#drawn === this.#draws.length) {
      this.#draws = this.noise(64 * 1024)
      this.#drawn = 0
    }
    const draw = this.#draws.readUInt32LE(this.#drawn)
    this.#drawn += 4
    return draw / 2 ** 32
  }

  /** A size between two bounds, the double of a size about as likely as the size. */
  size(least: number, most: number): number {
    const bounds = [least]
    for (let bound = least * 2; bound < most; bound *= 2) bounds.push(bound)
    const from = bounds[this.integer(bounds.length)] ?? least
    return from + this.integer(Math.min(from * 2, most) - from)
  }

  /** Bytes that no compressor makes smaller. */
  noise(length: number): Buffer {
    return this.#noise.update(Buffer.alloc(length))
  }

  /** Lines of words, few of them common, which compress about as source code does. */
  prose(length: number): Buffer {
    const text = Buffer.allocUnsafe(length)
    let end = 0
    while (end < length) {
      const rank = this.fraction()
      const word = this.#words[Math.floor(this.#words.length * rank * rank * rank)]
      if (word === undefined) throw new Error('no words')
      end += word.copy(text, end)
      if (end < length) text[end++] = this.integer(10) === 0 ? 0x0a : 0x20
    }
    return text
  }

  #makeWords(): Buffer[] {
    return Array.from({ length: 8192 }, () => {
      const letters = Array.from({ length: 2 + this.integer(9) }, () => 0x61 + this.integer(26))
      return Buffer.from(letters)
    })
  }
}

/** Bits of Shannon entropy a byte, taken one by one. */
export function byteEntropy(content: Uint8Array): number {
  const counts = new Float64Array(256)
  for (const byte of content) counts[byte] = (counts[byte] ?? 0) + 1
  let bits = 0
  for (const count of counts) {
    if (count > 0) bits -= (count / content.length) * Math.log2(count / content.length)
  }
  return bits
}
