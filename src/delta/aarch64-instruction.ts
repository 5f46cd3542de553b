/**
 * Where AArch64 instructions hold addresses (Arm Architecture Reference Manual for A-profile, C4.1 and C6.2). An
 * instruction is a signed 32-bit number here; distances are bytes, signed, from the instruction itself.
 */

const addImmediate = 0x9100_0000 | 0

/** `b`, `bl`: imm26, bits 0 to 25. */
export function readDistance26(word: number): number {
  return (word << 6) >> 4
}

export function writeDistance26(word: number, distance: number): number {
  return (word & 0xfc00_0000) | ((distance >> 2) & 0x03ff_ffff)
}

/** `b.cond`, `cbz`, `cbnz`, `ldr` of a literal: imm19, bits 5 to 23. */
export function readDistance19(word: number): number {
  return ((word << 8) >> 13) << 2
}

export function writeDistance19(word: number, distance: number): number {
  return (word & 0xff00_001f) | (((distance >> 2) & 0x7_ffff) << 5)
}

/** `tbz`, `tbnz`: imm14, bits 5 to 18. */
export function readDistance14(word: number): number {
  return ((word << 13) >> 18) << 2
}

export function writeDistance14(word: number, distance: number): number {
  return (word & 0xfff8_001f) | (((distance >> 2) & 0x3fff) << 5)
}

/** `adr` in bytes, `adrp` in pages: immhi, bits 5 to 23, then immlo, bits 29 and 30. */
export function readImmediate21(word: number): number {
  return (((word << 8) >> 13) << 2) | ((word >>> 29) & 3)
}

export function writeImmediate21(word: number, value: number): number {
  return (word & 0x9f00_001f) | ((value & 3) << 29) | (((value >> 2) & 0x7_ffff) << 5)
}

export function isBranch(word: number): boolean {
  return (word & 0x7c00_0000) === 0x1400_0000
}

export function isAddress(word: number): boolean {
  return (word & 0x9f00_0000) === 0x1000_0000
}

/** `adrp`, into any register. */
export function isPageAddress(word: number): boolean {
  return (word & 0x9f00_0000) === (0x9000_0000 | 0)
}

/** 64-bit `add` of an immediate that is not shifted, or a load or store at a scaled, unsigned distance. */
export function takesLow12(word: number): boolean {
  return (word & 0xffc0_0000) === addImmediate || (word & 0x3b00_0000) === 0x3900_0000
}

/** What an instruction that `takesLow12` adds to its base register, in bytes. */
export function readLow12(word: number): number {
  return ((word >>> 10) & 0xfff) << scaleOf(word)
}

export function writeLow12(word: number, low: number): number {
  return (word & 0xffc0_03ff) | (((low >>> scaleOf(word)) & 0xfff) << 10)
}

function scaleOf(word: number): number {
  if ((word & 0xffc0_0000) === addImmediate) return 0
  // Vector registers of 128 bits have size 00 like those of 8, and are told apart by the upper bit of opc.
  return (word & 0xc480_0000) === 0x0480_0000 ? 4 : word >>> 30
}

/** The base register of an instruction that `takesLow12`. */
export function baseRegister(word: number): number {
  return (word >>> 5) & 31
}
