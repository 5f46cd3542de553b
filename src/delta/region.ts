/** How the bytes of a region refer to other places of the program. */
export type RegionKind =
  | 'plain'
  | 'x86-64'
  | 'aarch64'
  | 'pointers'
  | 'jump-tables'
  | 'rela'
  | 'symbols'
  | 'eh-frame'
  | 'eh-frame-header'
  | 'go-lines'
  | 'file-header'
  | 'section-table'
  | 'btf'
  /** The names of what is not linked yet. */
  | 'names'
  /** Entries of 64 bytes that start with a checksum. */
  | 'versions'
  /** Checksums of 32 bits. */
  | 'checksums'

/** One section of an executable. Offsets and lengths in bytes of the file, addresses in bytes of its memory. */
export interface Region {
  /** Its index in the section table. */
  readonly section: number
  readonly name: string
  readonly kind: RegionKind
  readonly offset: number
  /** 0 for a section that has no bytes in the file (.bss). */
  readonly length: number
  /** Absent where the section is not loaded, or not linked yet. */
  readonly address: number | undefined
  readonly addressLength: number
  /** sh_link and sh_info of the section. */
  readonly link: number
  readonly info: number
  /** sh_addralign: what its offset is a multiple of. */
  readonly alignment: number
}

/** Of what sections of relocations (Elf64_Rela) and of symbols (Elf64_Sym) hold. */
export const relocationBytes = 24
export const symbolBytes = 24

/** Where in the file the first entry starts that does so at `offset` or behind it. */
export function firstEntry(region: Region, entryBytes: number, offset: number): number {
  const misaligned = (offset - region.offset) % entryBytes
  return offset + (misaligned === 0 ? 0 : entryBytes - misaligned)
}
