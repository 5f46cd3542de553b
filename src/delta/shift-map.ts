/**
 * A function of positions that is piecewise a shift: a position is moved by the shift of the last piece that starts
 * at or before it, a position before all pieces by the shift of the first. Built once, asked very often.
 */
export class ShiftMap {
  readonly #starts: Float64Array
  readonly #shifts: Float64Array
  #last = 0

  /** `starts` ascending, `shifts` as long. */
  constructor(starts: Float64Array, shifts: Float64Array) {
    this.#starts = starts
    this.#shifts = shifts
  }

  get pieces(): number {
    return this.#starts.length
  }

  /** The same, for whoever asks for other positions in between. */
  another(): ShiftMap {
    return new ShiftMap(this.#starts, this.#shifts)
  }

  map(position: number): number {
    return position + this.shiftAt(position)
  }

  shiftAt(position: number): number {
    const starts = this.#starts
    if (starts.length === 0) return 0
    let index = this.#last
    // Neighbouring references mostly point into the same piece.
    if (!(
      (starts[index] as number) <= position &&
      (index + 1 === starts.length || position < (starts[index + 1] as number))
    )) {
      index = this.#find(position)
      this.#last = index
    }
    return this.#shifts[index] as number
  }

  #find(position: number): number {
    const starts = this.#starts
    let low = 0
    let high = starts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if ((starts[middle] as number) <= position) low = middle
      else high = middle - 1
    }
    return low
  }
}
