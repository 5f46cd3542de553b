import type { Copy } from './copy.ts'

/**
 * Finds the parts of `target` that are worth making from `basis`. Both are what is compared, not what is copied: the
 * caller blanks the fields that will be predicted, so that code that only moved looks the same.
 *
 * The idea of approximate matches is bsdiff's (C. Percival, "Naive differences of executable code", 2003): a match
 * is extended through differing bytes for as long as more than half agree. Exact matches that start one are found
 * by a table of hashed windows in place of a suffix array.
 */
export function findCopies(basis: Uint8Array, target: Uint8Array, window: number): Copy[] {
  if (basis.length < window || target.length < window) return []
  return new Matcher(basis, target, window).run()
}

/** A candidate must win this many bytes over going on with the copy at hand: about what a new copy costs. */
const switchGain = 10
const minCopyBytes = 12
/** Likewise for going on with a copy that has ended. */
const minIslandGain = 24
/** How far an exact match is followed before it is believed. */
const maxExactBytes = 1 << 16

class Matcher {
  readonly #basis: Uint8Array
  readonly #target: Uint8Array
  readonly #window: number
  readonly #table: Int32Array
  readonly #shift: number
  readonly #copies: Copy[] = []

  constructor(basis: Uint8Array, target: Uint8Array, window: number) {
    this.#basis = basis
    this.#target = target
    this.#window = window
    const stride = basis.length > 1 << 25 ? 4 : basis.length > 1 << 23 ? 2 : 1
    const bits = Math.max(12, Math.min(25, Math.ceil(Math.log2(basis.length / stride)) + 1))
    this.#shift = 32 - bits
    this.#table = this.#indexBasis(bits, stride)
  }

  #indexBasis(bits: number, stride: number): Int32Array {
    const table = new Int32Array(1 << bits)
    const { buffer, byteOffset } = this.#basis
    const view = new DataView(buffer, byteOffset, this.#basis.length)
    const last = this.#basis.length - this.#window
    // Downwards, so that of equal windows the first stays.
    for (let at = last - (last % stride); at >= 0; at -= stride) {
      if (view.getInt32(at, true) === view.getInt32(at + 4, true)) continue
      table[hashWindow(view, at, this.#window) >>> this.#shift] = at + 1
    }
    return table
  }

  run(): Copy[] {
    const { length } = this.#target
    const target = new DataView(this.#target.buffer, this.#target.byteOffset, length)
    const last = length - this.#window
    let shift = 0
    let copyEnd = 0
    let hasCopy = false
    let at = 0
    let start = 0
    let exactEnd = 0
    while (at <= last) {
      if (hasCopy && this.#agrees(at, shift)) {
        at++
        continue
      }
      const found = (this.#table[hashWindow(target, at, this.#window) >>> this.#shift] as number) - 1
      if (found < 0 || (hasCopy && found - at === shift)) {
        at++
        continue
      }
      const exact = this.#exactLength(found, at)
      if (exact < this.#window) {
        at++
        continue
      }
      const agreeing = hasCopy ? this.#agreeing(at, at + exact, shift) : 0
      if (exact - agreeing < switchGain) {
        at++
        continue
      }
      if (hasCopy) copyEnd = this.#finish(start, exactEnd, shift, at, found - at, copyEnd)
      else copyEnd = 0
      start = this.#extendBack(at, found - at, copyEnd)
      if (hasCopy) this.#pushIslands(copyEnd, start, shift)
      shift = found - at
      hasCopy = true
      exactEnd = at + exact
      at = exactEnd
    }
    if (hasCopy) {
      const end = this.#extendForward(start, shift, length)
      this.#push(start, shift, end)
      this.#pushIslands(end, length, shift)
    }
    return this.#copies
  }

  #push(start: number, shift: number, end: number): void {
    if (end - start >= minCopyBytes)
      this.#copies.push({ target: start, basis: start + shift, length: end - start })
  }

  /** Copies what goes on with an ended copy's shift behind bytes that are all new, such as a signature. */
  #pushIslands(from: number, limit: number, shift: number): void {
    const to = Math.min(limit, this.#basis.length - shift)
    let start = from
    let score = 0
    let best = 0
    let end = from
    for (let at = from; at < to; at++) {
      score += this.#agrees(at, shift) ? 1 : -1
      if (score > best) {
        best = score
        end = at + 1
      }
      if (score > 0 && best - score < minIslandGain) continue
      if (best >= minIslandGain) {
        this.#push(start, shift, end)
        at = end - 1
      }
      start = at + 1
      score = best = 0
    }
    if (best >= minIslandGain) this.#push(start, shift, end)
  }

  /** Ends the copy at hand before the next one, and gives where it ends. */
  #finish(
    start: number,
    _exactEnd: number,
    shift: number,
    nextAt: number,
    nextShift: number,
    _copyEnd: number,
  ): number {
    const forward = this.#extendForward(start, shift, nextAt)
    const back = this.#extendBack(nextAt, nextShift, start)
    const end = back < forward ? this.#bestSplit(back, forward, shift, nextShift) : forward
    this.#push(start, shift, end)
    return end
  }

  #bestSplit(from: number, to: number, shift: number, nextShift: number): number {
    let score = 0
    let best = 0
    let split = from
    for (let at = from; at < to; at++) {
      if (this.#agrees(at, shift)) score++
      if (this.#agrees(at, nextShift)) score--
      if (score > best) {
        best = score
        split = at + 1
      }
    }
    return split
  }

  #extendForward(start: number, shift: number, limit: number): number {
    const to = Math.min(limit, this.#basis.length - shift)
    let score = 0
    let best = 0
    let end = start
    for (let at = start; at < to; at++) {
      score += this.#basis[at + shift] === this.#target[at] ? 1 : -1
      if (score > best) {
        best = score
        end = at + 1
      }
    }
    return end
  }

  #extendBack(at: number, shift: number, limit: number): number {
    const to = Math.max(limit, -shift)
    let score = 0
    let best = 0
    let start = at
    for (let i = at - 1; i >= to; i--) {
      score += this.#basis[i + shift] === this.#target[i] ? 1 : -1
      if (score > best) {
        best = score
        start = i
      }
    }
    return start
  }

  #agrees(at: number, shift: number): boolean {
    return this.#basis[at + shift] === this.#target[at]
  }

  #agreeing(from: number, to: number, shift: number): number {
    let count = 0
    for (let at = from; at < to; at++) if (this.#basis[at + shift] === this.#target[at]) count++
    return count
  }

  #exactLength(basis: number, target: number): number {
    const limit = Math.min(maxExactBytes, this.#basis.length - basis, this.#target.length - target)
    let length = 0
    while (length < limit && this.#basis[basis + length] === this.#target[target + length]) length++
    return length
  }
}

function hashWindow(view: DataView, at: number, window: number): number {
  let hash = Math.imul(view.getInt32(at, true), 0x9e37_79b1)
  hash = Math.imul(hash ^ (hash >>> 15) ^ view.getInt32(at + 4, true), 0x85eb_ca77)
  if (window >= 12) hash = Math.imul(hash ^ (hash >>> 15) ^ view.getInt32(at + 8, true), 0xc2b2_ae3d)
  if (window >= 16) hash = Math.imul(hash ^ (hash >>> 15) ^ view.getInt32(at + 12, true), 0x27d4_eb2f)
  return hash ^ (hash >>> 13)
}
