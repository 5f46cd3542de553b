import { zstdCompressSync } from 'node:zlib'
import { digestOf } from '../../../manifests/digest.ts'
import { ByteWriter } from '../../../src/delta/byte-writer.ts'
import type { PackSide } from './pack-side.ts'

export interface PackSides {
  readonly from: PackSide
  readonly to: PackSide
}

/** Numbers as they are in the streams: `s` before a signed one; `x` before hexadecimal bytes. */
export type Field = number | string | Uint8Array

export function bytesOf(fields: readonly Field[]): Uint8Array {
  const writer = new ByteWriter()
  for (const field of fields) {
    if (typeof field === 'number') writer.unsigned(field)
    else if (typeof field !== 'string') writer.bytes(field)
    else if (field.startsWith('s')) writer.signed(Number(field.slice(1)))
    else writer.bytes(Buffer.from(field.slice(1), 'hex'))
  }
  return Uint8Array.from(writer.written())
}

/** The index, then the streams of a delta in their order. */
export type Streams = readonly (readonly Field[])[]

export interface Group {
  readonly flags: number
  readonly target: number
  readonly streams: Streams
  /** In place of what each stream has: plain, stored. */
  readonly sizes?: Readonly<Record<number, readonly [plain: number, stored: number]>>
}

export interface Parts {
  readonly magic?: string
  readonly version?: number
  readonly kind?: number
  /** In place of the groups' own count. */
  readonly count?: readonly Field[]
  readonly groups: readonly Group[]
  /** Behind the fields of the header. */
  readonly rest?: readonly Field[]
  /** What the preamble says besides the truth. */
  readonly more?: { readonly stored?: number; readonly plain?: number }
}

/** A pack whose streams are stored as they are, and which says of itself what it is told to. */
export function buildPack({ from, to }: PackSides, parts: Parts): Buffer {
  const { magic = 'VENDPACK', version = 1, kind = 0, groups, rest = [], more = {} } = parts
  const streams = groups.map((group) => group.streams.map(bytesOf))
  const sizes = groups.flatMap(({ flags, target, sizes: told = {} }, number): Field[] => [
    flags,
    target,
    ...(streams[number] ?? []).flatMap(({ length }, index) => told[index] ?? [length, length]),
  ])
  const digests = [from, to].map(({ manifest }) =>
    Buffer.from(digestOf(manifest).slice('sha256:'.length), 'hex'),
  )
  const plain = bytesOf([kind, ...digests, ...(parts.count ?? [groups.length]), ...sizes, ...rest])
  const header = zstdCompressSync(plain)
  const preamble = Buffer.alloc(20)
  preamble.write(magic, 'latin1')
  preamble.writeUInt32LE(version, 8)
  preamble.writeUInt32LE(header.length + (more.stored ?? 0), 12)
  preamble.writeUInt32LE(plain.length + (more.plain ?? 0), 16)
  return Buffer.concat([preamble, header, ...streams.flat()])
}
