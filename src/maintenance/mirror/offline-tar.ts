import { hash } from 'node:crypto'

/**
 * Members of a mirror in a file: regular files in ustar headers (POSIX.1-2017 pax, "ustar Interchange Format") that say
 * nothing but a name and a length, so that the same content is the same bytes, and any tar can look into it.
 */
export const blockBytes = 512

const maxNameBytes = 100
const maxPrefixBytes = 155
const maxOctalSize = 0o77777777777

/** What a key is called in the file: itself, if a ustar header can say it. */
export function memberNameOf(key: string): string {
  return key.length <= maxNameBytes || splitAt(key) !== undefined ? key : `long/${hash('sha256', key)}`
}

export function encodeMemberHeader(name: string, bytes: number): Buffer {
  const split = name.length <= maxNameBytes ? undefined : splitAt(name)
  const header = Buffer.alloc(blockBytes)
  header.write(split === undefined ? name : name.slice(split + 1), 0, maxNameBytes, 'latin1')
  header.write('0000644\0', 100, 'latin1')
  header.write('0000000\0', 108, 'latin1')
  header.write('0000000\0', 116, 'latin1')
  writeSize(header, bytes)
  header.write('00000000000\0', 136, 'latin1')
  header.write('0', 156, 'latin1')
  header.write('ustar\x0000', 257, 'latin1')
  if (split !== undefined) header.write(name.slice(0, split), 345, maxPrefixBytes, 'latin1')
  writeChecksum(header)
  return header
}

export interface MemberHeader {
  readonly name: string
  readonly bytes: number
}

/** Undefined for what `encodeMemberHeader` does not write. */
export function decodeMemberHeader(header: Buffer): MemberHeader | undefined {
  const prefix = textAt(header, 345, maxPrefixBytes)
  const last = textAt(header, 0, maxNameBytes)
  const name = prefix === '' ? last : `${prefix}/${last}`
  const bytes = readSize(header)
  if (name === '' || bytes === undefined) return undefined
  return encodeMemberHeader(name, bytes).equals(header) ? { name, bytes } : undefined
}

/** How many bytes fill the last block. */
export function paddingOf(bytes: number): number {
  return (blockBytes - (bytes % blockBytes)) % blockBytes
}

/** The slash that parts what goes into the prefix from the rest; undefined where there is none that fits. */
function splitAt(name: string): number | undefined {
  const slash = name.lastIndexOf('/', maxPrefixBytes)
  const fits = slash > 0 && name.length - slash - 1 <= maxNameBytes
  return fits ? slash : undefined
}

/** Beyond what eleven octal digits say, in base 256, as GNU tar writes and all readers take it. */
function writeSize(header: Buffer, bytes: number): void {
  if (bytes <= maxOctalSize) {
    header.write(`${bytes.toString(8).padStart(11, '0')}\0`, 124, 'latin1')
    return
  }
  header.writeUInt8(0x80, 124)
  header.writeBigUInt64BE(BigInt(bytes), 128)
}

function readSize(header: Buffer): number | undefined {
  if (header[124] === 0x80) {
    const bytes = Number(header.readBigUInt64BE(128))
    return Number.isSafeInteger(bytes) ? bytes : undefined
  }
  const digits = header.toString('latin1', 124, 135)
  return /^[0-7]{11}$/.test(digits) ? Number.parseInt(digits, 8) : undefined
}

function writeChecksum(header: Buffer): void {
  header.fill(' ', 148, 156)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
}

function textAt(header: Buffer, start: number, bytes: number): string {
  const field = header.toString('latin1', start, start + bytes)
  const end = field.indexOf('\0')
  return end === -1 ? field : field.slice(0, end)
}
