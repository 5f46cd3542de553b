import { constants, zstdCompressSync } from 'node:zlib'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { digestOf, type Digest } from '../../../manifests/digest.ts'
import { maxChunkBytes } from '../../../manifests/chunk-limits.ts'
import type { ChunkRef } from '../../../manifests/manifest.ts'
import {
  ChunkCorruptError,
  decodeChunk,
  encodeChunk,
  maxEncodedBytes,
} from '../../../src/chunking/chunk-codec.ts'
import { counterStream, makeBytes } from '../../support/byte-recipes.ts'
import { bytesOf, readVectors, type VectorBytes } from '../../support/format-vectors.ts'
import { openIndependentDecoder } from '../../support/zstd-codec.ts'

const text = makeBytes({ recipe: 'repeat', text: 'All work and no play.\n', bytes: 50_000 })
const samples: [string, Buffer][] = [
  ['one byte', Buffer.of(0)],
  ['text', text],
  ['noise', counterStream('noise', 70_000)],
  ['the largest chunk of zeros', Buffer.alloc(maxChunkBytes)],
  ['the largest chunk of noise', counterStream('noise', maxChunkBytes)],
]

function refOf(plain: Uint8Array): ChunkRef {
  return { digest: digestOf(plain), size: plain.length }
}

function refusal(stored: Uint8Array, chunk: ChunkRef): Promise<ChunkCorruptError> {
  return decodeChunk(stored, chunk).then(
    () => {
      throw new Error('was accepted')
    },
    (error: unknown) => {
      expect(error).toBeInstanceOf(ChunkCorruptError)
      return error as ChunkCorruptError
    },
  )
}

describe('what is stored', () => {
  test.each(samples)('is the chunk again: %s', async (_, plain) => {
    for (const level of [undefined, 1, 19]) {
      const stored = encodeChunk(plain, level)
      expect(stored.length).toBeLessThanOrEqual(maxEncodedBytes(plain.length))
      expect((await decodeChunk(stored, refOf(plain))).equals(plain)).toBe(true)
    }
  })

  test('is the chunk again, whatever it is', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 5000 }), async (plain) => {
        expect(await decodeChunk(encodeChunk(plain), refOf(plain))).toEqual(Buffer.from(plain))
      }),
    )
  })

  test.each(samples)('is one frame that names its content size: %s', (_, plain) => {
    const { contentSize, frameBytes } = measureFrame(Buffer.from(encodeChunk(plain)))
    expect(contentSize).toBe(plain.length)
    expect(frameBytes).toBe(encodeChunk(plain).length)
  })

  test.each(samples)('is read by another decoder: %s', async (_, plain) => {
    const decoder = await openIndependentDecoder()
    const decoded = decoder.decompress(encodeChunk(plain))
    expect(decoded !== null && plain.equals(decoded)).toBe(true)
  })

  test.each(
    readVectors<VectorBytes, { digest: Digest; size: number; key: string; frame: string }>('chunks.json'),
  )('is read from the vectors: $comment', async ({ input, expected }) => {
    const { digest, size, key, frame } = expected
    const hex = digest.slice('sha256:'.length)
    const plain = await decodeChunk(Buffer.from(frame, 'base64'), { digest, size })
    expect(plain).toEqual(bytesOf(input))
    expect(key).toBe(`chunks/${hex.slice(0, 4)}/${hex}.cacnk`)
    const decoder = await openIndependentDecoder()
    expect(Buffer.from(decoder.decompress(Buffer.from(frame, 'base64')) ?? [])).toEqual(plain)
  })
})

