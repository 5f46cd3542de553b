import type { ContentView } from './content-view.ts'
import type { Copy } from './copy.ts'
import type { StreamReaders } from './delta-streams.ts'
import { readElf } from './elf.ts'
import type { DeltaHead } from './encode-delta.ts'
import { DeltaError } from './errors.ts'
import { readLayout } from './layout.ts'
import { maxCopies, stepBytes } from './limits.ts'
import { makePredictor } from './prediction.ts'
import type { Predictor } from './predictor.ts'

/** Takes the target piece by piece, in order. The bytes are the decoder's own again when it returns. */
export type WriteTarget = (bytes: Uint8Array) => void

/**
 * Makes a target of `length` bytes out of a basis and the parts of a delta, in memory that depends on the number of
 * copies and on the step, not on either length. Whatever the parts hold, it reads inside the basis only, writes no
 * byte more than `length`, and ends: anything else is a DeltaError.
 */
export class DeltaDecoder {
  readonly #length: number
  readonly #basis: ContentView
  readonly #copies: readonly Copy[]
  readonly #predictor: Predictor | undefined
  #nextCopy = 0
  /** How much of the copy at hand is done. */
  #copied = 0
  #target = 0

  /** `first` are the streams of the first part, read as far as its copies and layout. */
  constructor(length: number, head: DeltaHead, basis: ContentView, first: StreamReaders) {
    this.#length = length
    this.#basis = basis
    this.#copies = readCopies(head.copies, length, basis.length, first)
    this.#predictor = head.predicted ? readPrediction(basis, this.#copies, first) : undefined
  }

  get isComplete(): boolean {
    return this.#target === this.#length
  }

  /** Makes the next `targetBytes` of the target from the rest of a part's streams. */
  decodePart(targetBytes: number, streams: StreamReaders, write: WriteTarget): void {
    const end = this.#target + targetBytes
    if (end > this.#length) throw corrupt(`makes ${end} bytes of ${this.#length}`)
    const differences = new DifferenceReader(streams)
    while (this.#target < end) {
      const copy = this.#copies[this.#nextCopy]
      const literalEnd = copy === undefined ? this.#length : copy.target
      if (this.#target < literalEnd) {
        const length = Math.min(stepBytes, literalEnd - this.#target, end - this.#target)
        write(streams.literals.take(length))
        this.#target += length
      } else if (copy !== undefined) {
        this.#copyStep(copy, end, differences, write)
      }
    }
    differences.end()
  }

  #copyStep(copy: Copy, end: number, differences: DifferenceReader, write: WriteTarget): void {
    const length = Math.min(stepBytes, copy.length - this.#copied)
    if (this.#target + length > end) throw corrupt('has a part that ends inside a step of a copy')
    const basis = copy.basis + this.#copied
    const bytes = Uint8Array.from(this.#basis.readAt(basis, length))
    if (bytes.length !== length) throw corrupt('reads past the end of its basis')
    this.#predictor?.predict(bytes, basis, this.#target)
    differences.apply(bytes)
    write(bytes)
    this.#target += length
    this.#copied += length
    if (this.#copied === copy.length) {
      this.#nextCopy++
      this.#copied = 0
    }
  }
}

function readCopies(count: number, length: number, basisLength: number, streams: StreamReaders): Copy[] {
  if (count > maxCopies)
    throw new DeltaError('delta.too_large', `the delta has ${count} copies, more than ${maxCopies}`)
  const copies: Copy[] = []
  let target = 0
  let basis = 0
  for (let index = 0; index < count; index++) {
    target += streams.literalLengths.unsigned()
    const copyLength = streams.copyLengths.unsigned()
    basis += streams.seeks.signed()
    if (copyLength === 0 || basis < 0 || basis + copyLength > basisLength || target + copyLength > length) {
      throw corrupt(`copies ${copyLength} bytes from ${basis} to ${target}, outside of basis or target`)
    }
    copies.push({ target, basis, length: copyLength })
    target += copyLength
    basis += copyLength
  }
  return copies
}

function readPrediction(basis: ContentView, copies: readonly Copy[], streams: StreamReaders): Predictor {
  const executable = readElf(basis.readAt)
  if (executable === undefined) throw corrupt('predicts references of a basis that is no executable')
  return makePredictor(executable, basis.readAt, copies, readLayout(executable, streams.layout))
}

/** The other side of the encoder's `DifferenceWriter`. */
class DifferenceReader {
  readonly #streams: StreamReaders
  #gap: number
  #run = 0

  constructor(streams: StreamReaders) {
    this.#streams = streams
    this.#gap = this.#nextGap()
  }

  apply(bytes: Uint8Array): void {
    let at = 0
    for (;;) {
      if (this.#run > 0) {
        const length = Math.min(this.#run, bytes.length - at)
        const differences = this.#streams.differences.take(length)
        for (let i = 0; i < length; i++)
          bytes[at + i] = (bytes[at + i] as number) + (differences[i] as number)
        at += length
        this.#run -= length
        if (this.#run > 0) return
        this.#gap = this.#nextGap()
      }
      if (this.#gap > bytes.length - at) {
        this.#gap -= bytes.length - at
        return
      }
      at += this.#gap
      this.#gap = 0
      // A run that starts with the next step is read there.
      if (at === bytes.length) return
      this.#run = this.#streams.runs.unsigned()
      if (this.#run === 0) throw corrupt('has an empty run of differences')
    }
  }

  end(): void {
    if (this.#run > 0 || this.#gap !== Infinity) throw corrupt('has differences behind the end of its copies')
  }

  #nextGap(): number {
    return this.#streams.gaps.remaining > 0 ? this.#streams.gaps.unsigned() : Infinity
  }
}

function corrupt(what: string): DeltaError {
  return new DeltaError('delta.corrupt', `the delta ${what}`)
}
