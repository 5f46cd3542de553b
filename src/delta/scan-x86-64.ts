import { form } from './reference-list.ts'
import type { ReferenceList } from './reference-list.ts'

/** What a byte can be the start of. */
const other = 0
const relative32 = 1
const twoByte = 2
const modrm = 3
/** `mov` of an immediate, and `push`: an address only where the program is loaded at a fixed place. */
const immediate = 4
/** `mov` of an immediate to memory: a ModRM byte, its displacement, then the immediate. */
const store = 5
/** A ModRM byte with mod 00 and r/m 100: a SIB byte follows, perhaps one with a displacement and no base. */
const indexed = 6

/** Bytes that are a ModRM byte with mod 00 and r/m 101: an operand relative to the instruction pointer. */
const starts = new Uint8Array(256)
starts[0xe8] = relative32
starts[0xe9] = relative32
starts[0x0f] = twoByte
for (let register = 0; register < 8; register++) {
  starts[(register << 3) | 4] = indexed
  starts[(register << 3) | 5] = modrm
  starts[0xb8 + register] = immediate
}
starts[0x68] = immediate
starts[0xc7] = store

/** Opcodes that are followed by a ModRM byte, often enough in 64-bit code to be taken for one. */
const takesModrm = new Uint8Array(256)
for (const opcode of [
  0x00, 0x01, 0x02, 0x03, 0x08, 0x09, 0x0a, 0x0b, 0x11, 0x10, 0x12, 0x13, 0x14, 0x16, 0x17, 0x20, 0x21, 0x22,
  0x23, 0x28, 0x29, 0x2a, 0x2b, 0x2c, 0x2d, 0x2e, 0x2f, 0x30, 0x31, 0x32, 0x33, 0x38, 0x39, 0x3a, 0x3b, 0x40,
  0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4c, 0x4d, 0x4e, 0x4f, 0x51, 0x54, 0x55, 0x56, 0x57, 0x58,
  0x59, 0x5a, 0x5b, 0x5c, 0x5d, 0x5e, 0x5f, 0x60, 0x61, 0x62, 0x63, 0x64, 0x66, 0x69, 0x6b, 0x6c, 0x6e, 0x6f,
  0x7e, 0x7f, 0x80, 0x81, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8b, 0x8d, 0xaf, 0xb0, 0xb1, 0xb6,
  0xb7, 0xbe, 0xbf, 0xc0, 0xc1, 0xc6, 0xc7, 0xd1, 0xd3, 0xd4, 0xd6, 0xe7, 0xeb, 0xef, 0xf6, 0xf7, 0xfe, 0xff,
]) {
  takesModrm[opcode] = 1
}

/** Where references may point: the loaded part of the program. */
export interface AddressRange {
  readonly from: number
  readonly to: number
}

/**
 * Finds the 32-bit references of x86-64 code between `from` and `to`, in bytes of `bytes`; those are at `address` in
 * memory and at `offset` in the file. It does not disassemble: it takes for a reference what looks like one and
 * points into the program (`code` for branches, `program` for data). What it takes wrongly costs a few bytes, as
 * basis and target are read alike.
 */
export function scanX86(
  bytes: Uint8Array,
  from: number,
  to: number,
  offset: number,
  address: number,
  code: AddressRange,
  program: AddressRange,
  isFixed: boolean,
  found: ReferenceList,
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const last = to - 4
  const toFile = offset - from
  const toAddress = address - from
  let at = from
  while (at < last) {
    const start = starts[bytes[at] as number] as number
    if (start === other) {
      at++
      continue
    }
    let field = at + 1
    let range = code
    if (start === relative32) {
      // A branch.
    } else if (start === twoByte) {
      if (((bytes[at + 1] as number) & 0xf0) !== 0x80) {
        at++
        continue
      }
      field = at + 2
    } else if (start === modrm) {
      if (at === from || takesModrm[bytes[at - 1] as number] === 0) {
        at++
        continue
      }
      range = program
    } else {
      field = isFixed ? addressField(bytes, at, start, last) : last + 1
      if (field <= last) {
        const value = view.getUint32(field, true)
        if (value >= program.from && value < program.to) {
          found.add(field + toFile, form.absolute32, 0)
          at = field + 4
          continue
        }
      }
      at++
      continue
    }
    if (field > last) {
      at++
      continue
    }
    const target = field + toAddress + 4 + view.getInt32(field, true)
    if (target >= range.from && target < range.to) {
      found.add(field + toFile, form.afterField, 0)
      at = field + 4
    } else {
      at++
    }
  }
}

/** Where the 32-bit address of an instruction would be, or past `last`. */
function addressField(bytes: Uint8Array, at: number, start: number, last: number): number {
  if (start === immediate) return at + 1
  if (start === indexed) {
    const hasNoBase = ((bytes[at + 1] as number) & 7) === 5
    return hasNoBase ? at + 2 : last + 1
  }
  const mod = bytes[at + 1] as number
  const sib = (mod & 7) === 4 ? 1 : 0
  if ((mod & 0x38) !== 0) return last + 1
  if ((mod & 0xc0) === 0x40) return at + 3 + sib
  if ((mod & 0xc0) === 0x80) return at + 6 + sib
  return (mod & 0xc0) === 0 && (mod & 7) !== 5 ? at + 2 + sib : last + 1
}
