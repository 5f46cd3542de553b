import { alignStrings } from './align-strings.ts'
import type { Btf } from './btf.ts'
import { comparableView } from './comparable-view.ts'
import type { ContentView } from './content-view.ts'
import type { Copy } from './copy.ts'
import { DeltaContext } from './delta-context.ts'
import { newWriters, totalBytes } from './delta-streams.ts'
import type { StreamWriters } from './delta-streams.ts'
import { readElf } from './elf.ts'
import type { Executable } from './elf.ts'
import { findCopies } from './find-copies.ts'
import { findExceptions } from './find-exceptions.ts'
import { ReferenceFinder } from './find-references.ts'
import { identifyLearnable } from './learnable-view.ts'
import type { Outcome } from './learner.ts'
import { findBiases, writeLayout } from './layout.ts'
import type { Layout } from './layout.ts'
import { maxCopies, stepBytes } from './limits.ts'
import { collectEvidence } from './movement-evidence.ts'
import { moveAddresses } from './movement.ts'
import { makePrediction } from './prediction.ts'
import type { Prediction } from './prediction.ts'
import { findSections } from './section-layout.ts'
import { StepRoom } from './step-room.ts'
import { findTypeLayout } from './type-layout.ts'

/** What every part of a delta shares; the decoder must be told. */
export interface DeltaHead {
  readonly copies: number
  /** References are predicted, for which the basis must be an executable. */
  readonly predicted: boolean
}

/** A stretch of the target and the streams it is made from. The first also holds all the copies and the layout. */
export interface DeltaPart {
  readonly targetBytes: number
  readonly streams: StreamWriters
}

export interface Delta {
  readonly head: DeltaHead
  /** Of the target, in no copy. */
  readonly literalBytes: number
  /** Made, and to be read, with what others have taught; else it stands for itself. */
  readonly isTaught: boolean
  /**
   * Makes the parts one after another, of about `partBytes` of streams at most; once, if references are predicted.
   */
  readonly parts: Iterable<DeltaPart>
}

/** Both contents up to this are compared in one go, in a few times their memory. */
const wholeBytes = 160 << 20
/** Larger ones by segments of the target against what lies around the same place of the basis. */
const segmentBytes = 48 << 20
const segmentMarginBytes = 32 << 20

const codeWindow = 12
const plainWindow = 8
const longWindow = 16
/** Longer content is not worth the finest window. */
const longContentBytes = 32 << 20

/** Content without a basis. */
export function encodeWhole(target: ContentView, partBytes: number): Delta {
  return {
    head: { copies: 0, predicted: false },
    literalBytes: target.length,
    isTaught: false,
    parts: again(() => encodeParts(target, target, [], undefined, newWriters(), partBytes)),
  }
}

/** `target` as a difference from `basis`. The same input gives the same bytes, always and everywhere. */
export function encodeDelta(
  target: ContentView,
  basis: ContentView,
  partBytes: number,
  context: DeltaContext = new DeltaContext(),
): Delta {
  if (target.length > wholeBytes || basis.length > wholeBytes) {
    return encodeCopies(target, basis, findCopiesBySegment(target, basis), partBytes)
  }
  const targetElf = readElf(target.readAt)
  const basisElf = readElf(basis.readAt)
  if (targetElf === undefined || targetElf.machine !== basisElf?.machine) {
    return encodeCopies(target, basis, findCopies(all(basis), all(target), windowFor(target)), partBytes)
  }
  return encodePredicted(target, targetElf, basis, basisElf, partBytes, context)
}

