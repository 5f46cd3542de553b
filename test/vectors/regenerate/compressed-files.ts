import { crc32 } from 'node:zlib'
import { DeflateEncoder } from '../../../src/recompression/deflate-encoder.ts'
import { packParameters, unpackParameters } from '../../../src/recompression/deflate-parameters.ts'

export function deflate(plain: Buffer, parameters: number): Buffer {
  const known = unpackParameters(parameters)
  if (known === undefined) throw new RangeError(`no parameters ${parameters}`)
  const output = Buffer.alloc(plain.length + 4096)
  const end = new DeflateEncoder().encode(plain, known, output, 0)
  return output.subarray(0, end)
}

export const parametersOf = (
  level: number,
  encoder: 'gzip' | 'zlib',
  memoryLevel = 8,
  windowBits = 15,
  isFiltered = false,
): number => packParameters({ encoder, level, memoryLevel, windowBits, isFiltered })

/** RFC 1952. */
export function gzip(plain: Buffer, parameters: number): Buffer {
  const trailer = Buffer.alloc(8)
  trailer.writeUInt32LE(crc32(plain))
  trailer.writeUInt32LE(plain.length, 4)
  return Buffer.concat([Buffer.from('1f8b0800000000000003', 'hex'), deflate(plain, parameters), trailer])
}

/** RFC 1950. The checksum is not looked at. */
export function zlib(plain: Buffer, parameters: number): Buffer {
  return Buffer.concat([Buffer.from('789c', 'hex'), deflate(plain, parameters), Buffer.alloc(4, 0xad)])
}

/** One deflated member for each text. */
export function zip(members: readonly Buffer[], parameters: number): Buffer {
  const local: Buffer[] = []
  const central: Buffer[] = []
  let at = 0
  for (const [index, plain] of members.entries()) {
    const packed = deflate(plain, parameters)
    const name = Buffer.from(`member-${index}`)
    const common = Buffer.alloc(26)
    common.writeUInt16LE(20)
    common.writeUInt16LE(8, 4)
    common.writeUInt32LE(crc32(plain), 10)
    common.writeUInt32LE(packed.length, 14)
    common.writeUInt32LE(plain.length, 18)
    common.writeUInt16LE(name.length, 22)
    local.push(Buffer.from('504b0304', 'hex'), common, name, packed)
    const offset = Buffer.alloc(14)
    offset.writeUInt32LE(at, 10)
    central.push(Buffer.from('504b01021400', 'hex'), common, offset, name)
    at += 30 + name.length + packed.length
  }
  const end = Buffer.alloc(18)
  end.writeUInt16LE(members.length, 4)
  end.writeUInt16LE(members.length, 6)
  end.writeUInt32LE(
    central.reduce((sum, { length }) => sum + length, 0),
    8,
  )
  end.writeUInt32LE(at, 12)
  return Buffer.concat([...local, ...central, Buffer.from('504b0506', 'hex'), end])
}
