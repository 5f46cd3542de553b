import { readBtf } from './btf.ts'
import type { Btf } from './btf.ts'
import { collectCounters } from './counters.ts'
import type { Executable, ReadAt } from './elf.ts'
import { FrameTable } from './eh-frame.ts'
import { readGoLines } from './go-lines.ts'
import { collectParsed, type ParsedTable } from './parsed-table.ts'
import { form } from './reference-list.ts'
import type { Form, ReferenceList } from './reference-list.ts'
import { firstEntry, relocationBytes, symbolBytes } from './region.ts'
import type { Region, RegionKind } from './region.ts'
import { scanAarch64 } from './scan-aarch64.ts'
import { scanX86 } from './scan-x86-64.ts'
import type { AddressRange } from './scan-x86-64.ts'

const learnableKinds: ReadonlySet<RegionKind> = new Set(['btf', 'names', 'versions', 'checksums'])
const minJumps = 3
/** Programs that are loaded where they please start at address 0; fixed ones well above it. */
const fixedFrom = 0x10000
const headerBytes = 64
/** Of the file's header: where it says where the section table is. */
const tableOffsetAt = 40
const versionBytes = 64
const checksumBytes = 4
/** Of `.eh_frame_hdr`, before its table. */
const frameHeaderBytes = 12

/** Finds the references in any part of an executable. */
export class ReferenceFinder {
  readonly executable: Executable
  /** Regions that hold references, by offset, without those that overlap an earlier one. */
  readonly regions: readonly Region[]
  /** Likewise, those of which fields are learned from the ones before; only relocations are in both. */
  readonly learnable: readonly Region[]
  readonly program: AddressRange
  readonly code: AddressRange
  readonly #readAt: ReadAt
  readonly #frames = new Map<Region, FrameTable>()
  readonly #goLines = new Map<Region, ParsedTable>()
  readonly #btf = new Map<Region, Btf>()

  constructor(executable: Executable, readAt: ReadAt) {
    this.executable = executable
    this.#readAt = readAt
    const regions = withoutOverlaps([
      ...(executable.relocatable ? headersOf(executable) : []),
      ...executable.regions.filter((region) => region.kind !== 'plain'),
    ])
    this.regions = regions.filter((region) => !learnableKinds.has(region.kind))
    this.learnable = regions.filter(
      ({ kind }) => learnableKinds.has(kind) || (kind === 'rela' && executable.relocatable),
    )
    this.program = rangeOf(executable.regions)
    this.code = rangeOf(executable.regions.filter((region) => region.kind === executable.machine))
  }

  /**
   * Adds to `found` what lies wholly in `bytes` from `from` to `to` and in `region`; `bytes[from]` is at `offset` of
   * the file, inside the region.
   */
  collect(
    region: Region,
    bytes: Uint8Array,
    from: number,
    to: number,
    offset: number,
    found: ReferenceList,
  ): void {
    switch (region.kind) {
      case 'plain':
        return
      case 'x86-64': {
        const address = (region.address ?? 0) + offset - region.offset
        return scanX86(
          bytes,
          from,
          to,
          offset,
          address,
          this.code,
          this.program,
          this.program.from >= fixedFrom,
          found,
        )
      }
      case 'aarch64': {
        const address = (region.address ?? 0) + offset - region.offset
        return scanAarch64(bytes, from, to, offset, address, this.code, this.program, found)
      }
      case 'pointers':
        return this.#collectPointers(region, bytes, from, to, offset, found)
      case 'jump-tables':
        return collectJumps(region, bytes, from, to, offset, this.code, found)
      case 'file-header':
        if (offset <= region.offset + tableOffsetAt && to - from >= region.length)
          found.add(region.offset + tableOffsetAt, form.sectionTable, 0)
        return
      case 'section-table':
        return collectTable(region, headerBytes, to - from, offset, form.section, found)
      case 'rela':
        return collectTable(region, relocationBytes, to - from, offset, form.relocation, found)
      case 'symbols':
        return collectTable(region, symbolBytes, to - from, offset, form.symbol, found)
      case 'eh-frame-header':
        return collectFrameHeader(region, to - from, offset, found)
      case 'eh-frame':
        return this.#framesOf(region).collect(bytes, from, to, offset, found)
      case 'go-lines':
        return collectParsed(this.#goLinesOf(region), to - from, offset, found)
      case 'names':
        return collectCounters(bytes, from, to, offset, found)
      case 'btf':
        return collectParsed(this.btfOf(region), to - from, offset, found)
      case 'versions':
        return collectTable(region, versionBytes, to - from, offset, form.checksum, found)
      case 'checksums':
        return collectTable(region, checksumBytes, to - from, offset, form.checksum, found)
    }
  }

  btfOf(region: Region): Btf {
    let btf = this.#btf.get(region)
    if (btf === undefined) this.#btf.set(region, (btf = readBtf(region, this.#readAt)))
    return btf
  }

  #collectPointers(
    region: Region,
    bytes: Uint8Array,
    from: number,
    to: number,
    offset: number,
    found: ReferenceList,
  ): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const { from: low, to: high } = this.program
    const misaligned = (offset - region.offset) % 8
    let at = from + (misaligned === 0 ? 0 : 8 - misaligned)
    for (; at + 8 <= to; at += 8) {
      const target = view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32
      if (target >= low && target < high && target !== 0) found.add(at - from + offset, form.absolute, 0)
    }
  }

  #framesOf(region: Region): FrameTable {
    let table = this.#frames.get(region)
    if (table === undefined) this.#frames.set(region, (table = new FrameTable(region, this.#readAt)))
    return table
  }

  #goLinesOf(region: Region): ParsedTable {
    let table = this.#goLines.get(region)
    if (table === undefined) this.#goLines.set(region, (table = readGoLines(region, this.#readAt)))
    return table
  }
}

