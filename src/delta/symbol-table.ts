import type { ReadAt } from './elf.ts'
import type { ReferenceFinder } from './find-references.ts'
import { moveInside, type Movement } from './movement.ts'
import { symbolBytes, type Region } from './region.ts'

const sectionSymbol = 3
const maxTableBytes = 32 << 20
const unknown = -1

/** What relocations ask of the symbols they refer to by their numbers. */
export class SymbolTable {
  readonly #region: Region
  readonly #movement: Movement
  /** Empty for what is no table, lies over another one, or is too large to be held. */
  readonly #bytes: Uint8Array
  /** By symbol: its number in the target, as far as it was asked for. */
  readonly #became: Int32Array

  constructor(region: Region, finder: ReferenceFinder, movement: Movement, readAt: ReadAt) {
    this.#region = region
    this.#movement = movement
    const isHeld =
      finder.executable.relocatable &&
      region.kind === 'symbols' &&
      region.length <= maxTableBytes &&
      finder.regions.includes(region)
    this.#bytes = isHeld ? readAt(region.offset, region.length) : new Uint8Array()
    this.#became = new Int32Array(Math.floor(this.#bytes.length / symbolBytes)).fill(unknown)
  }

  /** The number of a symbol in the target, as 32 bits of either sign. */
  became(symbol: number): number {
    const known = this.#became[symbol] ?? unknown
    if (known !== unknown) return known
    const moved = moveInside(this.#movement, this.#region, symbol * symbolBytes)
    const became = Math.floor(moved / symbolBytes) | 0
    if (symbol < this.#became.length) this.#became[symbol] = became
    return became
  }

  /** The number of the section that a section symbol stands for; undefined for other symbols. */
  sectionOf(symbol: number): number | undefined {
    const table = this.#bytes
    const at = symbol * symbolBytes
    if (at + symbolBytes > table.length || ((table[at + 4] as number) & 0xf) !== sectionSymbol)
      return undefined
    return (table[at + 6] as number) | ((table[at + 7] as number) << 8)
  }
}
