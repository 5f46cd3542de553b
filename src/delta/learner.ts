import { BtfMovement } from './btf-movement.ts'
import type { Copy } from './copy.ts'
import { predictCounter } from './counters.ts'
import type { DeltaContext } from './delta-context.ts'
import type { ReadAt } from './elf.ts'
import type { ReferenceFinder } from './find-references.ts'
import type { Layout } from './layout.ts'
import { form } from './reference-list.ts'
import { firstEntry, relocationBytes, symbolBytes, type Region } from './region.ts'
import { newSymbols, RelocationLearner } from './relocation-learner.ts'
import type { StepRoom } from './step-room.ts'

/** Tells what the 32 bits at `at` really become, after `predicted` was written there. Unsigned. */
export type Outcome = (at: number, predicted: number) => number

/** A part of a step that lies in one region, by where it is in the step. */
export interface RegionPart {
  readonly region: Region
  readonly from: number
  readonly to: number
}

const noTypes = { baseTypes: 0, baseStrings: 0, newTypes: [] }

/**
 * Foresees fields of which nobody knows beforehand what they become, as it depends on what is not at hand: one field
 * after another, learning from each.
 */
export class Learner {
  readonly #finder: ReferenceFinder
  readonly #readBasis: ReadAt
  readonly #copies: readonly Copy[]
  readonly #layout: Layout
  readonly #context: DeltaContext
  readonly #room: StepRoom
  /** What was opened last, from this offset of the basis on. */
  #old: Uint8Array = new Uint8Array(0)
  #oldStart = 0
  readonly #movements = new Map<Region, BtfMovement>()
  /** By how much the last counter moved. */
  #counterShift = 0
  readonly #relocations = new Map<Region, RelocationLearner>()
  /** By section of symbols: what each became. */
  readonly #symbols = new Map<number, Int32Array>()

  constructor(
    finder: ReferenceFinder,
    readBasis: ReadAt,
    copies: readonly Copy[],
    layout: Layout,
    context: DeltaContext,
    room: StepRoom,
  ) {
    this.#room = room
    this.#finder = finder
    this.#readBasis = readBasis
    this.#copies = copies
    this.#layout = layout
    this.#context = context
  }

  /** What there is to learn from in `bytes`, which hold the basis from offset `basis` on, as it is. */
  open(bytes: Uint8Array, basis: number): RegionPart[] {
    const parts: RegionPart[] = []
    for (const region of this.#finder.learnable) {
      const from = Math.max(0, region.offset - basis)
      const to = Math.min(bytes.length, region.offset + region.length - basis)
      if (from < to) parts.push({ region, from, to })
    }
    if (parts.some(({ region }) => region.kind === 'rela')) {
      this.#old = this.#room.keepBasis(bytes)
      this.#oldStart = basis
    }
    return parts
  }

  /**
   * `bytes` hold a part of what was opened, as the copies foresee it: the basis from offset `basis` on. They go to
   * offset `target`; `outcome` counts from there.
   */
  predict(region: Region, bytes: Uint8Array, basis: number, target: number, outcome: Outcome): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    if (region.kind === 'rela') {
      this.#predictRelocations(region, view, basis, outcome)
      return
    }
    this.#room.found.clear()
    this.#finder.collect(region, bytes, 0, bytes.length, basis, this.#room.found)
    if (region.kind === 'btf') {
      const movement = this.#movementOf(region)
      this.#predictTypes(movement, view, basis, outcome)
      movement.fillStrings(bytes, basis, target)
    } else if (region.kind === 'names') this.#predictCounters(view, basis, outcome)
    else this.#predictChecksums(view, basis, outcome)
  }

  #predictTypes(movement: BtfMovement, view: DataView, basis: number, outcome: Outcome): void {
    const { offsets, forms, count } = this.#room.found
    for (let index = 0; index < count; index++) {
      const at = (offsets[index] as number) - basis
      const value = view.getUint32(at, true)
      const isType = forms[index] === form.typeId
      const predicted = (isType ? movement.mapType(value, at + basis) : movement.mapName(value)) >>> 0
      view.setUint32(at, predicted, true)
      const became = outcome(at, predicted)
      if (isType) movement.settleType(value, predicted, became)
      else movement.settleName(value, became)
    }
  }

  #predictRelocations(region: Region, view: DataView, basis: number, outcome: Outcome): void {
    const { buffer, byteOffset } = this.#old
    const old = new DataView(buffer, byteOffset + basis - this.#oldStart, view.byteLength)
    const learner = this.#relocationsOf(region)
    const first = firstEntry(region, relocationBytes, basis) - basis
    for (let at = first; at + relocationBytes <= view.byteLength; at += relocationBytes) {
      learner.predict(old, view, at, outcome)
    }
  }

  #predictCounters(view: DataView, basis: number, outcome: Outcome): void {
    const { offsets, extras, count } = this.#room.found
    for (let index = 0; index < count; index++) {
      const at = (offsets[index] as number) - basis
      this.#counterShift = predictCounter(view, at, extras[index] as number, this.#counterShift, outcome)
    }
  }

  #relocationsOf(region: Region): RelocationLearner {
    let learner = this.#relocations.get(region)
    if (learner === undefined) {
      let symbols = this.#symbols.get(region.link)
      if (symbols === undefined) {
        const table = this.#finder.executable.regions[region.link]
        symbols = newSymbols(Math.floor((table?.length ?? 0) / symbolBytes))
        this.#symbols.set(region.link, symbols)
      }
      this.#relocations.set(region, (learner = new RelocationLearner(symbols)))
    }
    return learner
  }

  #predictChecksums(view: DataView, basis: number, outcome: Outcome): void {
    const { checksums } = this.#context
    const { offsets, count } = this.#room.found
    for (let index = 0; index < count; index++) {
      const at = (offsets[index] as number) - basis
      const value = view.getUint32(at, true)
      const predicted = checksums.valueOf(value)
      view.setUint32(at, predicted, true)
      const became = outcome(at, predicted)
      if (became !== predicted) checksums.learn(value, became)
    }
  }

  #movementOf(region: Region): BtfMovement {
    let movement = this.#movements.get(region)
    if (movement === undefined) {
      movement = new BtfMovement(
        this.#finder.btfOf(region),
        this.#readBasis,
        this.#copies,
        this.#layout.types ?? noTypes,
        this.#context,
      )
      this.#movements.set(region, movement)
    }
    return movement
  }
}
