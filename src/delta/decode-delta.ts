import { readInto, type ContentView } from './content-view.ts'
import type { Copy } from './copy.ts'
import { DeltaContext } from './delta-context.ts'
import type { StreamReaders } from './delta-streams.ts'
import { readElf } from './elf.ts'
import type { DeltaHead } from './encode-delta.ts'
import { DeltaError } from './errors.ts'
import { ReferenceFinder } from './find-references.ts'
import { readLayout, skipLayout } from './layout.ts'
import { maxCopies, stepBytes } from './limits.ts'
import { makePrediction, type Prediction } from './prediction.ts'
import { StepRoom } from './step-room.ts'

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
  readonly #room: StepRoom
  readonly #copies: readonly Copy[]
  readonly #prediction: Prediction | undefined
  #nextCopy = 0
  /** How much of the copy at hand is done. */
  #copied = 0
  #target = 0

  /**
   * `first` are the streams of the first part, read as far as its copies and layout. `blind`: the basis is not the
   * right one and the target will be wrong, but the streams are read to the same place.
   */
  constructor(
    length: number,
    head: DeltaHead,
    basis: ContentView,
    first: StreamReaders,
    blind = false,
    context = new DeltaContext(),
    room = new StepRoom(),
  ) {
    this.#room = room
    this.#length = length
    this.#basis = basis
    this.#copies = readCopies(head.copies, length, basis.length, first)
    if (head.predicted && blind) skipLayout(first.layout)
    this.#prediction =
      head.predicted && !blind ? readPrediction(basis, this.#copies, first, context) : undefined
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
    const bytes = this.#room.take(length)
    if (readInto(this.#basis, bytes, basis) !== length) throw corrupt('reads past the end of its basis')
    if (this.#prediction === undefined) differences.apply(bytes)
    else predictStep(this.#prediction, bytes, basis, this.#target, differences)
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
    throw new DeltaError('DELTA_TOO_LARGE', `the delta has ${count} copies, more than ${maxCopies}`)
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

/** Where something is learned, the differences are needed before the bytes they belong to. */
function predictStep(
  { predictor, learner }: Prediction,
  bytes: Uint8Array,
  basis: number,
  target: number,
  differences: DifferenceReader,
): void {
  predictor.predict(bytes, basis, target)
  let done = basis
  for (const { region, from, to } of learner.regionsIn(basis, basis + bytes.length)) {
    differences.apply(bytes.subarray(done - basis, from - basis))
    const part = bytes.subarray(from - basis, to - basis)
    done = to
    if (differences.skip(part.length)) {
      learner.predict(region, part, from, target + from - basis, (_, predicted) => predicted)
      continue
    }
    const changes = new Uint8Array(part.length)
    differences.apply(changes)
    learner.predict(region, part, from, target + from - basis, (at, predicted) =>
      addBytes(predicted, changes, at),
    )
    for (let at = 0; at < part.length; at++) part[at] = (part[at] as number) + (changes[at] as number)
  }
  differences.apply(bytes.subarray(done - basis))
}

/** `word` with four bytes added to its own, each without a carry. */
function addBytes(word: number, bytes: Uint8Array, at: number): number {
  const a = bytes[at] as number
  const b = bytes[at + 1] as number
  const c = bytes[at + 2] as number
  const d = bytes[at + 3] as number
  if ((a | b | c | d) === 0) return word
  const low = ((word + a) & 0xff) | ((word + (b << 8)) & 0xff00)
  return (low | ((word + (c << 16)) & 0xff_0000) | (((word >>> 24) + d) << 24)) >>> 0
}

function readPrediction(
  basis: ContentView,
  copies: readonly Copy[],
  streams: StreamReaders,
  context: DeltaContext,
): Prediction {
  const executable = readElf(basis.readAt)
  if (executable === undefined) throw corrupt('predicts references of a basis that is no executable')
  const finder = new ReferenceFinder(executable, basis.readAt)
  return makePrediction(finder, basis.readAt, copies, readLayout(executable, streams.layout), context)
}

/** The other side of the encoder's `DifferenceWriter`. Reads no further than the bytes at hand need. */
class DifferenceReader {
  readonly #streams: StreamReaders
  #next: 'gap' | 'run' = 'gap'
  #gap = 0
  #run = 0

  constructor(streams: StreamReaders) {
    this.#streams = streams
  }

  apply(bytes: Uint8Array): void {
    let at = 0
    while (at < bytes.length) {
      if (this.#run > 0) at += this.#addRun(bytes, at)
      else if (this.#gap > 0) at += this.#passGap(bytes.length - at)
      else this.#readNext()
    }
  }

  /** Passes over that many bytes, of which there must be some, if none of them differs. */
  skip(length: number): boolean {
    while (this.#run === 0 && this.#gap === 0) this.#readNext()
    if (this.#gap < length) return false
    this.#gap -= length
    return true
  }

  end(): void {
    if (this.#run > 0 || this.#gap > 0) throw corrupt('has differences behind the end of its copies')
  }

  #readNext(): void {
    if (this.#next === 'gap') {
      this.#gap = this.#streams.gaps.unsigned()
      this.#next = 'run'
    } else {
      this.#run = this.#streams.runs.unsigned()
      if (this.#run === 0) throw corrupt('has an empty run of differences')
      this.#next = 'gap'
    }
  }

  #addRun(bytes: Uint8Array, at: number): number {
    const length = Math.min(this.#run, bytes.length - at)
    const differences = this.#streams.differences.take(length)
    for (let i = 0; i < length; i++) bytes[at + i] = (bytes[at + i] as number) + (differences[i] as number)
    this.#run -= length
    return length
  }

  #passGap(most: number): number {
    const length = Math.min(this.#gap, most)
    this.#gap -= length
    return length
  }
}

function corrupt(what: string): DeltaError {
  return new DeltaError('DELTA_CORRUPT', `the delta ${what}`)
}
