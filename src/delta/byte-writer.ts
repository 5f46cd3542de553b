import { DeltaError } from './errors.ts'

/** Bytes and integers put one behind another. Integers are unsigned LEB128 up to 2^53 - 1 (DWARF 5, section 7.6). */
export class ByteWriter {
  #bytes = new Uint8Array(256)
  #length = 0

  get length(): number {
    return this.#length
  }

  byte(value: number): void {
    this.#reserve(1)
    this.#bytes[this.#length++] = value
  }

  unsigned(value: number): void {
    if (value < 0 || !Number.isSafeInteger(value)) throw new RangeError(`${value} cannot be written`)
    this.#reserve(8)
    let rest = value
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest % 0x80) | 0x80
      rest = Math.floor(rest / 0x80)
    }
    this.#bytes[this.#length++] = rest
  }

  /** Small numbers of either sign stay short: 0, -1, 1, -2 become 0, 1, 2, 3. */
  signed(value: number): void {
    this.unsigned(value < 0 ? -value * 2 - 1 : value * 2)
  }

  bytes(value: Uint8Array): void {
    this.#reserve(value.length)
    this.#bytes.set(value, this.#length)
    this.#length += value.length
  }

  /** What was written, not copied: valid until the next write. */
  written(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + count))
    grown.set(this.written())
    this.#bytes = grown
  }
}

/** Reads what a `ByteWriter` wrote; whatever does not fit is a DeltaError. */
export class ByteReader {
  readonly #bytes: Uint8Array
  readonly #name: string
  #at = 0

  /** `name` is what errors call these bytes. */
  constructor(bytes: Uint8Array, name: string) {
    this.#bytes = bytes
    this.#name = name
  }

  get remaining(): number {
    return this.#bytes.length - this.#at
  }

  byte(): number {
    return this.take(1)[0] as number
  }

  unsigned(): number {
    let value = 0
    let scale = 1
    for (;;) {
      const byte = this.#bytes[this.#at++]
      if (byte === undefined) throw this.#fault('ends inside an integer')
      value += (byte & 0x7f) * scale
      if (byte < 0x80) break
      scale *= 0x80
      if (scale > 2 ** 49) throw this.#fault('holds an integer of more than 53 bits')
    }
    if (!Number.isSafeInteger(value)) throw this.#fault('holds an integer of more than 53 bits')
    return value
  }

  signed(): number {
    const value = this.unsigned()
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }

  /** A view, not a copy. */
  take(length: number): Uint8Array {
    this.#require(length)
    const taken = this.#bytes.subarray(this.#at, this.#at + length)
    this.#at += length
    return taken
  }

  /** Adds the next `length` bytes to those of `target` from `at` on, each without a carry. */
  addTo(target: Uint8Array, at: number, length: number): void {
    this.#require(length)
    const bytes = this.#bytes
    const shift = this.#at - at
    for (let i = at; i < at + length; i++) target[i] = (target[i] as number) + (bytes[i + shift] as number)
    this.#at += length
  }

  end(): void {
    if (this.remaining > 0) throw this.#fault(`has ${this.remaining} bytes too many`)
  }

  #require(length: number): void {
    if (length > this.remaining) throw this.#fault(`ends ${length - this.remaining} bytes too early`)
  }

  #fault(message: string): DeltaError {
    return new DeltaError('DELTA_CORRUPT', `the ${this.#name} ${message} (at byte ${this.#at})`)
  }
}
