import { canonicalCodes } from './deflate-codes.ts'

/**
 * A Huffman code over a fixed set of symbols, with the very lengths that gzip and zlib choose. Many codes are equally
 * short; which one they take follows from their heap, its tie-break by depth, and how they shorten codes that are too
 * long. All three are part of the answer here.
 */
export class HuffmanTree {
  /** How often each symbol occurs: to be set before `build`. */
  readonly frequencies: Uint32Array
  /** Set by `build`: the bits of each symbol's code, 0 for one that does not occur. */
  readonly lengths: Uint8Array
  codes: Uint16Array = new Uint16Array()
  /** Set by `build`: the last symbol that has a code. */
  lastSymbol = 0

  readonly #symbolCount: number
  readonly #maxBits: number
  readonly #weights: Uint32Array
  readonly #depths: Uint8Array
  readonly #parents: Uint16Array
  readonly #nodeLengths: Uint8Array
  readonly #heap: Uint16Array
  #heapSize = 0
  /** All nodes as they left the heap, the first at the end: the root comes first, the rarest last. */
  readonly #order: Uint16Array
  #orderStart = 0

  constructor(symbolCount: number, maxBits: number) {
    const nodes = 2 * symbolCount
    this.#symbolCount = symbolCount
    this.#maxBits = maxBits
    this.frequencies = new Uint32Array(symbolCount)
    this.lengths = new Uint8Array(symbolCount)
    this.#weights = new Uint32Array(nodes)
    this.#depths = new Uint8Array(nodes)
    this.#parents = new Uint16Array(nodes)
    this.#nodeLengths = new Uint8Array(nodes)
    this.#heap = new Uint16Array(nodes + 1)
    this.#order = new Uint16Array(nodes)
  }

  build(): void {
    this.#fillHeap()
    this.#combine()
    this.#assignLengths()
    this.codes = canonicalCodes(this.lengths)
  }

  /** The bits of all that occurs, coded with `lengths` (its own unless told) and followed by its extra bits. */
  bitsOfContent(extraBits: Uint8Array, firstWithExtra: number, lengths: Uint8Array = this.lengths): number {
    let bits = 0
    for (let symbol = 0; symbol < this.#symbolCount; symbol++) {
      const extra = symbol < firstWithExtra ? 0 : (extraBits[symbol - firstWithExtra] as number)
      bits += (this.frequencies[symbol] as number) * ((lengths[symbol] as number) + extra)
    }
    return bits
  }

  #fillHeap(): void {
    this.#heapSize = 0
    this.#depths.fill(0)
    for (let symbol = 0; symbol < this.#symbolCount; symbol++) {
      const weight = this.frequencies[symbol] as number
      this.#weights[symbol] = weight
      if (weight > 0) this.#addLeaf(symbol)
    }
    // A code has at least two symbols, and these are the ones the encoders make up.
    while (this.#heapSize < 2) {
      const symbol = this.#madeUpSymbol()
      this.#weights[symbol] = 1
      this.#addLeaf(symbol)
    }
    for (let i = this.#heapSize >> 1; i >= 1; i--) this.#sink(i)
  }

  #madeUpSymbol(): number {
    if (this.#heapSize === 0) return 0
    return this.lastSymbol < 2 ? this.lastSymbol + 1 : 0
  }

  #addLeaf(symbol: number): void {
    this.#heap[++this.#heapSize] = symbol
    this.lastSymbol = this.#heapSize === 1 ? symbol : Math.max(this.lastSymbol, symbol)
  }

  /** Joins the two lightest nodes until one is left. */
  #combine(): void {
    const heap = this.#heap
    const order = this.#order
    const weights = this.#weights
    const depths = this.#depths
    let at = order.length
    let node = this.#symbolCount
    do {
      const lighter = heap[1] as number
      heap[1] = heap[this.#heapSize--] as number
      this.#sink(1)
      const heavier = heap[1]
      order[--at] = lighter
      order[--at] = heavier
      weights[node] = (weights[lighter] as number) + (weights[heavier] as number)
      depths[node] = Math.max(depths[lighter] as number, depths[heavier] as number) + 1
      this.#parents[lighter] = node
      this.#parents[heavier] = node
      heap[1] = node++
      this.#sink(1)
    } while (this.#heapSize >= 2)
    order[--at] = heap[1]
    this.#orderStart = at
  }

  #sink(from: number): void {
    const heap = this.#heap
    const size = this.#heapSize
    const node = heap[from] as number
    let hole = from
    for (let child = hole << 1; child <= size; child = hole << 1) {
      if (child < size && this.#isLighter(heap[child + 1] as number, heap[child] as number)) child++
      if (this.#isLighter(node, heap[child] as number)) break
      heap[hole] = heap[child] as number
      hole = child
    }
    heap[hole] = node
  }

  #isLighter(a: number, b: number): boolean {
    const weightA = this.#weights[a] as number
    const weightB = this.#weights[b] as number
    return (
      weightA < weightB || (weightA === weightB && (this.#depths[a] as number) <= (this.#depths[b] as number))
    )
  }

  #assignLengths(): void {
    this.lengths.fill(0)
    const counts = new Uint16Array(this.#maxBits + 1)
    const excess = this.#measureDepths(counts)
    if (excess > 0) this.#shorten(counts, excess)
  }

  /** Lengths by depth in the tree, cut at the maximum; returns how many nodes were cut. */
  #measureDepths(counts: Uint16Array): number {
    const order = this.#order
    let excess = 0
    this.#nodeLengths[order[this.#orderStart] as number] = 0
    for (let i = this.#orderStart + 1; i < order.length; i++) {
      const node = order[i] as number
      let bits = (this.#nodeLengths[this.#parents[node] as number] as number) + 1
      if (bits > this.#maxBits) {
        bits = this.#maxBits
        excess++
      }
      this.#nodeLengths[node] = bits
      if (node >= this.#symbolCount) continue
      this.lengths[node] = bits
      counts[bits] = (counts[bits] as number) + 1
    }
    return excess
  }

  /**
   * Makes room for what was cut: each time, the deepest leaf above the bottom goes one down and takes a cut one as
   * its brother. Then the counts are dealt out again, the longest codes to the rarest symbols.
   */
  #shorten(counts: Uint16Array, excess: number): void {
    for (let left = excess; left > 0; left -= 2) {
      let bits = this.#maxBits - 1
      while (counts[bits] === 0) bits--
      counts[bits] = (counts[bits] as number) - 1
      counts[bits + 1] = (counts[bits + 1] as number) + 2
      counts[this.#maxBits] = (counts[this.#maxBits] as number) - 1
    }
    let at = this.#order.length
    for (let bits = this.#maxBits; bits > 0; bits--) {
      for (let left = counts[bits] as number; left > 0;) {
        const node = this.#order[--at] as number
        if (node >= this.#symbolCount) continue
        this.lengths[node] = bits
        left--
      }
    }
  }
}
