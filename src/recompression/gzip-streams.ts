import { byGzip, byRoomyZlib, byZlib, candidatesOf, type DeflateStream } from './deflate-stream.ts'
import { inflateAt } from './inflate-at.ts'

const headerBytes = 10
const trailerBytes = 8
const flags = { headerChecksum: 2, extra: 4, name: 8, comment: 16, reserved: 0xe0 }

/** XFL (RFC 1952 §2.3.1) says only whether the level was 9, 1 or another; many writers leave it 0. */
const smallest = candidatesOf([byGzip, byZlib, byRoomyZlib], [9])
const fastest = candidatesOf([byGzip, byZlib, byRoomyZlib], [1])
const between = candidatesOf([byGzip, byZlib, byRoomyZlib], [6, 9])

/** The members of a gzip file (RFC 1952). What follows the last whole one is left alone. */
export function* gzipStreams(bytes: Uint8Array, plainLimit: number): Iterable<DeflateStream> {
  let left = plainLimit
  for (let at = 0; ;) {
    const start = endOfHeader(bytes, at)
    if (start === undefined) return
    const inflated = inflateAt(bytes, start, left, expectedSize(bytes))
    if (inflated === undefined) return
    yield { start, ...inflated, candidates: candidatesFor(bytes[at + 8]) }
    left -= inflated.plain.length
    at = inflated.end + trailerBytes
  }
}

function candidatesFor(extraFlags: number | undefined): DeflateStream['candidates'] {
  if (extraFlags === 2) return smallest
  return extraFlags === 4 ? fastest : between
}

/** Right for files of one member. */
function expectedSize(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(bytes.length - 4, true)
}

/** Where the member's deflate stream begins; undefined when no gzip member is there. */
function endOfHeader(bytes: Uint8Array, start: number): number | undefined {
  if (bytes.length < start + headerBytes + trailerBytes) return undefined
  if (bytes[start] !== 0x1f || bytes[start + 1] !== 0x8b || bytes[start + 2] !== 8) return undefined
  const flag = bytes[start + 3] as number
  if ((flag & flags.reserved) !== 0) return undefined
  let at = start + headerBytes
  if ((flag & flags.extra) !== 0) at += 2 + (bytes[at] ?? 0) + (bytes[at + 1] ?? 0) * 256
  for (const text of [flags.name, flags.comment]) {
    if ((flag & text) === 0) continue
    const end = bytes.indexOf(0, at)
    if (end < 0) return undefined
    at = end + 1
  }
  if ((flag & flags.headerChecksum) !== 0) at += 2
  return at < bytes.length ? at : undefined
}