function encodePredicted(
  target: ContentView,
  targetElf: Executable,
  basis: ContentView,
  basisElf: Executable,
  partBytes: number,
  context: DeltaContext,
): Delta {
  const basisFinder = new ReferenceFinder(basisElf, basis.readAt)
  const targetFinder = new ReferenceFinder(targetElf, target.readAt)
  const basisView = comparableView(all(basis), basisFinder)
  const targetView = comparableView(all(target), targetFinder)
  identifyLearnable(basisView, all(basis), basisFinder, context)
  identifyLearnable(targetView, all(target), targetFinder, undefined)
  const basisBtf = btfIn(basisFinder)
  const targetBtf = btfIn(targetFinder)
  const found = limitCopies(findCopies(basisView, targetView, codeWindow))
  const copies = basisBtf && targetBtf ? alignStrings(found, basisBtf, targetBtf) : found
  const biases = findBiases(basisElf, targetElf)
  const addresses = moveAddresses(copies, basisElf, biases, [])
  const evidence = collectEvidence(
    all(basis),
    basisFinder,
    all(target),
    targetFinder,
    copies,
    biases,
    addresses,
  )
  const layout: Layout = {
    biases,
    exceptions: findExceptions(evidence.from, evidence.to, addresses),
    sections: basisElf.relocatable ? findSections(basisElf, targetElf) : undefined,
    types: basisBtf && targetBtf && findTypeLayout(basisBtf, targetBtf, copies),
  }
  const writers = newWriters()
  writeCopies(copies, writers)
  writeLayout(layout, basisElf, writers.layout)
  const prediction = makePrediction(basisFinder, basis.readAt, copies, layout, context, new StepRoom())
  return {
    head: { copies: copies.length, predicted: true },
    literalBytes: target.length - copiedBytes(copies),
    isTaught: basisFinder.learnable.length > 0,
    parts: encodeParts(target, basis, copies, prediction, writers, partBytes),
  }
}

function btfIn(finder: ReferenceFinder): Btf | undefined {
  const region = finder.learnable.find(({ kind }) => kind === 'btf')
  return region && finder.btfOf(region)
}

function encodeCopies(
  target: ContentView,
  basis: ContentView,
  found: readonly Copy[],
  partBytes: number,
): Delta {
  const copies = limitCopies(found)
  const parts = (): Generator<DeltaPart> => {
    const writers = newWriters()
    writeCopies(copies, writers)
    return encodeParts(target, basis, copies, undefined, writers, partBytes)
  }
  return {
    head: { copies: copies.length, predicted: false },
    literalBytes: target.length - copiedBytes(copies),
    isTaught: false,
    parts: again(parts),
  }
}

/** What is not foreseen, and so learns nothing, may be made more than once. */
function again(parts: () => Generator<DeltaPart>): Iterable<DeltaPart> {
  return { [Symbol.iterator]: parts }
}

function findCopiesBySegment(target: ContentView, basis: ContentView): Copy[] {
  const copies: Copy[] = []
  let shift = 0
  for (let start = 0; start < target.length; start += segmentBytes) {
    const length = Math.min(segmentBytes, target.length - start)
    const from = Math.max(0, Math.min(start + shift, basis.length - length) - segmentMarginBytes)
    const window = basis.readAt(from, length + 2 * segmentMarginBytes)
    for (const copy of findCopies(window, target.readAt(start, length), longWindow)) {
      copies.push({ target: copy.target + start, basis: copy.basis + from, length: copy.length })
    }
    const last = copies.at(-1)
    if (last !== undefined) shift = last.basis - last.target
  }
  return copies
}

function windowFor(target: ContentView): number {
  return target.length > longContentBytes ? codeWindow : plainWindow
}

function limitCopies(copies: readonly Copy[]): readonly Copy[] {
  if (copies.length <= maxCopies) return copies
  const longest = [...copies].sort((a, b) => b.length - a.length || a.target - b.target).slice(0, maxCopies)
  return longest.sort((a, b) => a.target - b.target)
}

function copiedBytes(copies: readonly Copy[]): number {
  return copies.reduce((sum, { length }) => sum + length, 0)
}

function writeCopies(copies: readonly Copy[], writers: StreamWriters): void {
  let target = 0
  let basis = 0
  for (const copy of copies) {
    writers.literalLengths.unsigned(copy.target - target)
    writers.copyLengths.unsigned(copy.length)
    writers.seeks.signed(copy.basis - basis)
    target = copy.target + copy.length
    basis = copy.basis + copy.length
  }
}

