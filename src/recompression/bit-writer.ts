/**
 * Bits into bytes, lowest first (RFC 1951 §3.1.1). What does not fit into `output` is dropped, but counted, so
 * `end > output.length` tells that it was too small.
 */
export class BitWriter {
  readonly output: Uint8Array
  /** How many bytes are whole. */
  end: number
  #bits = 0
  #bitCount = 0

  constructor(output: Uint8Array, start: number) {
    this.output = output
    this.end = start
  }

  /** `value` has `count` bits, 16 at most. */
  put(value: number, count: number): void {
    this.#bits |= value << this.#bitCount
    this.#bitCount += count
    while (this.#bitCount >= 8) {
      this.output[this.end++] = this.#bits
      this.#bits >>>= 8
      this.#bitCount -= 8
    }
  }

  /** Fills the last byte up with zeros. */
  align(): void {
    if (this.#bitCount > 0) this.put(0, 8 - this.#bitCount)
  }

  /** Whole bytes, after `align`. */
  putBytes(bytes: Uint8Array): void {
    const room = Math.max(0, this.output.length - this.end)
    if (room > 0) this.output.set(bytes.subarray(0, room), this.end)
    this.end += bytes.length
  }
}
