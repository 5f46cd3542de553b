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
  readonly #guesses = new Guesses()
  readonly #place = this.#guesses.add()
  readonly #symbol = this.#guesses.add()
  /** By symbol, as what is added counts from that: its guess, or 0 for none yet. */
  readonly #addends: Uint32Array
  readonly #symbols: Int32Array

  /** `symbols`: what the symbols of the table became so far, shared by all sections that refer to it. */
  constructor(symbols: Int32Array) {
    this.#symbols = symbols
    this.#addends = new Uint32Array(symbols.length)
  }

  /** `old` and `view` hold the entry in the basis and as the copies foresee it, at `at`. */
  predict(old: DataView, view: DataView, at: number, outcome: Outcome): void {
    this.#guesses.predictShift(this.#place, old, view, at, outcome)
    const symbol = old.getUint32(at + 12, true)
    const isListed = symbol < this.#symbols.length
    const known = isListed ? (this.#symbols[symbol] as number) : unknown
    const became = this.#guesses.predict(this.#symbol, known, view, at + 12, outcome)
    if (!isListed) return
    this.#symbols[symbol] = became
    let addend = this.#addends[symbol] as number
    if (addend === 0) this.#addends[symbol] = addend = this.#guesses.add()
    this.#guesses.predictShift(addend, old, view, at + 16, outcome)
  }
}

/** Numbers of each guess: how right the copies were, how right the other guess was, how far it moved the last time. */
const stride = 3

/**
 * Choose for each number of 32 bits between what the copies say and another guess: what was right more lately. There
 * are very many: they are numbers in one array.
 */
class Guesses {
  #numbers = new Float64Array(16 * stride)
  #end = 0

  add(): number {
    const guess = this.#end
    this.#end += stride
    if (this.#end > this.#numbers.length) {
      const numbers = new Float64Array(this.#numbers.length * 2)
      numbers.set(this.#numbers)
      this.#numbers = numbers
    }
    this.#numbers[guess] = 1
    return guess
  }

  predictShift(guess: number, old: DataView, view: DataView, at: number, outcome: Outcome): void {
    const value = old.getUint32(at, true)
    const shift = this.#numbers[guess + 2] as number
    const became = this.predict(guess, (value + shift) >>> 0, view, at, outcome)
    this.#numbers[guess + 2] = became - value
  }

  /** `other` is the other guess, or unknown. */
  predict(guess: number, other: number, view: DataView, at: number, outcome: Outcome): number {
    const numbers = this.#numbers
    const forCopies = numbers[guess] as number
    const forOther = numbers[guess + 1] as number
    const copies = view.getUint32(at, true)
    const predicted = other !== unknown && forOther > forCopies ? other : copies
    view.setUint32(at, predicted, true)
    const became = outcome(at, predicted)
    numbers[guess] = forCopies * memory + (became === copies ? 1 : 0)
    if (other !== unknown) numbers[guess + 1] = forOther * memory + (became === other ? 1 : 0)
    return became
  }
}
