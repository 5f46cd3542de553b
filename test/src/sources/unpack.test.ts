import { execFileSync } from 'node:child_process'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import * as fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { SourceError } from '../../../src/sources/errors.ts'
import { allowedBytes, freeBytes } from '../../../src/sources/source-limits.ts'
import { unpack } from '../../../src/sources/unpack.ts'
import { hasProgram } from '../../support/programs.ts'
import { noise } from '../../support/tree-recipe.ts'

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let start = 0; start < bytes.length; start += size) {
    yield await Promise.resolve(bytes.subarray(start, start + size))
  }
}

async function unpacked(bytes: Buffer, size = 1000, maxUnpackedBytes?: number): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of unpack(inPieces(bytes, size), 'test', { maxUnpackedBytes }))
    pieces.push(Uint8Array.from(piece))
  return Buffer.concat(pieces)
}

const by =
  (program: string) =>
  (plain: Buffer): Buffer =>
    execFileSync(program, ['-c'], { input: plain })

const skippable = Buffer.from('502a4d1803000000616263', 'hex')
const first = noise(1, 5000)
const second = Buffer.concat([noise(2, 700), Buffer.alloc(300_000)])
const both = Buffer.concat([first, second])

/** Where there are the programs to make, and to unpack, it. */
const byPrograms = ['xz', 'bzip2'].filter(hasProgram).map((program) => [program, by(program)(both)] as const)
const packedByPrograms = byPrograms.map(([, packed]) => packed)

describe('unpack', () => {
  it.each<[string, Buffer]>([
    ['nothing', both],
    ['gzip', gzipSync(both)],
    ['gzip in members', Buffer.concat([gzipSync(first), gzipSync(second)])],
    ['gzip with zeros after it', Buffer.concat([gzipSync(both), Buffer.alloc(10_000)])],
    ['zstd', zstdCompressSync(both)],
    ['zstd in frames', Buffer.concat([zstdCompressSync(first), zstdCompressSync(second)])],
    [
      'zstd with frames to be skipped',
      Buffer.concat([skippable, zstdCompressSync(first), skippable, zstdCompressSync(second), skippable]),
    ],
    ...byPrograms.map(([program, packed]): [string, Buffer] => [program, packed]),
  ])('gives the plain bytes of %s, however they come', async (_, packed) => {
    for (const size of [7, 4096, packed.length]) {
      if (size === 7 && packed.length > 50_000) continue
      expect((await unpacked(packed, size)).equals(both)).toBe(true)
    }
  })

  it('gives the plain bytes of frames that end anywhere in a piece', async () => {
    const packed = Buffer.concat([first, second, first].map((part) => zstdCompressSync(part)))
    const expected = Buffer.concat([first, second, first])
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: packed.length }), async (size) => {
        expect((await unpacked(packed, size)).equals(expected)).toBe(true)
      }),
      { numRuns: 30 },
    )
  })

  it.each([
    ['gzip', gzipSync(first)],
    ['zstd', zstdCompressSync(first)],
  ])('refuses %s that is cut off anywhere', async (_, packed) => {
    for (const bytes of [10, 11, 500, packed.length - 9, packed.length - 1]) {
      await expect(unpacked(packed.subarray(0, bytes))).rejects.toMatchObject({ code: 'SOURCE_DAMAGED' })
    }
  })

  it('says which program is missing', async () => {
    vi.stubEnv('PATH', '/no/such')
    try {
      // Its beginning is enough to tell.
      await expect(unpacked(Buffer.from('fd377a585a000000', 'hex'))).rejects.toMatchObject({
        code: 'SOURCE_UNSUPPORTED',
        message: expect.stringContaining('no program "xz"') as string,
      })
    } finally {
      vi.unstubAllEnvs()
    }
  })

  it('takes empty and short inputs as they are', async () => {
    expect(await unpacked(Buffer.alloc(0))).toHaveLength(0)
    expect(await unpacked(Buffer.from('x'))).toEqual(Buffer.from('x'))
  })

  it('stops at the limit, and passes on what its input throws', async () => {
    await expect(unpacked(gzipSync(both), 1000, 200_000)).rejects.toMatchObject({ code: 'SOURCE_TOO_LARGE' })
    expect(await unpacked(gzipSync(both), 1000, both.length)).toHaveLength(both.length)
    const failing = async function* (packed: Buffer): AsyncGenerator<Buffer> {
      yield await Promise.resolve(packed.subarray(0, 100))
      throw new SourceError('SOURCE_UNREADABLE', { source: 'disk' }, 'is broken')
    }
    for (const packed of [gzipSync(both), zstdCompressSync(both), ...packedByPrograms]) {
      const reading = async (): Promise<void> => {
        for await (const _ of unpack(failing(packed), 'test'));
      }
      await expect(reading()).rejects.toThrow('disk: is broken')
    }
  })

  it('ends its input when nobody reads on', async () => {
    for (const packed of [gzipSync(both), zstdCompressSync(both), ...packedByPrograms, both]) {
      let isEnded = false
      const input = async function* (): AsyncGenerator<Buffer> {
        try {
          yield* inPieces(packed, 500)
        } finally {
          isEnded = true
        }
      }
      for await (const _ of unpack(input(), 'test')) break
      expect(isEnded).toBe(true)
    }
  })
})

it('what is allowed grows with what was read, unless it is said', () => {
  expect(allowedBytes(0, {})).toBe(freeBytes)
  expect(allowedBytes(freeBytes, {})).toBe(200 * freeBytes)
  expect(allowedBytes(freeBytes, { maxUnpackedBytes: 5 })).toBe(5)
})
