/** More positions than this are not learned: to insert one takes as long as there are others. */
const maxPieces = 1 << 15
/** So many of what was told lately are found at once: a power of two. */
const lateSlots = 1 << 14

/**
 * How positions move, learned from one after another: a position nobody has told of moves like the nearest one below
 * that somebody has. Encoder and decoder tell it the same in the same order, so that both foresee the same.
 */
export class LearnedShifts {
  #starts = new Float64Array(64)
  #shifts = new Float64Array(64)
  #count = 0
  #last = 0
  /** By the lowest bits of a position: one more than it, and its shift. Empty until there is something to learn. */
  #latePositions = new Uint32Array(0)
  #lateShifts = new Float64Array(0)

  /** `position` is less than 2^32. */
  shiftAt(position: number): number {
    const late = position & (lateSlots - 1)
    if (this.#latePositions[late] === position + 1) return this.#lateShifts[late] as number
    const index = this.#indexOf(position)
    if (index >= 0) return this.#shifts[index] as number
    return this.#count > 0 ? (this.#shifts[0] as number) : 0
  }

  learn(position: number, shift: number): void {
    if (this.#latePositions.length === 0) {
      this.#latePositions = new Uint32Array(lateSlots)
      this.#lateShifts = new Float64Array(lateSlots)
    }
    const late = position & (lateSlots - 1)
    if (this.#latePositions[late] === position + 1 && this.#lateShifts[late] === shift) return
    const index = this.#indexOf(position)
    if (index >= 0 && this.#starts[index] === position) this.#shifts[index] = shift
    else if (this.#count < maxPieces) this.#insert(index + 1, position, shift)
    else return
    this.#latePositions[late] = position + 1
    this.#lateShifts[late] = shift
  }

  #insert(index: number, start: number, shift: number): void {
    if (this.#count === this.#starts.length) this.#grow()
    this.#starts.copyWithin(index + 1, index, this.#count)
    this.#shifts.copyWithin(index + 1, index, this.#count)
    this.#starts[index] = start
    this.#shifts[index] = shift
    this.#count++
  }

  #grow(): void {
    const starts = new Float64Array(this.#count * 2)
    starts.set(this.#starts)
    this.#starts = starts
    const shifts = new Float64Array(this.#count * 2)
    shifts.set(this.#shifts)
    this.#shifts = shifts
  }

  /** The last piece at or before `position`, -1 for none. */
  #indexOf(position: number): number {
    const starts = this.#starts
    let low = -1
    let high = this.#count - 1
    const last = this.#last
    if (last <= high && (starts[last] as number) <= position) {
      if (last === high || position < (starts[last + 1] as number)) return last
      low = last + 1
    }
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((starts[middle] as number) <= position) low = middle
      else high = middle - 1
    }
    if (low >= 0) this.#last = low
    return low
  }
}
