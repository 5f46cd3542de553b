import { constants, zstdDecompressSync } from 'node:zlib'
import { PackError } from './errors.ts'

/** Nothing in a pack needs a larger window than a group has bytes. */
const maxWindowLog = 25

/** Exactly `plain` bytes out of one zstd frame, in memory of their own if they are many. Throws a PackError; `name` is what it calls the frame. */
export function decompressFrame(frame: Uint8Array, plain: number, name: string): Buffer {
  let bytes: Buffer
  try {
    bytes = zstdDecompressSync(frame, {
      maxOutputLength: Math.max(plain, 1),
      // In one piece: pieces would be put together in as much memory again.
      chunkSize: Math.max(constants.Z_MIN_CHUNK, plain + 1),
      rejectGarbageAfterEnd: true,
      params: { [constants.ZSTD_d_windowLogMax]: maxWindowLog },
    })
  } catch (cause) {
    throw new PackError('PACK_CORRUPT', `the ${name} of the pack is not a zstd frame of ${plain} bytes`, {
      cause,
    })
  }
  if (bytes.length === plain) return bytes
  throw new PackError(
    'PACK_CORRUPT',
    `the ${name} of the pack has ${bytes.length} bytes, not the ${plain} it declares`,
  )
}
