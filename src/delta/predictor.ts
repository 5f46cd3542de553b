import type { ReadAt } from './elf.ts'
import type { ReferenceFinder } from './find-references.ts'
import { moveInstruction } from './move-instruction.ts'
import { form, ReferenceList } from './reference-list.ts'
import type { InstructionForm } from './reference-list.ts'
import type { Region } from './region.ts'
import type { SectionLayout } from './section-layout.ts'
import type { ShiftMap } from './shift-map.ts'

const symbolBytes = 24
const sectionBytes = 64
const sectionSymbol = 3
const maxSymbolBytes = 32 << 20
const two32 = 2 ** 32

/** Where the parts of the basis have gone in the target. */
export interface Movement {
  /** From offsets of the basis to offsets of the target. */
  readonly offsets: ShiftMap
  /** From addresses of the basis to addresses of the target. */
  readonly addresses: ShiftMap
  /** By region: what is added to address minus offset. */
  readonly biases: Float64Array
  /** Where nothing is linked yet. */
  readonly sections: SectionLayout | undefined
}

/** Rewrites the references in a copy of basis content to what they will be where they and their targets go. */
export class Predictor {
  readonly #finder: ReferenceFinder
  readonly #movement: Movement
  readonly #readAt: ReadAt
  readonly #found = new ReferenceList()
  readonly #symbols = new Map<Region, Uint8Array>()

  constructor(finder: ReferenceFinder, movement: Movement, readAt: ReadAt) {
    this.#finder = finder
    this.#movement = movement
    this.#readAt = readAt
  }

  /** `bytes` hold the basis from offset `basis` on, and will be at offset `target`. */
  predict(bytes: Uint8Array, basis: number, target: number): void {
    const end = basis + bytes.length
    for (const region of this.#finder.regions) {
      const from = Math.max(basis, region.offset)
      const to = Math.min(end, region.offset + region.length)
      if (from >= to) continue
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
          this.#moveAddress(view, at)
          break
        case form.relocation:
          this.#rewriteRelocation(view, at, region)
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

  #moveAddress(view: DataView, at: number): void {
    const value = readWord(view, at)
    const { from, to } = this.#finder.program
    if (value > 0 && value >= from && value <= to) writeWord(view, at, this.#movement.addresses.map(value))
  }

  #rewriteSection(view: DataView, at: number, index: number): void {
    const { sections } = this.#movement
    const region = this.#finder.executable.regions[index]
    if (sections === undefined || region === undefined || index === 0) return
    writeWord(view, at + 24, sections.starts[index] as number)
    writeWord(view, at + 32, sections.sizes[index] as number)
    // One more than the last local symbol.
    if (region.kind === 'symbols' && region.info > 0) {
      const last = this.#moveInside(region, (region.info - 1) * symbolBytes)
      view.setUint32(at + 44, Math.floor(last / symbolBytes) + 1, true)
    }
  }

  /** A position counted from the start of a section, after both have moved. */
  #moveInside({ section, offset }: Region, position: number): number {
    const { offsets, sections } = this.#movement
    const shift =
      sections === undefined ? offsets.shiftAt(offset) : (sections.starts[section] as number) - offset
    return position + offsets.shiftAt(offset + position) - shift
  }

  #rewriteRelocation(view: DataView, at: number, region: Region): void {
    const { relocatable, regions } = this.#finder.executable
    const symbols = regions[region.link]
    const symbol = view.getUint32(at + 12, true)
    if (!relocatable) {
      this.#moveAddress(view, at)
      this.#moveAddress(view, at + 16)
    } else {
      const place = regions[region.info]
      if (place !== undefined) writeWord(view, at, this.#moveInside(place, readWord(view, at)))
      const section = symbols && this.#sectionOfSymbol(symbols, symbol)
      if (section !== undefined) {
        writeWord(view, at + 16, this.#moveInside(section, readWord(view, at + 16)))
      }
    }
    if (symbols !== undefined && symbol !== 0) {
      const moved = this.#moveInside(symbols, symbol * symbolBytes) / symbolBytes
      view.setUint32(at + 12, Math.floor(moved), true)
    }
  }

  #rewriteSymbol(view: DataView, at: number, region: Region): void {
    const { offsets, addresses } = this.#movement
    const { relocatable, regions } = this.#finder.executable
    const names = regions[region.link]
    if (names !== undefined) view.setUint32(at, this.#moveInside(names, view.getUint32(at, true)), true)
    const section = regions[view.getUint16(at + 6, true)]
    const value = readWord(view, at + 8)
    const size = readWord(view, at + 16)
    if (section === undefined || section.section === 0 || !Number.isSafeInteger(value + size)) return
    if (relocatable) {
      const start = this.#moveInside(section, value)
      writeWord(view, at + 16, size + growth(offsets, section.offset + value, size))
      writeWord(view, at + 8, start)
    } else {
      const start = addresses.map(value)
      writeWord(view, at + 16, size + growth(addresses, value, size))
      writeWord(view, at + 8, start)
    }
  }

  /** Empty for what is no table, lies over another one, or is too large to be held. */
  #readSymbols(symbols: Region): Uint8Array {
    const isHeld =
      symbols.kind === 'symbols' && symbols.length <= maxSymbolBytes && this.#finder.regions.includes(symbols)
    return isHeld ? this.#readAt(symbols.offset, symbols.length) : new Uint8Array()
  }

  /** The section that a section symbol stands for; undefined for other symbols. */
  #sectionOfSymbol(symbols: Region, index: number): Region | undefined {
    let table = this.#symbols.get(symbols)
    if (table === undefined) {
      table = this.#readSymbols(symbols)
      this.#symbols.set(symbols, table)
    }
    const at = index * symbolBytes
    if (at + symbolBytes > table.length || ((table[at + 4] as number) & 0xf) !== sectionSymbol)
      return undefined
    return this.#finder.executable.regions[(table[at + 6] as number) | ((table[at + 7] as number) << 8)]
  }
}

/** Signed, and exact below 2^53 in size. */
function readWord(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getInt32(at + 4, true) * two32
}

function writeWord(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true)
  view.setInt32(at + 4, Math.floor(value / two32), true)
}

/** How much longer it becomes, what starts at `start` and is `length` long: its last byte moves with it. */
function growth(map: ShiftMap, start: number, length: number): number {
  return length > 0 ? map.shiftAt(start + length - 1) - map.shiftAt(start) : 0
}
