import type { Btf } from './btf.ts'
import { BtfStrings } from './btf-strings.ts'
import type { Copy } from './copy.ts'
import type { DeltaContext } from './delta-context.ts'
import type { ReadAt } from './elf.ts'
import { moveTypes } from './type-layout.ts'
import type { TypeLayout } from './type-layout.ts'
import { TypeMovement } from './type-movement.ts'

/**
 * What the type ids and names in a BTF section become. Those of the section itself move as the copies move types, and
 * as the types name strings; those of its base as the context has learned.
 */
export class BtfMovement {
  readonly #btf: Btf
  readonly #context: DeltaContext
  readonly #types: TypeMovement
  readonly #newFirstType: number
  readonly #strings: BtfStrings
  /** How far the copy that makes the strings moves them, in the file. */
  readonly #stringsShift: number | undefined
  /** The type that was last asked for: the next is mostly near. */
  #type = 0

  constructor(
    btf: Btf,
    readBasis: ReadAt,
    copies: readonly Copy[],
    layout: TypeLayout,
    context: DeltaContext,
  ) {
    this.#btf = btf
    this.#context = context
    this.#types = new TypeMovement(btf.types.length, moveTypes(btf, copies, layout))
    this.#newFirstType = btf.firstType + layout.baseTypes
    this.#strings = new BtfStrings(btf, readBasis, layout.baseStrings)
    this.#stringsShift = shiftOfStrings(btf, copies)
  }

  /** `at` is where the id stands in the basis. */
  mapType(id: number, at: number): number {
    const { firstType } = this.#btf
    if (id < firstType) return id + this.#context.baseTypes.shiftAt(id)
    return this.#newFirstType + this.#types.map(id - firstType, this.#typeAt(at))
  }

  /** Tells what `id` became, where it was thought to become `predicted`. */
  settleType(id: number, predicted: number, became: number): void {
    const { firstType } = this.#btf
    if (id < firstType) this.#context.baseTypes.learn(id, became - id)
    else if (became !== predicted) this.#types.settle(id - firstType, became - this.#newFirstType)
  }

  #typeAt(offset: number): number {
    const { types } = this.#btf
    let index = this.#type
    if (index >= types.length || (types[index] as number) > offset) index = 0
    if ((types[index + 64] ?? Infinity) <= offset) index = lastAtMost(types, offset)
    while ((types[index + 1] ?? Infinity) <= offset) index++
    this.#type = index
    return index
  }

  mapName(name: number): number {
    const { firstString } = this.#btf
    if (name < firstString) return name + this.#context.baseStrings.shiftAt(name)
    return firstString + this.#strings.map(name - firstString)
  }

  settleName(name: number, became: number): void {
    const { firstString } = this.#btf
    if (name < firstString) this.#context.baseStrings.learn(name, became - name)
    else this.#strings.settle(name - firstString, became - firstString)
  }

  /** `bytes` hold the basis from offset `basis` on and go to `target`: writes the strings that are known by now. */
  fillStrings(bytes: Uint8Array, basis: number, target: number): void {
    const { strings, stringsEnd } = this.#btf
    const from = Math.max(basis, strings)
    const to = Math.min(basis + bytes.length, stringsEnd)
    if (from >= to || target - basis !== this.#stringsShift) return
    const part = bytes.subarray(from - basis, to - basis)
    this.#strings.fill(part, from - strings, to - strings)
  }
}

function shiftOfStrings(btf: Btf, copies: readonly Copy[]): number | undefined {
  let longest = 0
  let shift: number | undefined
  for (const { target, basis, length } of copies) {
    const common = Math.min(basis + length, btf.stringsEnd) - Math.max(basis, btf.strings)
    if (common <= longest) continue
    longest = common
    shift = target - basis
  }
  return shift
}

/** 0 for none. */
function lastAtMost(sorted: Float64Array, value: number): number {
  let low = 0
  let high = sorted.length - 1
  while (low < high) {
    const middle = (low + high + 1) >>> 1
    if ((sorted[middle] as number) <= value) low = middle
    else high = middle - 1
  }
  return low
}
