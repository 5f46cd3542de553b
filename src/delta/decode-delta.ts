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
import type { PartChanges } from './part-changes.ts'
import { makePrediction, type Prediction } from './prediction.ts'
import { StepRoom } from './step-room.ts'

/** Takes the target piece by piece, in order. The bytes are the decoder's own again when it returns. */
export type WriteTarget = (bytes: Uint8Array) => void

/** What a decoder must be told beside the streams. */
export interface DeltaTask {
  /** Of the target, in bytes. */
  readonly length: number
  readonly head: DeltaHead
  readonly basis: ContentView
  /** The basis is not the right one: the target will be wrong, but the streams are read to the same place. */
  readonly blind?: boolean | undefined
  readonly context?: DeltaContext | undefined
  readonly room?: StepRoom | undefined
}

/**
 * Makes a target out of a basis and the parts of a delta, in memory that depends on the number of
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

  /** `first` are the streams of the first part, read as far as its copies and layout. */
  constructor(task: DeltaTask, first: StreamReaders) {
    const { length, head, basis, blind = false, context = new DeltaContext() } = task
    this.#room = task.room ?? new StepRoom()
    this.#length = length
    this.#basis = basis
    this.#copies = readCopies(head.copies, length, basis.length, first)
    if (head.predicted && blind) skipLayout(first.layout)
    this.#prediction =
      head.predicted && !blind ? readPrediction(basis, this.#copies, first, context, this.#room) : undefined
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
    else predictStep(this.#prediction, bytes, basis, this.#target, differences, this.#room.changes)
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
  changes: PartChanges,
): void {
  const parts = learner.open(bytes, basis)
  predictor.predict(bytes, basis, target)
  let done = 0
  for (const { region, from, to } of parts) {
    differences.apply(bytes.subarray(done, from))
    const part = bytes.subarray(from, to)
    differences.applyLater(part.length, changes)
    learner.predict(region, part, basis + from, target + from, (at, predicted) =>
      changes.addToWord(predicted, at),
    )
    changes.moveTo(part)
    done = to
  }
  differences.apply(bytes.subarray(done))
}

function readPrediction(
  basis: ContentView,
  copies: readonly Copy[],
  streams: StreamReaders,
  context: DeltaContext,
  room: StepRoom,
): Prediction {
  const executable = readElf(basis.readAt)
  if (executable === undefined) throw corrupt('predicts references of a basis that is no executable')
  const finder = new ReferenceFinder(executable, basis.readAt)
  return makePrediction(finder, basis.readAt, copies, readLayout(executable, streams.layout), context, room)
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

  /** Adds the next differences to `bytes`. */
  apply(bytes: Uint8Array): void {
    this.#add(bytes, undefined)
  }

  /** The same for the next `length` bytes, which are not known yet. */
  applyLater(length: number, changes: PartChanges): void {
    this.#add(changes.begin(length), changes)
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

  #add(bytes: Uint8Array, changes: PartChanges | undefined): void {
    let at = 0
    while (at < bytes.length) {
      if (this.#gap > 0) at += this.#passGap(bytes.length - at)
      else if (this.#run > 0) {
        const length = this.#addRun(bytes, at)
        changes?.addRun(at, length)
        at += length
      } else this.#readNext()
    }
  }

  #addRun(bytes: Uint8Array, at: number): number {
    const length = Math.min(this.#run, bytes.length - at)
    this.#streams.differences.addTo(bytes, at, length)
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
