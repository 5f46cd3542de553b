/**
 * A multimap from 32-bit keys to items, in 8 bytes a pair however many there are: key and item are one number, of the
 * 53 bits that a number holds exactly, and all of them are sorted.
 */
export class PackedIndex {
  readonly #pairs: Float64Array

  private constructor(pairs: Float64Array) {
    this.#pairs = pairs
  }

  /** The items of a key, ascending; none when there are more than `most`. */
  itemsOf(key: number, most: number): number[] {
    const first = this.#firstFrom(key * maxItems)
    const end = (key + 1) * maxItems
    if ((this.#pairs[first + most] ?? Infinity) < end) return []
    const items: number[] = []
    for (let i = first; (this.#pairs[i] ?? Infinity) < end; i++)
      items.push((this.#pairs[i] as number) % maxItems)
    return items
  }

  #firstFrom(pair: number): number {
    let [low, high] = [0, this.#pairs.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#pairs[middle] as number) < pair) low = middle + 1
      else high = middle
    }
    return low
  }

  static readonly Builder = class {
    #pairs = new Float64Array(1024)
    #count = 0

    /** `key`: 0 … 2³²−1, `item`: below `maxItems`. */
    add(key: number, item: number): void {
      if (this.#count === this.#pairs.length) {
        const larger = new Float64Array(this.#count * 2)
        larger.set(this.#pairs)
        this.#pairs = larger
      }
      this.#pairs[this.#count++] = key * maxItems + item
    }

    build(): PackedIndex {
      return new PackedIndex(this.#pairs.slice(0, this.#count).sort())
    }
  }
}

/** More than any tree has entries. */
export const maxItems = 2 ** 21
