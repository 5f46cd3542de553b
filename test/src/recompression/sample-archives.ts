import { crc32, inflateRawSync } from 'node:zlib'
import { DeflateEncoder } from '../../../src/recompression/deflate-encoder.ts'
import type { DeflateParameters } from '../../../src/recompression/deflate-parameters.ts'

export const byGzip9: DeflateParameters = {
  encoder: 'gzip',
  level: 9,
  memoryLevel: 8,
  windowBits: 15,
  isFiltered: false,
}
export const byZlib6: DeflateParameters = { ...byGzip9, encoder: 'zlib', level: 6 }

/** One stored block (RFC 1951 §3.2.4) whatever the content: a stream that no level from 1 to 9 makes of text. */
export function storedStream(plain: Uint8Array): Buffer {
  const header = Buffer.of(1, 0, 0, 0, 0)
  header.writeUInt16LE(plain.length, 1)
  header.writeUInt16LE(~plain.length & 0xffff, 3)
  return Buffer.concat([header, plain])
}

export function deflateAs(
  parameters: DeflateParameters,
  encoder = new DeflateEncoder(),
): (plain: Uint8Array) => Buffer {
  return (plain) => {
    const output = Buffer.alloc(plain.length * 2 + 100)
    return output.subarray(0, encoder.encode(plain, parameters, output, 0))
  }
}

/** A gzip member (RFC 1952); with `name`, also an extra field, a comment and a checksum of the header. */
export function gzipMember(stream: Uint8Array, extraFlags: number, name?: string): Buffer {
  const plain = inflateRawSync(stream)
  const header = Buffer.from([
    0x1f,
    0x8b,
    8,
    name === undefined ? 0 : 2 + 4 + 8 + 16,
    1,
    2,
    3,
    4,
    extraFlags,
    3,
  ])
  const fields =
    name === undefined
      ? ''
      : `\u0004\u0000\u0000\u0000\u0000\u0000${name}\u0000remark\u0000${String.fromCharCode(0x12, 0x34)}`
  const trailer = Buffer.alloc(8)
  trailer.writeUInt32LE(crc32(plain), 0)
  trailer.writeUInt32LE(plain.length, 4)
  return Buffer.concat([header, Buffer.from(fields, 'latin1'), stream, trailer])
}

export interface ZipMember {
  readonly name: string
  readonly stream: Uint8Array
  readonly method: number
  readonly plain: Uint8Array
}

/** A zip archive with a comment; nothing but what a reader goes by is filled in. */
export function zipArchive(members: readonly ZipMember[]): Buffer {
  const pieces: Buffer[] = []
  const directory: Buffer[] = []
  let at = 0
  for (const { name, stream, method, plain } of members) {
    const common = Buffer.alloc(26)
    common.writeUInt16LE(20, 0)
    common.writeUInt16LE(method, 4)
    common.writeUInt32LE(crc32(plain), 10)
    common.writeUInt32LE(stream.length, 14)
    common.writeUInt32LE(plain.length, 18)
    common.writeUInt16LE(name.length, 22)
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), common, Buffer.from(name), stream])
    const rest = Buffer.alloc(14)
    rest.writeUInt32LE(at, 10)
    directory.push(Buffer.from('PK\x01\x02\x14\x00'), common, rest, Buffer.from(name))
    pieces.push(local)
    at += local.length
  }
  const end = Buffer.alloc(18)
  end.writeUInt16LE(members.length, 4)
  end.writeUInt16LE(members.length, 6)
  end.writeUInt32LE(at, 12)
  end.writeUInt16LE(3, 16)
  return Buffer.concat([...pieces, ...directory, Buffer.from('PK\x05\x06'), end, Buffer.from('end')])
}

/** A zlib stream (RFC 1950); its checksum is not looked at, and not right. */
export function zlibStream(stream: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(0x78, 0x9c), stream, Buffer.from('adlr')])
}

/** A PNG's chunks; their checksums are not looked at, and not right. */
export function png(imageData: readonly Uint8Array[]): Buffer {
  const chunk = (type: string, data: Uint8Array): Buffer => {
    const header = Buffer.alloc(8, `    ${type}`)
    header.writeUInt32BE(data.length)
    return Buffer.concat([header, data, Buffer.from('cksm')])
  }
  const signature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1')
  const data = imageData.map((piece) => chunk('IDAT', piece))
  return Buffer.concat([signature, chunk('IHDR', Buffer.alloc(13)), ...data, chunk('IEND', Buffer.alloc(0))])
}
