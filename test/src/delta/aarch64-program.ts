/** Programs of AArch64 that can be built twice, with something between that moves all the rest. */

/** A function: words of its own, then calls and accesses. References are by name. */
export interface Routine {
  readonly name: string
  readonly words: readonly number[]
  readonly calls: readonly string[]
  readonly reads: readonly string[]
}

export interface Datum {
  readonly name: string
  readonly bytes: Uint8Array
}

export interface Program {
  readonly routines: readonly Routine[]
  readonly data: readonly Datum[]
}

const codeOffset = 0x1000
/** What is added to offsets of the file to give addresses. */
const codeBias = 0x1_0000
const dataBias = 0x2_0000
const sectionBytes = 64
const ret = 0xd65f03c0

/** An ELF file with `.text` and `.rodata`. Every access is an `adrp` with, in turn, an `add` and a `ldr`. */
export function buildProgram({ routines, data }: Program): Buffer {
  const addresses = new Map<string, number>()
  let end = codeOffset
  for (const routine of routines) {
    addresses.set(routine.name, end + codeBias)
    end += lengthOf(routine)
  }
  const codeEnd = end
  const dataOffset = (end + 63) & ~63
  end = dataOffset
  for (const { name, bytes } of data) {
    addresses.set(name, end + dataBias)
    end += (bytes.length + 15) & ~15
  }
  const names = Buffer.from('\0.text\0.rodata\0.shstrtab\0')
  const table = (end + names.length + 7) & ~7
  const file = Buffer.alloc(table + 4 * sectionBytes)
  writeHeader(file, table)
  writeSection(file, table + sectionBytes, 1, 1, 6, codeBias, codeOffset, codeEnd - codeOffset)
  writeSection(file, table + 2 * sectionBytes, 7, 1, 2, dataBias, dataOffset, end - dataOffset)
  writeSection(file, table + 3 * sectionBytes, 15, 3, 0, 0, end, names.length)
  names.copy(file, end)
  for (const routine of routines) writeRoutine(file, routine, addresses)
  for (const { name, bytes } of data) file.set(bytes, (addresses.get(name) as number) - dataBias)
  return file
}

function lengthOf({ words, calls, reads }: Routine): number {
  return 4 * (words.length + calls.length + 2 * reads.length + 1)
}

function writeRoutine(file: Buffer, routine: Routine, addresses: ReadonlyMap<string, number>): void {
  let at = (addresses.get(routine.name) as number) - codeBias
  const put = (word: number): void => {
    at = file.writeUInt32LE(word >>> 0, at)
  }
  routine.words.forEach(put)
  for (const name of routine.calls) {
    const distance = (addresses.get(name) as number) - (at + codeBias)
    put(0x9400_0000 + ((distance / 4) & 0x03ff_ffff))
  }
  routine.reads.forEach((name, index) => {
    const target = addresses.get(name) as number
    const pages = Math.floor(target / 4096) - Math.floor((at + codeBias) / 4096)
    put(0x9000_0000 + (pages & 3) * 2 ** 29 + ((pages >> 2) & 0x7_ffff) * 2 ** 5 + 8)
    const low = target % 4096
    put(index % 2 === 0 ? 0x9100_0000 + low * 2 ** 10 + 0x108 : 0xf940_0000 + (low / 8) * 2 ** 10 + 0x109)
  })
  put(ret)
}

/** System V gABI, chapter 4: a shared object for AArch64 with 4 sections. */
function writeHeader(file: Buffer, table: number): void {
  file.writeUInt32BE(0x7f45_4c46, 0)
  file.writeUInt32BE(0x0201_0100, 4)
  file.writeUInt16LE(3, 16)
  file.writeUInt16LE(183, 18)
  file.writeUInt32LE(table, 40)
  file.writeUInt16LE(sectionBytes, 58)
  file.writeUInt16LE(4, 60)
  file.writeUInt16LE(3, 62)
}

function writeSection(
  file: Buffer,
  at: number,
  name: number,
  type: number,
  flags: number,
  bias: number,
  offset: number,
  size: number,
): void {
  file.writeUInt32LE(name, at)
  file.writeUInt32LE(type, at + 4)
  file.writeUInt32LE(flags, at + 8)
  file.writeUInt32LE(flags === 0 ? 0 : offset + bias, at + 16)
  file.writeUInt32LE(offset, at + 24)
  file.writeUInt32LE(size, at + 32)
}
