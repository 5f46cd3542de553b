/** A section as the ELF header table says it (System V gABI, chapter 4); offsets are given by `elfFile`. */
export interface ElfSection {
  readonly name: string
  readonly type: number
  readonly flags?: number
  readonly address?: number
  /** Bytes in the file, or how much memory a section without any takes (SHT_NOBITS). */
  readonly bytes: Uint8Array | number
  readonly link?: number
  readonly info?: number
}

export const sectionType = { progbits: 1, symtab: 2, strtab: 3, rela: 4, nobits: 8, initArray: 14 } as const
export const sectionFlag = { write: 1, alloc: 2, code: 4 } as const
export const fileType = { relocatable: 1, fixed: 2, shared: 3 } as const
export const machineNumber = { 'x86-64': 62, aarch64: 183 } as const

export type ElfMachine = keyof typeof machineNumber
export type ElfType = keyof typeof fileType

export const elfHeaderBytes = 64
export const sectionHeaderBytes = 64
const alignment = 16

/** The section of index 0, then `sections` from 1 on, then their names: header, bytes, table. */
export function elfFile(type: ElfType, machine: ElfMachine, sections: readonly ElfSection[]): Buffer {
  const named: ElfSection[] = [{ name: '', type: 0, bytes: 0 }, ...sections]
  const strings = Buffer.from([...named.map(({ name }) => name), '.shstrtab', ''].join('\0'), 'latin1')
  const all: ElfSection[] = [...named, { name: '.shstrtab', type: sectionType.strtab, bytes: strings }]
  const offsets = elfOffsets(all)
  const table = offsets.pop() as number
  const file = Buffer.alloc(table + all.length * sectionHeaderBytes)
  writeHeader(file, type, machine, table, all.length)
  let name = 0
  for (const [index, section] of all.entries()) {
    const { bytes } = section
    const offset = offsets[index] as number
    const at = table + index * sectionHeaderBytes
    file.writeUInt32LE(name, at)
    file.writeUInt32LE(section.type, at + 4)
    writeWord(file, section.flags ?? 0, at + 8)
    writeWord(file, section.address ?? 0, at + 16)
    writeWord(file, offset, at + 24)
    writeWord(file, typeof bytes === 'number' ? bytes : bytes.length, at + 32)
    file.writeUInt32LE(section.link ?? 0, at + 40)
    file.writeUInt32LE(section.info ?? 0, at + 44)
    file.writeUInt32LE(alignment, at + 48)
    if (typeof bytes !== 'number') file.set(bytes, offset)
    name += section.name.length + 1
  }
  return file
}

/** Where each section starts, and then the table. */
function elfOffsets(sections: readonly ElfSection[]): number[] {
  const offsets: number[] = []
  let at = elfHeaderBytes
  for (const { bytes } of sections) {
    offsets.push(at)
    if (typeof bytes !== 'number') at += Math.ceil(bytes.length / alignment) * alignment
  }
  return [...offsets, at]
}

function writeHeader(file: Buffer, type: ElfType, machine: ElfMachine, table: number, count: number): void {
  file.writeUInt32BE(0x7f45_4c46, 0)
  file.set([2, 1, 1], 4)
  file.writeUInt16LE(fileType[type], 16)
  file.writeUInt16LE(machineNumber[machine], 18)
  file.writeUInt32LE(1, 20)
  writeWord(file, table, 40)
  file.writeUInt16LE(elfHeaderBytes, 52)
  file.writeUInt16LE(sectionHeaderBytes, 58)
  file.writeUInt16LE(count, 60)
  file.writeUInt16LE(count - 1, 62)
}

export function writeWord(file: Buffer, value: number, at: number): void {
  file.writeBigInt64LE(BigInt(value), at)
}
