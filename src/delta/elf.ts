import type { Region, RegionKind } from './region.ts'

/** How the decoder looks into a basis it need not hold in memory. Reads past the end give fewer bytes. */
export type ReadAt = (offset: number, length: number) => Uint8Array

/** What the prediction of addresses needs to know of an executable. */
export interface Executable {
  readonly machine: 'x86-64' | 'aarch64'
  /** Not linked yet (ET_REL): every section starts at address 0, and relocations speak of sections. */
  readonly relocatable: boolean
  /** The sections, in the order of the section table; `Region.section` is the index there. */
  readonly regions: readonly Region[]
  /** The section table. */
  readonly table: { readonly offset: number; readonly length: number }
}

const maxSections = 4096
const maxAddress = 2 ** 48
const maxNameBytes = 1 << 20
/** More of a name tells no section from another. */
const maxSectionNameBytes = 64
const headerBytes = 64
const sectionBytes = 64

const machines = new Map<number, Executable['machine']>([
  [62, 'x86-64'],
  [183, 'aarch64'],
])

const type = { progbits: 1, symtab: 2, rela: 4, nobits: 8, initArray: 14, finiArray: 15, dynsym: 11 } as const
const elfType = { relocatable: 1, fixed: 2 } as const
const flag = { write: 1, alloc: 2, executable: 4, tls: 0x400 } as const

/**
 * The sections of a 64-bit little-endian ELF file (System V gABI, chapter 4), or undefined for anything else and for
 * anything that does not hold together: such content is then only bytes.
 */
export function readElf(readAt: ReadAt): Executable | undefined {
  const header = readAt(0, headerBytes)
  if (header.length < headerBytes) return undefined
  const view = viewOf(header)
  const isElf64 = view.getUint32(0) === 0x7f45_4c46 && view.getUint16(4) === 0x0201
  const machine = machines.get(view.getUint16(18, true))
  if (!isElf64 || machine === undefined) return undefined
  const tableOffset = offsetAt(view, 40)
  const count = view.getUint16(60, true)
  const isTableUsual = view.getUint16(58, true) === sectionBytes && count > 0 && count <= maxSections
  if (tableOffset === undefined || !isTableUsual) return undefined
  const table = readAt(tableOffset, count * sectionBytes)
  if (table.length < count * sectionBytes) return undefined
  const fileType = view.getUint16(16, true)
  const relocatable = fileType === elfType.relocatable
  const regions = readSections(viewOf(table), view.getUint16(62, true), count, machine, fileType, readAt)
  const place = { offset: tableOffset, length: count * sectionBytes }
  return regions && { machine, relocatable, regions, table: place }
}

function readSections(
  table: DataView,
  namesIndex: number,
  count: number,
  machine: Executable['machine'],
  fileType: number,
  readAt: ReadAt,
): Region[] | undefined {
  const names = readNames(table, namesIndex, count, readAt)
  const regions: Region[] = []
  for (let section = 0; section < count; section++) {
    const at = section * sectionBytes
    const sectionType = table.getUint32(at + 4, true)
    const flags = table.getUint32(at + 8, true)
    const address = offsetAt(table, at + 16)
    const offset = offsetAt(table, at + 24)
    const size = offsetAt(table, at + 32)
    if (address === undefined || offset === undefined || size === undefined) return undefined
    const name = nameAt(names, table.getUint32(at, true))
    const inFile = sectionType !== type.nobits && sectionType !== 0
    // A thread's zeros have addresses that others have, too.
    const isOverlaid = (flags & flag.tls) !== 0 && sectionType === type.nobits
    // Code that is not linked yet refers to itself by distances: any address will do.
    const isUnlinkedCode = fileType === elfType.relocatable && isCode(sectionType, flags)
    const allocated = fileType !== elfType.relocatable && (flags & flag.alloc) !== 0 && !isOverlaid
    regions.push({
      section,
      name,
      kind: inFile ? kindOf(name, sectionType, flags, machine, fileType) : 'plain',
      offset,
      length: inFile ? size : 0,
      address: allocated ? address : isUnlinkedCode ? offset : undefined,
      addressLength: size,
      link: table.getUint32(at + 40, true),
      info: table.getUint32(at + 44, true),
      alignment: offsetAt(table, at + 48) ?? 0,
    })
  }
  return regions
}

function kindOf(
  name: string,
  sectionType: number,
  flags: number,
  machine: Executable['machine'],
  fileType: number,
): RegionKind {
  if (sectionType === type.rela) return 'rela'
  if (sectionType === type.symtab || sectionType === type.dynsym) return 'symbols'
  if (name === '.BTF') return 'btf'
  if (name === '__versions') return 'versions'
  if (name === '__kcrctab' || name === '__kcrctab_gpl') return 'checksums'
  if (fileType === elfType.relocatable) {
    if (isCode(sectionType, flags)) return machine
    return name === '.strtab' ? 'names' : 'plain'
  }
  if (sectionType === type.initArray || sectionType === type.finiArray) return 'pointers'
  if (name === '.eh_frame') return 'eh-frame'
  if (name === '.eh_frame_hdr') return 'eh-frame-header'
  if (name.endsWith('.gopclntab')) return 'go-lines'
  if (sectionType !== type.progbits || (flags & flag.alloc) === 0) return 'plain'
  if ((flags & flag.executable) !== 0) return machine
  if ((flags & flag.write) !== 0) return 'pointers'
  if (!name.startsWith('.rodata')) return 'plain'
  return fileType === elfType.fixed ? 'pointers' : 'jump-tables'
}

function isCode(sectionType: number, flags: number): boolean {
  const code = flag.alloc | flag.executable
  return sectionType === type.progbits && (flags & code) === code
}

function readNames(table: DataView, index: number, count: number, readAt: ReadAt): Uint8Array {
  if (index >= count) return new Uint8Array()
  const offset = offsetAt(table, index * sectionBytes + 24) ?? 0
  const size = offsetAt(table, index * sectionBytes + 32) ?? 0
  return readAt(offset, Math.min(size, maxNameBytes))
}

function nameAt(names: Uint8Array, start: number): string {
  const name = Buffer.from(names.subarray(start, start + maxSectionNameBytes)).toString('latin1')
  const end = name.indexOf('\0')
  return end < 0 ? name : name.slice(0, end)
}

/** A 64-bit number that is an address on any hardware, or an offset on any disk; else undefined. */
function offsetAt(view: DataView, at: number): number | undefined {
  const value = view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32
  return value < maxAddress ? value : undefined
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
