import { maxChunkBytes } from '../../../manifests/chunk-limits.ts'
import { ChunkCorruptError, decodeChunk } from '../../chunking/chunk-codec.ts'
import type { ChunkFrame } from '../../remote/chunk-frames.ts'
import { ProblemError } from '../problem.ts'

const magic = 0xfd2fb528

/**
 * Checks that a frame is a stored chunk as format §2 has it, and of the bytes that its digest names. What says that it
 * holds more than a chunk can is refused before anything of it is decompressed. Throws CHUNK_REFUSED.
 */
export async function verifyChunk({ digest, stored }: ChunkFrame): Promise<void> {
  const size = contentSize(stored)
  if (size === undefined) throw refused(`chunk ${digest} is not one zstd frame that states its content size`)
  if (size < 1 || size > maxChunkBytes) {
    throw refused(`chunk ${digest} says that it holds ${size} bytes; a chunk has 1 to ${maxChunkBytes}`)
  }
  try {
    await decodeChunk(stored, { digest, size: Number(size) })
  } catch (error) {
    throw error instanceof ChunkCorruptError ? refused(error.message) : error
  }
}

/** Of the frame's header (RFC 8878 §3.1.1.1); undefined where it does not say, wants a dictionary, or is none. */
function contentSize(stored: Uint8Array): bigint | undefined {
  const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength)
  if (bytes.length < 6 || bytes.readUInt32LE(0) !== magic) return undefined
  const descriptor = bytes.readUInt8(4)
  const isSingleSegment = (descriptor & 0x20) !== 0
  const hasReservedBit = (descriptor & 0x08) !== 0
  const hasDictionary = (descriptor & 0x03) !== 0
  const form = descriptor >> 6
  if (hasReservedBit || hasDictionary || (form === 0 && !isSingleSegment)) return undefined
  const at = isSingleSegment ? 5 : 6
  const width = 2 ** form
  return bytes.length < at + width ? undefined : readSize(bytes, at, form)
}

function readSize(bytes: Buffer, at: number, form: number): bigint {
  switch (form) {
    case 0:
      return BigInt(bytes.readUInt8(at))
    case 1:
      return BigInt(bytes.readUInt16LE(at) + 256)
    case 2:
      return BigInt(bytes.readUInt32LE(at))
    default:
      return bytes.readBigUInt64LE(at)
  }
}

function refused(detail: string): ProblemError {
  return new ProblemError('CHUNK_REFUSED', detail)
}