/**
 * Tables of 32-bit distances from the table's start to code, as compilers write for `switch`. Where one starts is not
 * marked: a few words in a row that all lead into code are taken for one.
 */
function collectJumps(
  region: Region,
  bytes: Uint8Array,
  from: number,
  to: number,
  offset: number,
  code: AddressRange,
  found: ReferenceList,
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const toAddress = (region.address ?? 0) + offset - region.offset - from
  const leads = (at: number, base: number): boolean => {
    const target = base + view.getInt32(at, true)
    return target >= code.from && target < code.to
  }
  let at = from + ((4 - ((offset - region.offset) % 4)) % 4)
  while (at + minJumps * 4 <= to) {
    const base = at + toAddress
    if (!leads(at, base) || !leads(at + 4, base) || !leads(at + 8, base)) {
      at += 4
      continue
    }
    for (; at + 4 <= to && leads(at, base); at += 4) found.add(at - from + offset, form.fromBase, base)
  }
}

function collectTable(
  region: Region,
  entryBytes: number,
  length: number,
  offset: number,
  kind: Form,
  found: ReferenceList,
): void {
  let at = firstEntry(region, entryBytes, offset)
  for (; at + entryBytes <= offset + length; at += entryBytes) found.add(at, kind, 0)
}

/** LSB 5.0, "The .eh_frame_hdr section": a pointer, a count, then pairs counted from the section's own address. */
function collectFrameHeader(region: Region, length: number, offset: number, found: ReferenceList): void {
  const end = offset + length
  if (offset <= region.offset + 4 && end >= region.offset + 8) found.add(region.offset + 4, form.fromField, 0)
  const table = region.offset + frameHeaderBytes
  let at = Math.max(offset, table)
  at += (4 - ((at - table) % 4)) % 4
  for (; at + 4 <= end; at += 4) found.add(at, form.fromBase, region.address ?? 0)
}

function withoutOverlaps(regions: readonly Region[]): Region[] {
  const kept: Region[] = []
  let end = 0
  for (const region of [...regions].sort((a, b) => a.offset - b.offset || a.section - b.section)) {
    if (region.length === 0 || region.offset < end) continue
    kept.push(region)
    end = region.offset + region.length
  }
  return kept
}

/** The headers, as if they were sections. */
function headersOf({ table }: Executable): Region[] {
  const header = {
    section: 0,
    name: '',
    address: undefined,
    addressLength: 0,
    link: 0,
    info: 0,
    alignment: 0,
  }
  return [
    { ...header, kind: 'file-header', offset: 0, length: headerBytes },
    { ...header, kind: 'section-table', ...table },
  ]
}

function rangeOf(regions: readonly Region[]): AddressRange {
  let from = Number.MAX_SAFE_INTEGER
  let to = 0
  for (const { address, addressLength } of regions) {
    if (address === undefined) continue
    from = Math.min(from, address)
    to = Math.max(to, address + addressLength)
  }
  return { from, to }
}
