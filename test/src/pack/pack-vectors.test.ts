import { readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { digestOf, type Digest } from '../../../manifests/digest.ts'
import { ManifestDecoder } from '../../../manifests/manifest-decoder.ts'
import { viewBytes } from '../../../src/delta/content-view.ts'
import { PackError, type PackErrorCode } from '../../../src/pack/errors.ts'
import { PackReader } from '../../../src/pack/pack-reader.ts'
import { DeflateEncoder } from '../../../src/recompression/deflate-encoder.ts'
import { unpackParameters } from '../../../src/recompression/deflate-parameters.ts'
import { makeBytes, type ByteRecipe } from '../../support/byte-recipes.ts'
import { readVectorFile, readVectors } from '../../support/format-vectors.ts'
import { MemoryPackTarget, type PackWorld } from '../../support/memory-pack-target.ts'

interface Side {
  readonly manifest: string
  /** A file, or what it is made of. */
  readonly stream: string | ByteRecipe
}

interface Packed {
  readonly pack: string
  readonly from?: Side
  readonly to: Side
  readonly missing?: readonly number[]
}

interface Made {
  readonly bytes: number
  readonly contents: readonly { readonly position: number; readonly digest: Digest }[]
}

interface Deflated {
  readonly plain: ByteRecipe
  readonly parameters: readonly number[]
}

const packs = readVectors<Packed, Made>('packs/index.json')
const faults = readVectors<Packed, { readonly code: PackErrorCode }>('packs/invalid/index.json')

describe('packs', () => {
  test.each(packs)('$comment', ({ input, expected }) => {
    const { missing = [] } = input
    const pack = readVectorFile(input.pack)
    const world = worldOf(input)
    const target = new MemoryPackTarget(world, (position) => !missing.includes(position))
    const reader = new PackReader(viewBytes(pack))
    reader.apply(target, 0, reader.header.groups.length)
    expect([reader.length, pack.length]).toEqual([expected.bytes, expected.bytes])
    expect({ from: reader.header.from, to: reader.header.to }).toEqual({
      from: world.oldManifest && digestOf(world.oldManifest),
      to: digestOf(world.newManifest),
    })
    const made = [...target.made].map(([name, bytes]) => [name, digestOf(bytes)])
    const contents = expected.contents.map(({ position, digest }) => [`content ${position}`, digest])
    expect(made).toEqual([['manifest 0', digestOf(world.newManifest)], ...contents])
  })
})

describe('a fault in a pack is refused with its code', () => {
  test.each(faults)('$input.pack: $comment', ({ input, expected }) => {
    expect(refusalOf(input).code).toBe(expected.code)
  })

  test('and without it, the pack is not', () => {
    const { pack, ...sides } = packs[0]?.input ?? { pack: '', to: { manifest: '', stream: '' } }
    expect(() => refusalOf({ pack, ...sides })).toThrow('was accepted')
  })
})

test.each(readVectors<Deflated, readonly { bytes: number; digest: Digest }[]>('packs/deflate.json'))(
  'deflate: $comment',
  ({ input, expected }) => {
    const plain = makeBytes(input.plain)
    const encoder = new DeflateEncoder()
    const made = input.parameters.map((packed) => {
      const parameters = unpackParameters(packed)
      if (parameters === undefined) throw new RangeError(`no parameters ${packed}`)
      const output = new Uint8Array(plain.length + 4096)
      const stream = output.subarray(0, encoder.encode(plain, parameters, output, 0))
      return { bytes: stream.length, digest: digestOf(stream) }
    })
    expect(made).toEqual(expected)
  },
)

test('every file is in an index, and every code has a file', () => {
  const files = readdirSync(new URL('../../vectors/packs/', import.meta.url), { recursive: true })
  const names = [...packs, ...faults]
    .flatMap(({ input: { pack, from, to } }) => [pack, from?.manifest, from?.stream, to.manifest, to.stream])
    .filter((name) => typeof name === 'string')
    .map((name) => name.slice('packs/'.length))
  const all = new Set([...names, 'index.json', 'deflate.json', 'invalid', 'invalid/index.json'])
  expect(files.map(String).sort()).toEqual([...all].sort())
  const codes: Record<PackErrorCode, true> = {
    PACK_CORRUPT: true,
    PACK_UNSUPPORTED: true,
    PACK_TOO_LARGE: true,
  }
  expect(new Set(faults.map(({ expected }) => expected.code))).toEqual(new Set(Object.keys(codes)))
})

function worldOf({ from, to }: Packed): PackWorld {
  return {
    from: from === undefined ? new Map() : contentsOf(from),
    to: contentsOf(to),
    newManifest: readVectorFile(to.manifest),
    oldManifest: from && readVectorFile(from.manifest),
  }
}

/** By position. */
function contentsOf({ manifest, stream }: Side): Map<number, Uint8Array> {
  const bytes = typeof stream === 'string' ? readVectorFile(stream) : makeBytes(stream)
  const decoder = new ManifestDecoder()
  const items = Array.from(decoder.decode(readVectorFile(manifest)))
  decoder.end()
  const entries = items.flatMap((item) =>
    item.kind === 'entry' && item.entry.type === 'file' ? [item.entry] : [],
  )
  return new Map(entries.map(({ offset, size }) => [offset, bytes.subarray(offset, offset + size)]))
}

function refusalOf(input: Packed): PackError {
  try {
    const reader = new PackReader(viewBytes(readVectorFile(input.pack)))
    reader.apply(new MemoryPackTarget(worldOf(input)), 0, reader.header.groups.length)
  } catch (error) {
    if (error instanceof PackError) return error
    throw error
  }
  throw new Error('was accepted')
}
