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
  /** Of positions, counted from the first string: what became of each. */
  readonly #seen = new Map<number, number>()
  readonly #growth: number
  #next: number

  /** `growth`: how much the base grew, by which everything is further behind. */
  constructor(btf: Btf, readBasis: ReadAt, growth: number) {
    this.#bytes = readBasis(btf.strings, btf.stringsEnd - btf.strings)
    this.#growth = growth
    this.#next = growth + 1
  }

  map(position: number): number {
    return this.#seen.get(position) ?? this.#next
  }

  settle(position: number, became: number): void {
    if (this.#seen.size < maxNames) this.#seen.set(position, became)
    if (became < this.#next) return
    const length = this.#bytes.subarray(position, position + maxNameBytes).indexOf(0)
    if (length >= 0) this.#next = became + length + 1
  }

  /** Writes what is known of the strings from `from` to `to`, as positions, to the start of `target`. */
  fill(target: Uint8Array, from: number, to: number): void {
    if (this.#seen.size === 0) return
    const sorted = this.#byPlace()
    for (let index = 0; index < sorted.length; index++) {
      const place = Math.floor((sorted[index] as number) / maxPosition)
      const position = (sorted[index] as number) % maxPosition
      const next = sorted[index + 1]
      const start = Math.max(from, place)
      const end = next === undefined ? to : Math.min(to, Math.floor(next / maxPosition))
      const source = position + start - place
      const last = Math.min(source + end - start, this.#bytes.length)
      for (let at = source; at < last; at++) target[at - source + start - from] = this.#bytes[at] as number
    }
  }

  /** Of all positions seen: where each is in the target, times `maxPosition`, and where it was; ascending. */
  #byPlace(): Float64Array {
    const sorted = new Float64Array(this.#seen.size)
    let count = 0
    for (const [position, became] of this.#seen) {
      const place = became - this.#growth
      if (place >= 0 && place < maxPosition) sorted[count++] = place * maxPosition + position
    }
    return sorted.subarray(0, count).sort()
  }
}
