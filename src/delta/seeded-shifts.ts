/** A correction by more than this says that a reference changed, not that what it refers to has moved. */
const maxCorrection = 1 << 16
/** A correction is passed on to this many pieces at most. */
const maxFollowers = 1 << 12
const maxChanged = 1 << 16

/** From `start` on, positions are thought to move by `shift`. */
export interface Seed {
  readonly start: number
  readonly shift: number
}

/**
 * How positions move, known in outline and corrected by what is seen. What is between two pieces of the target may be
 * thought longer or shorter than it is: a correction of one piece therefore holds for all that follow it there, until
 * one has been seen.
 */
export class SeededShifts {
  readonly #starts: Float64Array
  readonly #shifts: Float64Array
  readonly #isSeen: Uint8Array
  /** The pieces in the order of the target, and where each is in that order. */
  readonly #order: Uint32Array
  readonly #rank: Uint32Array
  /** Positions that became something else than their piece says. */
  readonly #changed = new Map<number, number>()
  #isAnySeen = false
  #last = 0

  /** `seeds` in the order of the target; all are moved by `growth` more. */
  constructor(seeds: readonly Seed[], growth: number) {
    const pieces = seeds.length > 0 ? seeds : [{ start: 0, shift: 0 }]
    const byStart = Uint32Array.from(pieces, (_, index) => index)
    byStart.sort((a, b) => (pieces[a] as Seed).start - (pieces[b] as Seed).start || a - b)
    this.#rank = byStart
    this.#order = new Uint32Array(pieces.length)
    byStart.forEach((rank, index) => (this.#order[rank] = index))
    this.#starts = Float64Array.from(byStart, (rank) => (pieces[rank] as Seed).start)
    this.#shifts = Float64Array.from(byStart, (rank) => (pieces[rank] as Seed).shift + growth)
    this.#isSeen = new Uint8Array(pieces.length)
  }

  map(position: number): number {
    if (this.#changed.size > 0) {
      const changed = this.#changed.get(position)
      if (changed !== undefined) return changed
    }
    return position + (this.#shifts[this.#pieceOf(position)] as number)
  }

  /** Tells what `position` became. Gives by how much all pieces moved more than thought, if this is the first to say. */
  settle(position: number, became: number): number {
    const piece = this.#pieceOf(position)
    const correction = became - position - (this.#shifts[piece] as number)
    if (correction === 0) {
      this.#isSeen[piece] = 1
      this.#isAnySeen = true
      return 0
    }
    if (this.#isSeen[piece] !== 0 || Math.abs(correction) > maxCorrection) {
      if (this.#changed.size < maxChanged) this.#changed.set(position, became)
      return 0
    }
    const isFirst = !this.#isAnySeen
    this.#correctFrom(piece, correction)
    return isFirst ? correction : 0
  }

  #correctFrom(piece: number, correction: number): void {
    this.#isSeen[piece] = 1
    this.#shifts[piece] = (this.#shifts[piece] as number) + correction
    const first = this.#isAnySeen ? (this.#rank[piece] as number) + 1 : 0
    this.#isAnySeen = true
    const end = Math.min(this.#order.length, first + maxFollowers)
    for (let rank = first; rank < end; rank++) {
      const follower = this.#order[rank] as number
      if (this.#isSeen[follower] === 0) {
        this.#shifts[follower] = (this.#shifts[follower] as number) + correction
      }
    }
  }

  #pieceOf(position: number): number {
    const starts = this.#starts
    const last = this.#last
    const next = last + 1
    if ((starts[last] as number) <= position && (next === starts.length || position < (starts[next] as number)))
      return last
    let low = 0
    let high = starts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((starts[middle] as number) <= position) low = middle
      else high = middle - 1
    }
    this.#last = low
    return low
  }
}
