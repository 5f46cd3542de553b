import type { Copy } from './copy.ts'
import type { ReferenceFinder } from './find-references.ts'
import { instructionTarget } from './move-instruction.ts'
import { form, ReferenceList } from './reference-list.ts'
import type { Region } from './region.ts'
import type { ShiftMap } from './shift-map.ts'

const two32 = 2 ** 32

/** What references say of where addresses went: what was at `from[i]` of the basis is at `to[i]` of the target. */
export interface Evidence {
  readonly from: Float64Array
  readonly to: Float64Array
}

/** Reads every reference that a copy takes over, in the basis and at the same place of the target. */
export function collectEvidence(
  basis: Uint8Array,
  basisFinder: ReferenceFinder,
  target: Uint8Array,
  targetFinder: ReferenceFinder,
  copies: readonly Copy[],
  biases: Float64Array,
  addresses: ShiftMap,
): Evidence {
  const collector = new Collector(basis, basisFinder, target, targetFinder, addresses)
  const found = new ReferenceList()
  for (const copy of copies) {
    for (const region of basisFinder.regions) {
      const from = Math.max(copy.basis, region.offset)
      const to = Math.min(copy.basis + copy.length, region.offset + region.length)
      if (from >= to || region.address === undefined) continue
      found.clear()
      basisFinder.collect(region, basis, from, to, from, found)
      const shift = copy.target - copy.basis
      collector.add(found, region, shift, biases[region.section] as number)
    }
  }
  return collector.evidence()
}

class Collector {
  readonly #basisFinder: ReferenceFinder
  readonly #targetFinder: ReferenceFinder
  readonly #old: DataView
  readonly #new: DataView
  readonly #addresses: ShiftMap
  #from = new Float64Array(4096)
  #to = new Float64Array(4096)
  #count = 0

  constructor(
    basis: Uint8Array,
    basisFinder: ReferenceFinder,
    target: Uint8Array,
    targetFinder: ReferenceFinder,
    addresses: ShiftMap,
  ) {
    this.#basisFinder = basisFinder
    this.#targetFinder = targetFinder
    this.#old = new DataView(basis.buffer, basis.byteOffset, basis.byteLength)
    this.#new = new DataView(target.buffer, target.byteOffset, target.byteLength)
    this.#addresses = addresses
  }

  add(found: ReferenceList, region: Region, shift: number, bias: number): void {
    const { program } = this.#basisFinder
    const { from: low, to: high } = this.#targetFinder.program
    const oldBase = (region.address ?? 0) - region.offset
    const newBase = oldBase + bias
    for (let index = 0; index < found.count; index++) {
      const at = found.offsets[index] as number
      const extra = found.extras[index] as number
      const from = pointee(this.#old, at, found.forms[index] as number, oldBase, extra)
      if (from === undefined || from < program.from || from >= program.to) continue
      // Others count from the reference itself, or keep a distance here.
      const movedExtra = found.forms[index] === form.fromBase ? this.#addresses.map(extra) : extra
      const to = pointee(this.#new, at + shift, found.forms[index] as number, newBase, movedExtra)
      if (to !== undefined && to >= low && to < high) this.#push(from, to)
    }
  }

  evidence(): Evidence {
    return { from: this.#from.subarray(0, this.#count), to: this.#to.subarray(0, this.#count) }
  }

  #push(from: number, to: number): void {
    if (this.#count === this.#from.length) {
      const grownFrom = new Float64Array(this.#count * 2)
      grownFrom.set(this.#from)
      this.#from = grownFrom
      const grownTo = new Float64Array(this.#count * 2)
      grownTo.set(this.#to)
      this.#to = grownTo
    }
    this.#from[this.#count] = from
    this.#to[this.#count] = to
    this.#count++
  }
}

/** The address that the reference at `at` points at; undefined for forms that hold several or none. */
function pointee(
  view: DataView,
  at: number,
  kind: number,
  toAddress: number,
  base: number,
): number | undefined {
  switch (kind) {
    case form.afterField:
      return at + toAddress + 4 + view.getInt32(at, true)
    case form.fromField:
      return at + toAddress + view.getInt32(at, true)
    case form.branch26:
    case form.address21:
    case form.page21:
      return instructionTarget(view, at, kind, base, at + toAddress)
    case form.fromBase:
      return base + view.getInt32(at, true)
    case form.absolute32:
      return view.getUint32(at, true)
    case form.absolute:
      return view.getUint32(at, true) + view.getUint32(at + 4, true) * two32
    default:
      return undefined
  }
}
