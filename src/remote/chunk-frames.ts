import { digestFromBytes, digestToBytes, type Digest } from '../../manifests/digest.ts'
import { maxChunkBytes } from '../../manifests/chunk-limits.ts'
import { maxEncodedBytes } from '../chunking/chunk-codec.ts'

/**
 * Chunks on their way to a server, one after another without anything between:
 *
 *     32 bytes   digest of the plain bytes
 *      4 bytes   length of the next member, little-endian
 *      n bytes   the chunk as it is stored: one zstd frame
 */
export interface ChunkFrame {
  readonly digest: Digest
  readonly stored: Uint8Array
}

export const digestBytes = 32
export const frameHeadBytes = digestBytes + 4

/** The shortest zstd frame of anything. */
const minStoredBytes = 8
export const maxStoredBytes = maxEncodedBytes(maxChunkBytes)

/** What is before a chunk's stored bytes. */
export function frameHead({ digest, stored }: ChunkFrame): Buffer {
  const head = Buffer.alloc(frameHeadBytes)
  head.set(digestToBytes(digest))
  head.writeUInt32LE(stored.length, digestBytes)
  return head
}

/** Bytes that are not such frames. */
export class ChunkFramesError extends Error {
  override readonly name = 'ChunkFramesError'
}

/**
 * The frames in bytes that arrive in pieces, each as soon as it is whole, and of which no more is held than one. Throws
 * a ChunkFramesError for a length that no chunk has, before the chunk is read, and for an end inside a frame.
 */
export async function* readChunkFrames(
  pieces: AsyncIterable<Uint8Array>,
): AsyncGenerator<ChunkFrame, void, undefined> {
  const head = Buffer.alloc(frameHeadBytes)
  let headFilled = 0
  let stored: Buffer | undefined
  let filled = 0
  for await (const piece of pieces) {
    for (let at = 0; at < piece.length;) {
      if (stored === undefined) {
        const part = piece.subarray(at, at + frameHeadBytes - headFilled)
        head.set(part, headFilled)
        headFilled += part.length
        at += part.length
        if (headFilled < frameHeadBytes) continue
        stored = Buffer.allocUnsafeSlow(storedLength(head))
        filled = 0
        continue
      }
      const part = piece.subarray(at, at + stored.length - filled)
      stored.set(part, filled)
      filled += part.length
      at += part.length
      if (filled < stored.length) continue
      yield { digest: digestFromBytes(head.subarray(0, digestBytes)), stored }
      stored = undefined
      headFilled = 0
    }
  }
  if (headFilled > 0) throw new ChunkFramesError('the body ends inside a frame')
}

function storedLength(head: Buffer): number {
  const length = head.readUInt32LE(digestBytes)
  if (length >= minStoredBytes && length <= maxStoredBytes) return length
  const digest = digestFromBytes(head.subarray(0, digestBytes))
  throw new ChunkFramesError(
    `the frame of ${digest} has ${length} bytes; a stored chunk has ${minStoredBytes} to ${maxStoredBytes}`,
  )
}

/** Digests as 32 bytes each. Throws a ChunkFramesError unless there are 1 to `max`. */
export function readDigests(bytes: Buffer, max: number): Digest[] {
  const count = bytes.length / digestBytes
  if (!Number.isInteger(count) || count === 0 || count > max) {
    throw new ChunkFramesError(`${bytes.length} bytes are not 1 to ${max} digests of ${digestBytes} bytes`)
  }
  return Array.from({ length: count }, (_, i) =>
    digestFromBytes(bytes.subarray(i * digestBytes, (i + 1) * digestBytes)),
  )
}

export function writeDigests(digests: readonly Digest[]): Buffer {
  return Buffer.concat(digests.map(digestToBytes))
}
