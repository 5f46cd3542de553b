import type { Btf } from './btf.ts'
import type { ReadAt } from './elf.ts'

const maxNames = 1 << 17

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
    const end = this.#bytes.indexOf(0, position)
    if (end >= position) this.#next = became + end - position + 1
  }

  /** Writes what is known of the strings from `from` to `to`, as positions, to the start of `target`. */
  fill(target: Uint8Array, from: number, to: number): void {
    if (this.#seen.size === 0) return
    const pairs = [...this.#seen].sort((a, b) => a[1] - b[1])
    for (const [index, [position, became]] of pairs.entries()) {
      const next = pairs[index + 1]
      const start = Math.max(from, became - this.#growth)
      const end = Math.min(to, next === undefined ? to : next[1] - this.#growth)
      if (start >= end) continue
      const skipped = start - (became - this.#growth)
      const known = this.#bytes.subarray(position + skipped, position + skipped + end - start)
      target.set(known, start - from)
    }
  }
}
