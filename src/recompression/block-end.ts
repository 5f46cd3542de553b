import { distanceCodeOf, distanceExtraBits } from './deflate-codes.ts'
import { maxBlockSymbols, type DeflateParameters } from './deflate-parameters.ts'

/** How often, in symbols, gzip considers ending a block early. */
const gzipStep = 0x1000

/** Decides where a block ends: when the encoder's buffer is full, or for gzip sooner, when a new block may pay. */
export class BlockEnd {
  /** The count of symbols at which `isReached` is to be asked. */
  checkpoint = 0
  #limit = 0
  #hasSteps = false
  /** Of the symbols before `#counted`: the matches, and the bits of their distances as gzip estimates them. */
  #counted = 0
  #matches = 0
  #distanceBits = 0

  /** `limit`: ends blocks sooner than the encoder would. */
  configure(parameters: DeflateParameters, limit: number): void {
    this.#limit = Math.min(limit, maxBlockSymbols(parameters))
    this.#hasSteps = parameters.encoder === 'gzip' && parameters.level > 2
  }

  beginBlock(): void {
    this.#counted = 0
    this.#matches = 0
    this.#distanceBits = 0
    this.checkpoint = 0
    this.#advance()
  }

  /** `inputBytes`: of the block up to where the encoder is searching, which is what gzip goes by. */
  isReached(symbols: Uint32Array, count: number, inputBytes: number): boolean {
    if (count === this.#limit || this.#mayPay(symbols, count, inputBytes)) return true
    this.#advance()
    return false
  }

  #advance(): void {
    this.checkpoint = Math.min(this.#hasSteps ? this.checkpoint + gzipStep : Infinity, this.#limit)
  }

  /** gzip's guess: more than half are literals, and even at 8 bits each the block has shrunk to less than half. */
  #mayPay(symbols: Uint32Array, count: number, inputBytes: number): boolean {
    for (let i = this.#counted; i < count; i++) {
      const distance = (symbols[i] as number) >>> 8
      if (distance === 0) continue
      const index = distance <= 256 ? distance - 1 : 256 + ((distance - 1) >> 7)
      this.#distanceBits += 5 + (distanceExtraBits[distanceCodeOf[index] as number] as number)
      this.#matches++
    }
    this.#counted = count
    const outputBytes = (count * 8 + this.#distanceBits) >>> 3
    return this.#matches < count >>> 1 && outputBytes < inputBytes >>> 1
  }
}
