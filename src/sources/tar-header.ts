import { parseTarNumber } from './tar-number.ts'

export const blockBytes = 512

const zeros = Buffer.alloc(64 * 1024)

/** One header block as it is: names are one character a byte, and nothing is interpreted. */
export interface TarHeader {
  readonly name: string
  readonly linkName: string
  /** One character; NUL is the oldest way to say file. */
  readonly type: string
  readonly mode: number | undefined
  readonly uid: number | undefined
  readonly gid: number | undefined
  readonly size: number | undefined
  readonly mtime: number | undefined
  readonly major: number | undefined
  readonly minor: number | undefined
  readonly block: Buffer
}

/** What is wrong with a block that is to be a header, or undefined. */
export function headerProblem(block: Buffer): string | undefined {
  const stated = parseTarNumber(block.subarray(148, 156))
  const { unsigned, signed } = checksums(block)
  if (stated === undefined || (stated !== unsigned && stated !== signed)) {
    const shown = stated === undefined || Number.isNaN(stated) ? 'no checksum' : `the checksum ${stated}`
    return `has ${shown} where ${unsigned} is due: it is damaged, or no tar archive`
  }
  const magic = block.toString('latin1', 257, 262)
  if (magic !== 'ustar' && magic !== '\0\0\0\0\0') return 'is of no kind of tar that is known'
  return undefined
}

/** Of a block that has no problem. */
export function parseHeader(block: Buffer): TarHeader {
  const text = (start: number, bytes: number): string => untilNul(block.subarray(start, start + bytes))
  const number = (start: number, bytes: number): number | undefined =>
    parseTarNumber(block.subarray(start, start + bytes))
  const prefix = prefixOf(block)
  const name = text(0, 100)
  const type = String.fromCharCode(block[156] ?? 0)
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    linkName: text(157, 100),
    type,
    mode: number(100, 8),
    uid: number(108, 8),
    gid: number(116, 8),
    size: number(124, 12),
    mtime: number(136, 12),
    major: number(329, 8),
    minor: number(337, 8),
    block,
  }
}

export function isZero(bytes: Buffer): boolean {
  for (let start = 0; start < bytes.length; start += zeros.length) {
    const piece = bytes.subarray(start, start + zeros.length)
    if (!zeros.subarray(0, piece.length).equals(piece)) return false
  }
  return true
}

/** The text of a field that ends with NUL, or fills it. */
export function untilNul(field: Buffer): string {
  const end = field.indexOf(0)
  return field.toString('latin1', 0, end === -1 ? field.length : end)
}

/** POSIX ustar only: GNU has other things there, and star a shorter one before its own. */
function prefixOf(block: Buffer): string {
  if (block.toString('latin1', 257, 265) !== 'ustar\x0000') return ''
  const isStar = block.toString('latin1', 508, 512) === 'tar\0'
  return untilNul(block.subarray(345, isStar ? 345 + 131 : 500))
}

/** Some old programs took the bytes as signed. */
function checksums(block: Buffer): { readonly unsigned: number; readonly signed: number } {
  const blank = 0x20
  let [unsigned, signed] = [8 * blank, 8 * blank]
  for (const [i, byte] of block.entries()) {
    if (i >= 148 && i < 156) continue
    unsigned += byte
    signed += byte < 0x80 ? byte : byte - 0x1_00
  }
  return { unsigned, signed }
}