describe('what is not the chunk', () => {
  test('other bytes of the same size', async () => {
    const other = Buffer.from(text).fill('x', 0, 1)
    const error = await refusal(encodeChunk(other), refOf(text))
    expect(error.message).toBe(`chunk ${digestOf(text)} holds the bytes of ${digestOf(other)}`)
    expect([error.code, error.digest]).toEqual(['CHUNK_CORRUPT', digestOf(text)])
  })

  test('fewer bytes, and more', async () => {
    const { digest, size } = refOf(text)
    const stored = encodeChunk(text)
    expect((await refusal(stored, { digest, size: size + 1 })).message).toContain('instead of 50001')
    expect((await refusal(stored, { digest, size: size - 1 })).message).toContain('more than its 49999 bytes')
    expect((await refusal(stored, { digest, size: 1 })).message).toContain('more than its 1 bytes')
  })

  test.each(samples.slice(1))('a frame with anything after it: %s', async (_, plain) => {
    const stored = encodeChunk(plain)
    const skippable = Buffer.from('502a4d180100000000', 'hex')
    const tails = [Buffer.of(0), Buffer.from('garbage'), stored, encodeChunk(Buffer.alloc(0)), skippable]
    for (const tail of tails) await refusal(Buffer.concat([stored, tail]), refOf(plain))
  })

  test('a chunk in two frames', async () => {
    const halves = [encodeChunk(text.subarray(0, 25_000)), encodeChunk(text.subarray(25_000))]
    await refusal(Buffer.concat(halves), refOf(text))
  })

  test('a frame cut off anywhere', async () => {
    const stored = encodeChunk(text)
    for (let length = 0; length < stored.length; length++) {
      await refusal(stored.subarray(0, length), refOf(text))
    }
  })

  test('a frame with any bit turned, unless it says the same', async () => {
    const stored = encodeChunk(counterStream('bits', 100))
    const chunk = refOf(counterStream('bits', 100))
    for (let bit = 0; bit < stored.length * 8; bit++) {
      const turned = Buffer.from(stored)
      turned[bit >> 3] = (turned[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      const plain = await decodeChunk(turned, chunk).catch((error: unknown) => error)
      if (plain instanceof Buffer) expect(digestOf(plain)).toBe(chunk.digest)
      else expect(plain).toBeInstanceOf(ChunkCorruptError)
    }
  })

  test('a bomb: decoding stops at the declared size, in bounded memory', async () => {
    const bomb = gibibyteOfZeros()
    expect(bomb.length).toBeLessThan(200_000)
    const before = process.memoryUsage()
    const error = await refusal(bomb, refOf(Buffer.alloc(maxChunkBytes)))
    const after = process.memoryUsage()
    expect(error.message).toContain('holds more than its 1048576 bytes')
    expect(after.arrayBuffers + after.external - before.arrayBuffers - before.external).toBeLessThan(16 << 20)
  })

  test('a frame that asks for more memory than the largest chunk', async () => {
    const plain = Buffer.alloc(maxChunkBytes)
    const params = { [constants.ZSTD_c_windowLog]: 27, [constants.ZSTD_c_contentSizeFlag]: 0 }
    const error = await refusal(zstdCompressSync(Buffer.alloc(2 ** 27), { params }), refOf(plain))
    expect(error.message).toContain('is not a whole zstd frame')
  })
})

/** RFC 8878, §3.1.1: the frame's own header, and where its last block ends. */
function measureFrame(frame: Buffer): { contentSize: number | undefined; frameBytes: number } {
  expect(frame.readUInt32LE(0)).toBe(0xfd2fb528)
  const descriptor = frame.readUInt8(4)
  const single = ((descriptor >> 5) & 1) === 1
  const sizeBytes = [single ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0
  const at = 5 + (single ? 0 : 1) + ([0, 1, 2, 4][descriptor & 3] ?? 0)
  const stated = sizeBytes === 0 ? undefined : frame.readUIntLE(at, Math.min(sizeBytes, 6))
  let position = at + sizeBytes
  for (let last = false; !last;) {
    const header = frame.readUIntLE(position, 3)
    last = (header & 1) === 1
    position += 3 + (((header >> 1) & 3) === 1 ? 1 : header >> 3)
  }
  return {
    contentSize: stated === undefined ? undefined : stated + (sizeBytes === 2 ? 256 : 0),
    frameBytes: position + ((descriptor >> 2) & 1) * 4,
  }
}

/** 1 GiB as one frame of run-length blocks, without a content size, in a window of 1 MiB (RFC 8878, §3.1.1). */
function gibibyteOfZeros(): Buffer {
  const blockBytes = 128 << 10
  const blocks = 2 ** 30 / blockBytes
  const header = Buffer.from('28b52ffd0050', 'hex')
  const body = Buffer.alloc(4 * blocks)
  for (let i = 0; i < blocks; i++)
    body.writeUIntLE((blockBytes << 3) | 2 | (i === blocks - 1 ? 1 : 0), 4 * i, 3)
  return Buffer.concat([header, body])
}
