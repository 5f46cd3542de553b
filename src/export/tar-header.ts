import type { Mtime, Xattrs } from '../../manifests/entry.ts'
import { byteStringFromBytes, byteStringFromText, textOf } from '../../manifests/tree-path.ts'

export const tarBlockBytes = 512

/** The type flags of POSIX.1-2017 pax, section "ustar Interchange Format". */
export type TarType =
  | '0' /* file */
  | '1' /* hard link */
  | '2' /* symbolic link */
  | '3'
  | '4' /* block */
  | '5'
  | '6' /* fifo */

/** What a member's header says. Texts are one character a byte. */
export interface TarMember {
  readonly type: TarType
  /** Of a directory with a slash at its end. */
  readonly path: string
  /** Where a link leads. */
  readonly target?: string | undefined
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly mtime: Mtime
  /** Bytes that follow the header. */
  readonly size: number
  readonly device?: { readonly major: number; readonly minor: number } | undefined
  readonly xattrs: Xattrs
}

const maxFieldBytes = 100
const maxSevenDigits = 0o7777777
const maxElevenDigits = 0o77777777777

/**
 * A member's header: a ustar one, and before it a pax extended header when the ustar one cannot say everything. One
 * member has one spelling. Names that are not UTF-8 stand in the extended header as they are, under
 * `hdrcharset=BINARY`.
 */
export function encodeTarHeader(member: TarMember): Buffer {
  const records = paxRecords(member)
  if (records.length === 0) return ustarHeader(member)
  const body = Buffer.from(records.map(([key, value]) => paxRecord(key, value)).join(''), 'latin1')
  const extended = ustarHeader({
    type: 'x',
    path: 'PaxHeaders/member',
    mode: 0o644,
    uid: 0,
    gid: 0,
    mtime: { seconds: 0, nanos: 0 },
    size: body.length,
  })
  return Buffer.concat([extended, body, paddingAfter(body.length), ustarHeader(member)])
}

/** The zeros that fill a member's last block. */
export function paddingAfter(bytes: number): Buffer {
  return Buffer.alloc((tarBlockBytes - (bytes % tarBlockBytes)) % tarBlockBytes)
}

/** What ends an archive. */
export function endOfTar(): Buffer {
  return Buffer.alloc(2 * tarBlockBytes)
}

/** Key and value, one character a byte, in a fixed order. */
function paxRecords(member: TarMember): (readonly [string, string])[] {
  const { path, target = '', uid, gid, mtime, size, xattrs } = member
  const records: (readonly [string, string])[] = []
  if (!fitsField(path)) records.push(['path', path])
  if (!fitsField(target)) records.push(['linkpath', target])
  const isBinary = records.some(([, name]) => textOf(name) === undefined)
  if (uid > maxSevenDigits) records.push(['uid', String(uid)])
  if (gid > maxSevenDigits) records.push(['gid', String(gid)])
  if (size > maxElevenDigits) records.push(['size', String(size)])
  if (!fitsMtime(mtime)) records.push(['mtime', decimalOf(mtime)])
  for (const [name, value] of [...xattrs].sort(([a], [b]) => (a < b ? -1 : 1))) {
    records.push([`SCHILY.xattr.${byteStringFromText(name)}`, byteStringFromBytes(value)])
  }
  // It says of what spelling those after it are.
  return isBinary ? [['hdrcharset', 'BINARY'], ...records] : records
}

/** `length key=value\n`, where the length counts its own digits. */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`
  let length = rest.length + 1
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length
  return `${length}${rest}`
}

/** As seconds with a fraction, which of times before 1970 counts backwards. */
function decimalOf({ seconds, nanos }: Mtime): string {
  const isBefore = seconds < 0 && nanos > 0
  const whole = isBefore ? `-${-seconds - 1}` : String(seconds)
  const fraction = String(isBefore ? 1_000_000_000 - nanos : nanos)
    .padStart(9, '0')
    .replace(/0+$/, '')
  return fraction === '' ? whole : `${whole}.${fraction}`
}

function fitsField(text: string): boolean {
  // oxlint-disable-next-line no-control-regex -- the range is "ASCII"
  return text.length <= maxFieldBytes && /^[\x00-\x7f]*$/.test(text)
}

function fitsMtime({ seconds, nanos }: Mtime): boolean {
  return nanos === 0 && seconds >= 0 && seconds <= maxElevenDigits
}

type UstarFields = Omit<TarMember, 'type' | 'xattrs'> & { readonly type: TarType | 'x' }

function ustarHeader({ type, path, target = '', device, ...member }: UstarFields): Buffer {
  const { mode, uid, gid, mtime, size } = member
  const header = Buffer.alloc(tarBlockBytes)
  header.write(path.slice(0, maxFieldBytes), 0, 'latin1')
  writeNumber(header, 100, 8, mode)
  writeNumber(header, 108, 8, uid > maxSevenDigits ? 0 : uid)
  writeNumber(header, 116, 8, gid > maxSevenDigits ? 0 : gid)
  writeNumber(header, 124, 12, size > maxElevenDigits ? 0 : size)
  writeNumber(header, 136, 12, Math.min(Math.max(mtime.seconds, 0), maxElevenDigits))
  header.write(type, 156, 'latin1')
  header.write(target.slice(0, maxFieldBytes), 157, 'latin1')
  header.write('ustar\x0000', 257, 'latin1')
  writeNumber(header, 329, 8, device?.major ?? 0)
  writeNumber(header, 337, 8, device?.minor ?? 0)
  header.fill(' ', 148, 156)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return header
}

/**
 * Octal digits and a NUL; a device number that has too many, which pax has no record for, in base 256 as GNU tar
 * writes it and all readers take it.
 */
function writeNumber(header: Buffer, offset: number, bytes: number, value: number): void {
  const digits = value.toString(8)
  if (digits.length < bytes) {
    header.write(`${digits.padStart(bytes - 1, '0')}\0`, offset, 'latin1')
    return
  }
  header.writeUInt8(0x80, offset)
  header.writeBigUInt64BE(BigInt(value), offset + bytes - 8)
  header.writeUInt8(0x80, offset)
}