function* encodeParts(
  target: ContentView,
  basis: ContentView,
  copies: readonly Copy[],
  prediction: Prediction | undefined,
  first: StreamWriters,
  partBytes: number,
): Generator<DeltaPart> {
  let writers = first
  let partStart = 0
  let differences = new DifferenceWriter(writers)
  for (const step of stepsOf(copies, target.length)) {
    if (totalBytes(writers) + step.length > partBytes && step.target > partStart) {
      differences.end()
      yield { targetBytes: step.target - partStart, streams: writers }
      partStart = step.target
      writers = newWriters()
      differences = new DifferenceWriter(writers)
    }
    const wanted = target.readAt(step.target, step.length)
    if (step.basis === undefined) {
      writers.literals.bytes(wanted)
    } else {
      const bytes = Uint8Array.from(basis.readAt(step.basis, step.length))
      if (prediction !== undefined) predictStep(prediction, bytes, step.basis, step.target, wanted)
      differences.add(bytes, wanted)
    }
  }
  differences.end()
  yield { targetBytes: target.length - partStart, streams: writers }
}

function predictStep(
  { predictor, learner }: Prediction,
  bytes: Uint8Array,
  basis: number,
  target: number,
  wanted: Uint8Array,
): void {
  const parts = learner.open(bytes, basis)
  predictor.predict(bytes, basis, target)
  const view = new DataView(wanted.buffer, wanted.byteOffset, wanted.byteLength)
  for (const { region, from, to } of parts) {
    const outcome: Outcome = (at) => view.getUint32(from + at, true)
    learner.predict(region, bytes.subarray(from, to), basis + from, target + from, outcome)
  }
}

/** At most `stepBytes` of the target: copied, or, without a basis, literal. */
interface Step {
  readonly target: number
  readonly basis: number | undefined
  readonly length: number
}

function* stepsOf(copies: readonly Copy[], targetLength: number): Generator<Step> {
  let at = 0
  for (const copy of copies) {
    yield* literalSteps(at, copy.target)
    for (let done = 0; done < copy.length; done += stepBytes) {
      const length = Math.min(stepBytes, copy.length - done)
      yield { target: copy.target + done, basis: copy.basis + done, length }
    }
    at = copy.target + copy.length
  }
  yield* literalSteps(at, targetLength)
}

function* literalSteps(from: number, to: number): Generator<Step> {
  for (let at = from; at < to; at += stepBytes) {
    yield { target: at, basis: undefined, length: Math.min(stepBytes, to - at) }
  }
}

/**
 * Where copied bytes differ from what is wanted: in turn how many agree, how many do not, and by how much. What is
 * written last reaches to the end of the copied bytes.
 */
class DifferenceWriter {
  readonly #writers: StreamWriters
  #gap = 0
  #run = 0

  constructor(writers: StreamWriters) {
    this.#writers = writers
  }

  add(predicted: Uint8Array, wanted: Uint8Array): void {
    const { gaps, differences } = this.#writers
    for (let at = 0; at < wanted.length; at++) {
      const difference = ((wanted[at] as number) - (predicted[at] as number)) & 0xff
      if (difference === 0) {
        if (this.#run > 0) this.#endRun()
        this.#gap++
        continue
      }
      if (this.#run === 0) {
        gaps.unsigned(this.#gap)
        this.#gap = 0
      }
      this.#run++
      differences.byte(difference)
    }
  }

  end(): void {
    if (this.#run > 0) this.#endRun()
    else if (this.#gap > 0) this.#writers.gaps.unsigned(this.#gap)
  }

  #endRun(): void {
    this.#writers.runs.unsigned(this.#run)
    this.#run = 0
  }
}

function all(content: ContentView): Uint8Array {
  return content.readAt(0, content.length)
}
