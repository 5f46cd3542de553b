import { zstdCompressSync } from 'node:zlib'
import { digestFromHex, hexOf, type Digest } from '../../manifests/digest.ts'
import { ByteReader, ByteWriter } from '../delta/byte-writer.ts'
import { DeltaError } from '../delta/errors.ts'
import { decompressFrame } from './decompress-frame.ts'
import { PackError } from './errors.ts'
import { maxGroupBytes, maxGroups, maxHeaderBytes } from './pack-limits.ts'

/** From a manifest to a manifest, or from a content to a content: then the pack is a delta. */
export type PackKind = 'manifests' | 'contents'

/** A zstd frame; where `stored` equals `plain` the bytes as they are; nothing where both are 0. */
export interface StreamSize {
  readonly stored: number
  readonly plain: number
}

export interface PackGroup {
  /** What is learned from contents before it is forgotten here. */
  readonly fresh: boolean
  /** Of all contents in it, in bytes. */
  readonly targetBytes: number
  /** The index, then the streams of a delta in their order. */
  readonly streams: readonly StreamSize[]
}

/** Everything a reader needs to know before it takes a pack (format, "Packs"). */
export interface PackHeader {
  readonly kind: PackKind
  /** Undefined: a first install, which needs nothing. */
  readonly from: Digest | undefined
  readonly to: Digest
  readonly groups: readonly PackGroup[]
}

export const streamsPerGroup = 9
export const preambleBytes = 20

const magic = Buffer.from('VENDPACK', 'latin1')
const version = 1
const nothing = '0'.repeat(64)
const kinds: readonly PackKind[] = ['manifests', 'contents']

/** The header as it stands at the start of a pack. */
export function encodePackHeader(header: PackHeader): Uint8Array {
  const writer = new ByteWriter()
  writer.byte(kinds.indexOf(header.kind))
  writer.bytes(Buffer.from(header.from === undefined ? nothing : hexOf(header.from), 'hex'))
  writer.bytes(Buffer.from(hexOf(header.to), 'hex'))
  writer.unsigned(header.groups.length)
  for (const group of header.groups) {
    writer.byte(group.fresh ? 1 : 0)
    writer.unsigned(group.targetBytes)
    for (const { stored, plain } of group.streams) {
      writer.unsigned(plain)
      writer.unsigned(stored)
    }
  }
  const plain = writer.written()
  const stored = zstdCompressSync(plain)
  const preamble = Buffer.alloc(preambleBytes)
  magic.copy(preamble)
  preamble.writeUInt32LE(version, 8)
  preamble.writeUInt32LE(stored.length, 12)
  preamble.writeUInt32LE(plain.length, 16)
  return Buffer.concat([preamble, stored])
}

/** How many bytes the preamble and the header take, from the first `preambleBytes` of a pack. */
export function packHeaderLength(preamble: Uint8Array): number {
  const { stored } = readPreamble(preamble)
  return preambleBytes + stored
}

/** `bytes` are the first `packHeaderLength` of a pack. Throws a PackError. */
export function decodePackHeader(bytes: Uint8Array): PackHeader {
  const { stored, plain } = readPreamble(bytes)
  const frame = bytes.subarray(preambleBytes, preambleBytes + stored)
  if (frame.length !== stored) throw corrupt('ends inside its header')
  try {
    return readHeader(new ByteReader(decompressFrame(frame, plain, 'header'), 'header'))
  } catch (cause) {
    throw cause instanceof DeltaError
      ? new PackError('PACK_CORRUPT', `${cause.message} of the pack`, { cause })
      : cause
  }
}

/** Of the whole pack, in bytes. */
export function packLength(header: PackHeader, headerLength: number): number {
  return header.groups.reduce((sum, group) => sum + groupLength(group), headerLength)
}

/** As it is stored, in bytes. */
export function groupLength(group: PackGroup): number {
  return group.streams.reduce((sum, { stored }) => sum + stored, 0)
}

/** What applying the pack takes, beside the reader itself: the largest group, as stored and as plain bytes. */
export function packMemory(header: PackHeader): number {
  return header.groups.reduce((most, group) => Math.max(most, groupLength(group) + plainLength(group)), 0)
}

function plainLength(group: PackGroup): number {
  return group.streams.reduce((sum, { plain }) => sum + plain, 0)
}

function readPreamble(bytes: Uint8Array): StreamSize {
  const preamble = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (preamble.length < preambleBytes || !preamble.subarray(0, 8).equals(magic))
    throw corrupt('is not a pack')
  const found = preamble.readUInt32LE(8)
  if (found !== version) {
    throw new PackError(
      'PACK_UNSUPPORTED',
      `the pack has format version ${found}; this reader knows ${version}`,
    )
  }
  const [stored, plain] = [preamble.readUInt32LE(12), preamble.readUInt32LE(16)]
  if (stored > maxHeaderBytes || plain > maxHeaderBytes) {
    throw new PackError(
      'PACK_TOO_LARGE',
      `the pack's header has ${plain} bytes; the limit is ${maxHeaderBytes}`,
    )
  }
  return { stored, plain }
}

function readHeader(reader: ByteReader): PackHeader {
  const kind = kinds[reader.byte()]
  if (kind === undefined)
    throw new PackError('PACK_UNSUPPORTED', 'the pack is of a kind that this reader does not know')
  const from = Buffer.from(reader.take(32)).toString('hex')
  const to = digestFromHex(Buffer.from(reader.take(32)).toString('hex'))
  const count = reader.unsigned()
  if (count > maxGroups) {
    throw new PackError('PACK_TOO_LARGE', `the pack has ${count} groups; the limit is ${maxGroups}`)
  }
  const groups: PackGroup[] = []
  for (let index = 0; index < count; index++) groups.push(readGroup(reader))
  reader.end()
  return { kind, from: from === nothing ? undefined : digestFromHex(from), to, groups }
}

function readGroup(reader: ByteReader): PackGroup {
  const flags = reader.byte()
  if (flags > 1)
    throw new PackError('PACK_UNSUPPORTED', 'the pack has a group of a kind that this reader does not know')
  const targetBytes = reader.unsigned()
  const streams: StreamSize[] = []
  for (let index = 0; index < streamsPerGroup; index++) {
    const [plain, stored] = [reader.unsigned(), reader.unsigned()]
    if (stored > plain || (stored === 0 && plain > 0)) throw corrupt(`stores ${plain} bytes as ${stored}`)
    streams.push({ plain, stored })
  }
  const group = { fresh: flags === 1, targetBytes, streams }
  if (plainLength(group) > maxGroupBytes) {
    throw new PackError(
      'PACK_TOO_LARGE',
      `the pack has a group of ${plainLength(group)} bytes; the limit is ${maxGroupBytes}`,
    )
  }
  return group
}

function corrupt(what: string): PackError {
  return new PackError('PACK_CORRUPT', `the pack ${what}`)
}
