import type { Outcome } from './learner.ts'

/** How fast the past is forgotten: a hit counts for this much of what it counted one entry before. */
const memory = 0.875
const maxSymbols = 1 << 16
const unknown = -1

/** Of a table of `count` symbols: what each became so far. */
export function newSymbols(count: number): Int32Array {
  return new Int32Array(Math.min(count, maxSymbols)).fill(unknown)
}

/**
 * Foresees the relocations of one section, of which the copies have already told something: what they do not know
 * moves like the entry before, and a symbol becomes what it became the last time.
 */
export class RelocationLearner {
  readonly #place = new Guesses()
  readonly #symbol = new Guesses()
  /** By symbol: what is added counts from that. */
  readonly #addends: Guesses[] = []
  readonly #symbols: Int32Array

  /** `symbols`: what the symbols of the table became so far, shared by all sections that refer to it. */
  constructor(symbols: Int32Array) {
    this.#symbols = symbols
  }

  /** `old` and `view` hold the entry in the basis and as the copies foresee it, at `at`. */
  predict(old: DataView, view: DataView, at: number, outcome: Outcome): void {
    this.#place.predictShift(old, view, at, outcome)
    const symbol = old.getUint32(at + 12, true)
    const isListed = symbol < this.#symbols.length
    const known = isListed ? (this.#symbols[symbol] as number) : unknown
    const became = this.#symbol.predict(known, view, at + 12, outcome)
    if (!isListed) return
    this.#symbols[symbol] = became
    this.#addends[symbol] ??= new Guesses()
    this.#addends[symbol].predictShift(old, view, at + 16, outcome)
  }
}

/** Chooses for each number of 32 bits between what the copies say and another guess: what was right more lately. */
class Guesses {
  #copies = 1
  #other = 0
  /** How far the number before moved. */
  #shift = 0

  predictShift(old: DataView, view: DataView, at: number, outcome: Outcome): void {
    const value = old.getUint32(at, true)
    this.#shift = this.predict((value + this.#shift) >>> 0, view, at, outcome) - value
  }

  predict(other: number, view: DataView, at: number, outcome: Outcome): number {
    const copies = view.getUint32(at, true)
    const predicted = other !== unknown && this.#other > this.#copies ? other : copies
    view.setUint32(at, predicted, true)
    const became = outcome(at, predicted)
    this.#copies = this.#copies * memory + (became === copies ? 1 : 0)
    if (other !== unknown) this.#other = this.#other * memory + (became === other ? 1 : 0)
    return became
  }
}
