import type { ReadAt } from './elf.ts'
import type { ParsedTable } from './parsed-table.ts'
import { form } from './reference-list.ts'
import type { Region } from './region.ts'

/** A section larger than this is not looked into: the reader must hold it. */
const maxSectionBytes = 128 << 20
/** Go 1.20 and later; 1.18 and 1.19 have the same layout under another number. */
const magics: ReadonlySet<number> = new Set([0xffff_fff1, 0xffff_fff0])
const functionBytes = 44

/**
 * The 32-bit offsets in Go's table of functions and lines (`runtime.pclntab`: runtime/symtab.go, `pcHeader` and
 * `_func`): where each function starts, and where its name, its line tables and its function data lie.
 */
export function readGoLines(region: Region, readAt: ReadAt): ParsedTable {
  const found: Found = { offsets: [], bases: [] }
  if (region.length <= maxSectionBytes && region.length >= 72 && region.address !== undefined) {
    const bytes = readAt(region.offset, region.length)
    if (bytes.length === region.length) readTable(bytes, region.offset, region.address, found)
  }
  return {
    offsets: Float64Array.from(found.offsets),
    forms: new Uint8Array(found.offsets.length).fill(form.fromBase),
    extras: Float64Array.from(found.bases),
  }
}

interface Found {
  readonly offsets: number[]
  readonly bases: number[]
}

function readTable(bytes: Uint8Array, fileOffset: number, address: number, found: Found): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (!magics.has(view.getUint32(0, true)) || view.getUint8(7) !== 8) return
  const word = (index: number): number =>
    view.getUint32(8 + index * 8, true) + view.getUint32(12 + index * 8, true) * 2 ** 32
  const functions = word(0)
  const [text, names, units, lines, table] = [word(2), word(3), word(4), word(6), word(7)]
  if (table + functions * 8 + 4 > bytes.length) return
  const add = (at: number, base: number): void => {
    found.offsets.push(fileOffset + at)
    found.bases.push(base)
  }
  for (let index = 0; index < functions; index++) {
    add(table + index * 8, text)
    add(table + index * 8 + 4, address + table)
  }
  add(table + functions * 8, text)
  let end = table + functions * 8 + 4
  for (let index = 0; index < functions; index++) {
    const at = table + view.getUint32(table + index * 8 + 4, true)
    if (at < end || at + functionBytes > bytes.length) return
    add(at, text)
    add(at + 4, address + names)
    for (const field of [16, 20, 24]) add(at + field, address + lines)
    add(at + 32, address + units)
    const lineTables = view.getUint32(at + 28, true)
    end = at + functionBytes + lineTables * 4
    if (end > bytes.length) return
    for (let i = 0; i < lineTables; i++) add(at + functionBytes + i * 4, address + lines)
  }
}
