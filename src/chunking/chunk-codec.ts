import { constants, zstdCompressSync, zstdDecompress } from 'node:zlib'
import { maxChunkBytes } from '../../manifests/chunk-limits.ts'
import { digestOf, type Digest } from '../../manifests/digest.ts'
import type { ChunkRef } from '../../manifests/manifest.ts'

/** zstd's own default, and casync's. */
export const defaultCompressionLevel = 3

/** log2 of the largest window a decoder must grant: no chunk is larger than that. */
const maxWindowLog = Math.log2(maxChunkBytes)

/**
 * A chunk as it is stored: one zstd frame of its plain bytes, its content size in the frame's header (format §2).
 * The result has a buffer of its own, which may be transferred.
 */
export function encodeChunk(
  plain: Uint8Array,
  level: number = defaultCompressionLevel,
): Uint8Array<ArrayBuffer> {
  const params = { [constants.ZSTD_c_compressionLevel]: level }
  // One piece of output: gathering it from the usual 16 KiB ones costs more than the room.
  const encoded = zstdCompressSync(plain, { params, chunkSize: maxEncodedBytes(plain.length) })
  return ownBytes(encoded)
}

/** The same bytes in a buffer of exactly their size; the old one, unless it is shared, is freed at once. */
function ownBytes(bytes: Buffer): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, length } = bytes
  const isPooled = buffer.byteLength <= Buffer.poolSize
  if (isPooled || byteOffset !== 0 || !(buffer instanceof ArrayBuffer)) return Uint8Array.from(bytes)
  return new Uint8Array(buffer.transfer(length))
}

/** The most bytes a stored chunk can have: what zstd adds to content it cannot compress, and some room. */
export function maxEncodedBytes(size: number): number {
  return size + (size >> 8) + 1024
}

/**
 * The plain bytes of a stored chunk, verified. Decompression stops at `chunk.size`, with a window of no more than
 * the largest chunk. Throws ChunkCorruptError, also when anything follows the one frame.
 */
export async function decodeChunk(stored: Uint8Array, chunk: ChunkRef): Promise<Buffer> {
  const plain = await decompress(stored, chunk)
  if (plain.length !== chunk.size) {
    throw new ChunkCorruptError(chunk.digest, `holds ${plain.length} bytes instead of ${chunk.size}`)
  }
  const digest = digestOf(plain)
  if (digest !== chunk.digest) throw new ChunkCorruptError(chunk.digest, `holds the bytes of ${digest}`)
  return plain
}

function decompress(stored: Uint8Array, chunk: ChunkRef): Promise<Buffer> {
  const options = {
    params: { [constants.ZSTD_d_windowLogMax]: maxWindowLog },
    maxOutputLength: chunk.size,
    // Room for one byte more than the chunk: where the frame fills the buffer to the byte, zlib goes on with what
    // follows instead of refusing it.
    chunkSize: Math.max(chunk.size + 1, constants.Z_MIN_CHUNK),
    rejectGarbageAfterEnd: true,
  }
  return new Promise((resolve, reject) => {
    zstdDecompress(stored, options, (error, plain) => {
      if (error === null) resolve(plain)
      else reject(new ChunkCorruptError(chunk.digest, corruption(error, chunk.size), error))
    })
  })
}

function corruption(error: NodeJS.ErrnoException, size: number): string {
  if (error.code === 'ERR_TRAILING_JUNK_AFTER_STREAM_END') return 'has bytes after its frame'
  if (error.code === 'ERR_BUFFER_TOO_LARGE') return `holds more than its ${size} bytes`
  return 'is not a whole zstd frame'
}

/** A stored chunk that is not what its name says: damaged on the way or where it lies. */
export class ChunkCorruptError extends Error {
  override readonly name = 'ChunkCorruptError'
  readonly code = 'CHUNK_CORRUPT'
  readonly digest: Digest

  constructor(digest: Digest, problem: string, cause?: unknown) {
    super(`chunk ${digest} ${problem}`, { cause })
    this.digest = digest
  }
}
