import type { ReadAt } from './elf.ts'
import type { ReferenceFinder } from './find-references.ts'
import { moveAddress, shiftOfStart, type Movement } from './movement.ts'
import { firstEntry, relocationBytes, type Region } from './region.ts'
import type { ShiftMap } from './shift-map.ts'
import { SymbolTable } from './symbol-table.ts'
import { readWord, writeWord } from './word.ts'

const noSection = -1

/**
 * Rewrites Elf64_Rela entries (System V gABI, "Relocation"). A kernel's modules have millions: what is asked for each
 * is asked of a map of its own, which mostly finds it where it found the one before.
 */
export class RelocationRewriter {
  readonly #finder: ReferenceFinder
  readonly #movement: Movement
  readonly #readAt: ReadAt
  readonly #symbols = new Map<Region, SymbolTable>()
  /** By section: of places in it, and of addends that count from it. */
  readonly #places: ShiftMap[] = []
  readonly #addends: ShiftMap[] = []

  constructor(finder: ReferenceFinder, movement: Movement, readAt: ReadAt) {
    this.#finder = finder
    this.#movement = movement
    this.#readAt = readAt
  }

  /** All entries of `region` that lie wholly in `bytes`, which hold the basis from offset `basis` on. */
  rewrite(region: Region, bytes: Uint8Array, basis: number): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const from = firstEntry(region, relocationBytes, Math.max(basis, region.offset)) - basis
    const to = Math.min(bytes.length, region.offset + region.length - basis)
    const { relocatable, regions } = this.#finder.executable
    const { addresses } = this.#movement
    const linked = regions[region.link]
    const symbols = linked && this.#symbolsOf(linked)
    const place = relocatable ? regions[region.info] : undefined
    for (let at = from; at + relocationBytes <= to; at += relocationBytes) {
      const symbol = view.getUint32(at + 12, true)
      if (!relocatable) {
        moveAddress(view, at, this.#finder.program, addresses)
        moveAddress(view, at + 16, this.#finder.program, addresses)
      } else {
        if (place !== undefined) this.#moveInside(view, at, place, this.#places)
        const section = regions[symbols?.sectionOf(symbol) ?? noSection]
        if (section !== undefined) this.#moveInside(view, at + 16, section, this.#addends)
      }
      if (symbols !== undefined && symbol !== 0) view.setInt32(at + 12, symbols.became(symbol), true)
    }
  }

  #moveInside(view: DataView, at: number, section: Region, maps: ShiftMap[]): void {
    const map = (maps[section.section] ??= this.#movement.offsets.another())
    const position = readWord(view, at)
    writeWord(
      view,
      at,
      position + map.shiftAt(section.offset + position) - shiftOfStart(section, this.#movement),
    )
  }

  #symbolsOf(region: Region): SymbolTable {
    let table = this.#symbols.get(region)
    if (table === undefined) {
      table = new SymbolTable(region, this.#finder, this.#movement, this.#readAt)
      this.#symbols.set(region, table)
    }
    return table
  }
}
