import type { ReadAt } from './elf.ts'
import type { ReferenceFinder } from './find-references.ts'
import { moveInstruction } from './move-instruction.ts'
import { moveAddress, moveInside, type Movement } from './movement.ts'
import { form } from './reference-list.ts'
import type { InstructionForm, ReferenceList } from './reference-list.ts'
import { symbolBytes, type Region } from './region.ts'
import { RelocationRewriter } from './relocation-rewriter.ts'
import type { ShiftMap } from './shift-map.ts'
import { readWord, writeWord } from './word.ts'

const sectionBytes = 64

/** Rewrites the references in a copy of basis content to what they will be where they and their targets go. */
export class Predictor {
  readonly #finder: ReferenceFinder
  readonly #movement: Movement
  readonly #relocations: RelocationRewriter
  readonly #found: ReferenceList

  /** `found` is used for a moment. */
  constructor(finder: ReferenceFinder, movement: Movement, readAt: ReadAt, found: ReferenceList) {
    this.#found = found
    this.#finder = finder
    this.#movement = movement
    this.#relocations = new RelocationRewriter(finder, movement, readAt)
  }

  /** `bytes` hold the basis from offset `basis` on, and will be at offset `target`. */
  predict(bytes: Uint8Array, basis: number, target: number): void {
    const end = basis + bytes.length
    for (const region of this.#finder.regions) {
      const from = Math.max(basis, region.offset)
      const to = Math.min(end, region.offset + region.length)
      if (from >= to) continue
      if (region.kind === 'rela') {
        this.#relocations.rewrite(region, bytes, basis)
        continue
      }
      this.#found.clear()
      this.#finder.collect(region, bytes, from - basis, to - basis, from, this.#found)
      this.#rewrite(bytes, basis, region, target - basis)
    }
  }

  #rewrite(bytes: Uint8Array, basis: number, region: Region, shift: number): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const { addresses, biases } = this.#movement
    const fieldShift = shift + (biases[region.section] as number)
    const toAddress = (region.address ?? 0) - region.offset
    const from = Math.max(basis, region.offset) + toAddress
    const to = Math.min(basis + bytes.length, region.offset + region.length) + toAddress
    const code = { bytes: view, from, to, shift: fieldShift, addresses }
    const { offsets, forms, extras, count } = this.#found
    for (let index = 0; index < count; index++) {
      const offset = offsets[index] as number
      const at = offset - basis
      switch (forms[index] as number) {
        case form.afterField: {
          const value = view.getInt32(at, true)
          const moved = addresses.shiftAt(offset + toAddress + 4 + value)
          view.setInt32(at, value + moved - fieldShift, true)
          break
        }
        case form.fromField: {
          const value = view.getInt32(at, true)
          const moved = addresses.shiftAt(offset + toAddress + value)
          view.setInt32(at, value + moved - fieldShift, true)
          break
        }
        case form.fromBase: {
          const value = view.getInt32(at, true)
          const base = extras[index] as number
          view.setInt32(at, value + addresses.shiftAt(base + value) - addresses.shiftAt(base), true)
          break
        }
        case form.backFromField: {
          const value = view.getInt32(at, true)
          const moved = addresses.shiftAt(offset + toAddress - value)
          view.setInt32(at, value + fieldShift - moved, true)
          break
        }
        case form.extent: {
          const value = view.getInt32(at, true)
          view.setInt32(at, value + growth(addresses, extras[index] as number, value), true)
          break
        }
        case form.absolute32: {
          const value = view.getUint32(at, true)
          view.setInt32(at, addresses.map(value), true)
          break
        }
        case form.absolute:
          moveAddress(view, at, this.#finder.program, addresses)
          break
        case form.symbol:
          this.#rewriteSymbol(view, at, region)
          break
        case form.section:
          this.#rewriteSection(view, at, (offset - region.offset) / sectionBytes)
          break
        case form.sectionTable:
          if (this.#movement.sections !== undefined) writeWord(view, at, this.#movement.sections.table)
          break
        case form.branch26:
        case form.branch19:
        case form.branch14:
        case form.address21:
        case form.page21:
        case form.low12:
          moveInstruction(
            code,
            at,
            forms[index] as InstructionForm,
            extras[index] as number,
            offset + toAddress,
          )
          break
        default:
          break
      }
    }
  }

  #rewriteSection(view: DataView, at: number, index: number): void {
    const { sections } = this.#movement
    const region = this.#finder.executable.regions[index]
    if (sections === undefined || region === undefined || index === 0) return
    writeWord(view, at + 24, sections.starts[index] as number)
    writeWord(view, at + 32, sections.sizes[index] as number)
    // One more than the last local symbol.
    if (region.kind === 'symbols' && region.info > 0) {
      const last = moveInside(this.#movement, region, (region.info - 1) * symbolBytes)
      view.setUint32(at + 44, Math.floor(last / symbolBytes) + 1, true)
    }
  }

  #rewriteSymbol(view: DataView, at: number, region: Region): void {
    const { offsets, addresses } = this.#movement
    const { relocatable, regions } = this.#finder.executable
    const names = regions[region.link]
    if (names !== undefined)
      view.setUint32(at, moveInside(this.#movement, names, view.getUint32(at, true)), true)
    const section = regions[view.getUint16(at + 6, true)]
    const value = readWord(view, at + 8)
    const size = readWord(view, at + 16)
    if (section === undefined || section.section === 0 || !Number.isSafeInteger(value + size)) return
    if (relocatable) {
      const start = moveInside(this.#movement, section, value)
      writeWord(view, at + 16, size + growth(offsets, section.offset + value, size))
      writeWord(view, at + 8, start)
    } else {
      const start = addresses.map(value)
      writeWord(view, at + 16, size + growth(addresses, value, size))
      writeWord(view, at + 8, start)
    }
  }
}

/** How much longer it becomes, what starts at `start` and is `length` long: its last byte moves with it. */
function growth(map: ShiftMap, start: number, length: number): number {
  return length > 0 ? map.shiftAt(start + length - 1) - map.shiftAt(start) : 0
}
