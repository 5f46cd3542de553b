/** A table of this many places is never more than half full. */
const places = 1 << 17
/** So that values made to collide cost no time. */
const maxProbes = 64

/** What 32-bit values become, learned from one after another. A value nobody has told of stays what it is. */
export class LearnedValues {
  #keys = new Uint32Array(0)
  #values = new Uint32Array(0)
  #count = 0

  /** Unsigned, as `value` is. */
  valueOf(value: number): number {
    if (this.#count === 0) return value
    const place = this.#placeOf(value)
    return place !== undefined && this.#keys[place] === value ? (this.#values[place] as number) : value
  }

  learn(value: number, becomes: number): void {
    // 0 marks a free place.
    if (value === 0) return
    if (this.#count === 0) {
      this.#keys = new Uint32Array(places)
      this.#values = new Uint32Array(places)
    }
    const place = this.#placeOf(value)
    if (place === undefined) return
    if (this.#keys[place] !== value) {
      if (this.#count === places / 2) return
      this.#keys[place] = value
      this.#count++
    }
    this.#values[place] = becomes
  }

  /** Where `value` is or would be; undefined if too many others are there. */
  #placeOf(value: number): number | undefined {
    const keys = this.#keys
    const first = Math.imul(value, 0x9e37_79b1) >>> 15
    for (let probe = 0; probe < maxProbes; probe++) {
      const place = (first + probe) % places
      if (keys[place] === 0 || keys[place] === value) return place
    }
    return undefined
  }
}
