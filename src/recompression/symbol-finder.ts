import { BlockEnd } from './block-end.ts'
import { maxMatch, minMatch } from './deflate-codes.ts'
import { effortOf, hashBitsOf, isLazy, maxWindowBits, type DeflateParameters } from './deflate-parameters.ts'
import type { TakeBlock } from './symbol-block.ts'

/** More input is read into the window when fewer bytes than these are ahead. */
const minLookahead = maxMatch + minMatch + 1

/** A match of three bytes farther back than this costs more than its literals. */
const tooFar = 4096

/**
 * Finds the literals and matches that gzip or zlib would have found: the same window that slides by halves, the same
 * hash chains, cut at the same lengths, and the same lazy choice (Gailly's algorithm; RFC 1951 §4 has its outline).
 * One finder serves any number of inputs, one after another; it holds about 450 KiB.
 */
export class SymbolFinder {
  /** Beyond its end some room, for what is compared there is never taken. */
  readonly #window = new Uint8Array((2 << maxWindowBits) + maxMatch + minMatch)
  /** The latest place of each hash; 0 is none, which is why no match starts at the window's first byte. */
  readonly #head = new Uint16Array(1 << 16)
  /** The place before each place that has the same hash. */
  readonly #previous = new Uint16Array(1 << maxWindowBits)
  readonly #symbols = new Uint32Array(1 << maxWindowBits)
  readonly #blockEnd = new BlockEnd()

  #input: Uint8Array = new Uint8Array()
  #take: TakeBlock = () => false
  #hasEnded = false
  #isGzip = false
  #isFiltered = false
  #windowSize = 0
  #maxDistance = 0
  #hashMask = 0
  #hashShift = 0
  #good = 0
  #lazy = 0
  #nice = 0
  #chain = 0

  /** Where in the input the window begins; all places below are relative to it. */
  #base = 0
  #filled = 0
  #blockStart = 0
  #matchStart = 0

  /**
   * Gives the blocks of `input` to `take`, the last one marked, until it answers false; returns its last answer. A
   * `symbolLimit` below the encoder's own ends blocks there, to look at how a stream begins.
   */
  find(input: Uint8Array, parameters: DeflateParameters, take: TakeBlock, symbolLimit = 0x7fff): boolean {
    this.#begin(input, parameters, take)
    this.#blockEnd.configure(parameters, symbolLimit)
    this.#beginBlock(0)
    const answer = isLazy(parameters.level) ? this.#findLazily() : this.#findFast()
    this.#input = new Uint8Array()
    this.#take = () => false
    return answer
  }

