import type { Btf } from './btf.ts'
import type { ReadAt } from './elf.ts'

const maxNames = 1 << 17
/** Longer names are not looked through for their end. */
const maxNameBytes = 1024
/** Positions are less, as a section is: two of them make a number that is exact. */
const maxPosition = 2 ** 26

/**
 * Where the strings of a BTF section have gone, learned from the names of types. Tools write strings in the order in
 * which types first name them: a string not seen before is thought to follow the last that was new. Once all types
 * are known, so are the strings: `fill` puts them where they belong.
 */
export class BtfStrings {
  readonly #bytes: Uint8Array
  /** By position: what became of it, if it was seen. */
  readonly #became: Int32Array
  readonly #isSeen: Uint8Array
  /** The positions that were seen, in that order. */
  #seen = new Uint32Array(256)
  #seenCount = 0
  readonly #growth: number
  #next: number

  /** `growth`: how much the base grew, by which everything is further behind. */
  constructor(btf: Btf, readBasis: ReadAt, growth: number) {
    this.#bytes = readBasis(btf.strings, btf.stringsEnd - btf.strings)
    this.#became = new Int32Array(this.#bytes.length)
    this.#isSeen = new Uint8Array(this.#bytes.length)
    this.#growth = growth
    this.#next = growth + 1
  }

  /** Modulo 2^32. */
  map(position: number): number {
    return this.#isSeen[position] === 1 ? (this.#became[position] as number) : this.#next
  }

  settle(position: number, became: number): void {
    this.#remember(position, became)
    if (became < this.#next) return
    const end = this.#endOf(position)
    if (end !== undefined) this.#next = became + end - position + 1
  }

  /** Writes what is known of the strings from `from` to `to`, as positions, to the start of `target`. */
  fill(target: Uint8Array, from: number, to: number): void {
    const sorted = this.#byPlace()
    for (let index = 0; index < sorted.length; index++) {
      const place = Math.floor((sorted[index] as number) / maxPosition)
      if (place >= to) return
      const position = (sorted[index] as number) % maxPosition
      const next = sorted[index + 1]
      const start = Math.max(from, place)
      const end = next === undefined ? to : Math.min(to, Math.floor(next / maxPosition))
      const source = position + start - place
      const length = Math.min(end - start, this.#bytes.length - source)
      copyBytes(this.#bytes, source, target, start - from, length)
    }
  }

  #remember(position: number, became: number): void {
    if (position < 0 || position >= this.#bytes.length || this.#seenCount === maxNames) return
    this.#became[position] = became
    if (this.#isSeen[position] === 1) return
    this.#isSeen[position] = 1
    if (this.#seenCount === this.#seen.length) {
      const seen = new Uint32Array(this.#seenCount * 2)
      seen.set(this.#seen)
      this.#seen = seen
    }
    this.#seen[this.#seenCount++] = position
  }

  /** Where the NUL of a string is, unless that is too far. */
  #endOf(position: number): number | undefined {
    const last = Math.min(position + maxNameBytes, this.#bytes.length)
    for (let at = position; at < last; at++) if (this.#bytes[at] === 0) return at
    return undefined
  }

  /** Of all positions seen: where each is in the target, times `maxPosition`, and where it was; ascending. */
  #byPlace(): Float64Array {
    const places = new Float64Array(this.#seenCount)
    let count = 0
    let isSorted = true
    for (let index = 0; index < this.#seenCount; index++) {
      const position = this.#seen[index] as number
      const place = (this.#became[position] as number) - this.#growth
      if (place < 0 || place >= maxPosition) continue
      const value = place * maxPosition + position
      isSorted &&= count === 0 || (places[count - 1] as number) < value
      places[count++] = value
    }
    const found = places.subarray(0, count)
    return isSorted ? found : found.sort()
  }
}

/** Most names are so short that a call into the engine takes longer. */
function copyBytes(source: Uint8Array, from: number, target: Uint8Array, to: number, length: number): void {
  if (length > 64) target.set(source.subarray(from, from + length), to)
  else for (let at = 0; at < length; at++) target[to + at] = source[from + at] as number
}