  #begin(input: Uint8Array, parameters: DeflateParameters, take: TakeBlock): void {
    const { good, lazy, nice, chain } = effortOf(parameters.level)
    const hashBits = hashBitsOf(parameters)
    this.#input = input
    this.#take = take
    this.#isGzip = parameters.encoder === 'gzip'
    this.#isFiltered = parameters.isFiltered
    this.#windowSize = 1 << parameters.windowBits
    this.#maxDistance = this.#windowSize - minLookahead
    this.#hashMask = (1 << hashBits) - 1
    this.#hashShift = Math.ceil(hashBits / minMatch)
    this.#good = good
    this.#lazy = lazy
    this.#nice = nice
    this.#chain = chain
    this.#hasEnded = false
    this.#base = 0
    this.#filled = 0
    this.#matchStart = 0
    this.#head.fill(0, 0, 1 << hashBits)
    this.#window.fill(0)
  }

  /** Levels 4 to 9: a match is taken only if the next place has none that is longer. */
  #findLazily(): boolean {
    const window = this.#window
    const head = this.#head
    const previous = this.#previous
    const symbols = this.#symbols
    const blockEnd = this.#blockEnd
    const hashShift = this.#hashShift
    const hashMask = this.#hashMask
    const placeMask = this.#windowSize - 1
    const maxDistance = this.#maxDistance
    const lazy = this.#lazy
    const isFiltered = this.#isFiltered
    const lastSearched = this.#isGzip ? 2 * this.#windowSize - minLookahead : Infinity
    let place = 0
    let count = 0
    let length = minMatch - 1
    let start = 0
    let isPending = false
    for (;;) {
      if (this.#filled - place < minLookahead) {
        const shift = this.#fill(place)
        place -= shift
        start -= shift
      }
      const lookahead = this.#filled - place
      if (lookahead === 0) break
      const previousLength = length
      const previousStart = start
      length = minMatch - 1
      if (lookahead >= minMatch) {
        const first = ((window[place] as number) << hashShift) ^ (window[place + 1] as number)
        const hash = ((first << hashShift) ^ (window[place + 2] as number)) & hashMask
        const candidate = head[hash] as number
        previous[place & placeMask] = candidate
        head[hash] = place
        if (
          candidate !== 0 &&
          previousLength < lazy &&
          place - candidate <= maxDistance &&
          place <= lastSearched
        ) {
          length = this.#longestMatch(place, candidate, previousLength, lookahead)
          start = this.#matchStart
          if (length <= 5 && (isFiltered || (length === minMatch && place - start > tooFar))) {
            length = minMatch - 1
          }
        }
      }
      if (previousLength >= minMatch && length <= previousLength) {
        symbols[count++] = ((place - 1 - previousStart) << 8) | (previousLength - minMatch)
        const isFull = count === blockEnd.checkpoint && this.#isBlockFull(count, place)
        const end = place + previousLength - 1
        this.#index(place + 1, Math.min(end, this.#filled - minMatch + 1))
        place = end
        isPending = false
        length = minMatch - 1
        if (isFull) {
          if (!this.#endBlock(count, place, false)) return false
          count = 0
        }
      } else if (isPending) {
        symbols[count++] = window[place - 1] as number
        if (count === blockEnd.checkpoint && this.#isBlockFull(count, place)) {
          if (!this.#endBlock(count, place, false)) return false
          count = 0
        }
        place++
      } else {
        isPending = true
        place++
      }
    }
    if (isPending) symbols[count++] = window[place - 1] as number
    return this.#endBlock(count, place, true)
  }

  /** Levels 1 to 3: every match is taken. */
  #findFast(): boolean {
    const window = this.#window
    const head = this.#head
    const symbols = this.#symbols
    const blockEnd = this.#blockEnd
    const lastSearched = this.#isGzip ? 2 * this.#windowSize - minLookahead : Infinity
    let place = 0
    let count = 0
    for (;;) {
      if (this.#filled - place < minLookahead) place -= this.#fill(place)
      const lookahead = this.#filled - place
      if (lookahead === 0) break
      const searched = place
      let length = 0
      if (lookahead >= minMatch) {
        const candidate = head[this.#hashAt(place)] as number
        this.#index(place, place + 1)
        if (candidate !== 0 && place - candidate <= this.#maxDistance && place <= lastSearched) {
          length = this.#longestMatch(place, candidate, minMatch - 1, lookahead)
        }
      }
      if (length >= minMatch) {
        symbols[count++] = ((place - this.#matchStart) << 8) | (length - minMatch)
        if (length <= this.#lazy) {
          this.#index(place + 1, Math.min(place + length, this.#filled - minMatch + 1))
        }
        place += length
      } else {
        symbols[count++] = window[place++] as number
      }
      if (count === blockEnd.checkpoint && this.#isBlockFull(count, searched)) {
        if (!this.#endBlock(count, place, false)) return false
        count = 0
      }
    }
    return this.#endBlock(count, place, true)
  }

  /**
   * The length of the longest match at `place` that is longer than `best`, else `best`; `#matchStart` is where it was
   * found. At the end of the input zlib takes the nearest match that reaches it; gzip goes on comparing with what
   * happens to be in the window, so it may take another.
   */
  #longestMatch(place: number, nearest: number, shortest: number, lookahead: number): number {
    const window = this.#window
    const previous = this.#previous
    const placeMask = this.#windowSize - 1
    const limit = Math.max(0, place - this.#maxDistance)
    const nice = this.#isGzip ? this.#nice : Math.min(this.#nice, lookahead)
    const first = window[place] as number
    const second = window[place + 1] as number
    let chain = shortest >= this.#good ? this.#chain >> 2 : this.#chain
    let candidate = nearest
    let best = shortest
    let last = window[place + best] as number
    let beforeLast = window[place + best - 1] as number
    do {
      if (
        window[candidate + best] === last &&
        window[candidate + best - 1] === beforeLast &&
        window[candidate] === first &&
        window[candidate + 1] === second
      ) {
        let length = minMatch
        while (length < maxMatch && window[candidate + length] === window[place + length]) length++
        if (length > best) {
          this.#matchStart = candidate
          best = length
          if (length >= nice) break
          last = window[place + best] as number
          beforeLast = window[place + best - 1] as number
        }
      }
      candidate = previous[candidate & placeMask] as number
    } while (candidate > limit && --chain !== 0)
    return best < lookahead ? best : lookahead
  }

  #hashAt(place: number): number {
    const window = this.#window
    const shift = this.#hashShift
    const first = ((window[place] as number) << shift) ^ (window[place + 1] as number)
    return ((first << shift) ^ (window[place + 2] as number)) & this.#hashMask
  }

  /** Makes the places from `from` up to `to` known to later searches. */
  #index(from: number, to: number): void {
    const window = this.#window
    const head = this.#head
    const previous = this.#previous
    const shift = this.#hashShift
    const mask = this.#hashMask
    const placeMask = this.#windowSize - 1
    let hash = ((window[from] as number) << shift) ^ (window[from + 1] as number)
    for (let place = from; place < to; place++) {
      hash = ((hash << shift) ^ (window[place + 2] as number)) & mask
      previous[place & placeMask] = head[hash] as number
      head[hash] = place
    }
  }

  /** Reads on; slides the window first when `place` is near its end. Returns by how much places have moved. */
  #fill(place: number): number {
    if (this.#isGzip && this.#hasEnded) return 0
    const shift = place >= this.#windowSize + this.#maxDistance ? this.#slide() : 0
    const from = this.#base + this.#filled
    if (from < this.#input.length) {
      const piece = this.#input.subarray(from, from + 2 * this.#windowSize - this.#filled)
      this.#window.set(piece, this.#filled)
      this.#filled += piece.length
    }
    if (this.#isGzip && this.#filled - (place - shift) < minLookahead) {
      this.#hasEnded = true
      this.#window.fill(0, this.#filled, this.#filled + minMatch - 1)
    }
    return shift
  }

  #slide(): number {
    const size = this.#windowSize
    this.#window.copyWithin(0, size, 2 * size)
    this.#base += size
    this.#filled -= size
    this.#blockStart -= size
    lower(this.#head, this.#hashMask + 1, size)
    lower(this.#previous, size, size)
    return size
  }

  #beginBlock(start: number): void {
    this.#blockStart = start
    this.#blockEnd.beginBlock()
  }

  /** `searched`: the place that is being looked at. */
  #isBlockFull(count: number, searched: number): boolean {
    return this.#blockEnd.isReached(this.#symbols, count, searched - this.#blockStart)
  }

  #endBlock(count: number, place: number, isLast: boolean): boolean {
    const wanted = this.#take({
      symbols: this.#symbols,
      count,
      start: this.#base + this.#blockStart,
      end: this.#base + place,
      isStorable: this.#blockStart >= 0,
      isLast,
    })
    this.#beginBlock(place)
    return wanted
  }
}

/** What is farther back than the window slid becomes 0: no place. */
function lower(places: Uint16Array, count: number, by: number): void {
  for (let i = 0; i < count; i++) {
    const place = places[i] as number
    places[i] = place >= by ? place - by : 0
  }
}
