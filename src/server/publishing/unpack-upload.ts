import { createReadStream } from 'node:fs'
import { constants, createZstdDecompress } from 'node:zlib'
import { manifestWindowLog } from '../../../manifests/manifest-limits.ts'
import type { SpooledUpload } from './spooled-upload.ts'

/** What cannot be unpacked as it should. */
export class UnpackError extends Error {
  override readonly name = 'UnpackError'
}

export interface UnpackOptions {
  readonly maxBytes: number
  /** Whether an empty frame, or more, may follow the first. */
  readonly mayHaveMore?: boolean
}

/**
 * The plain bytes of an upload that is one zstd frame, in small pieces, decompressed off the event loop, and no more of
 * them than `maxBytes`. Throws an UnpackError.
 */
export async function* unpackUpload(
  { path }: SpooledUpload,
  { maxBytes, mayHaveMore = false }: UnpackOptions,
): AsyncGenerator<Buffer, void, undefined> {
  const plain = createZstdDecompress({
    params: { [constants.ZSTD_d_windowLogMax]: manifestWindowLog },
    rejectGarbageAfterEnd: !mayHaveMore,
  })
  const file = createReadStream(path)
  file.once('error', (error) => plain.destroy(error)).pipe(plain)
  let bytes = 0
  try {
    for await (const piece of plain as AsyncIterable<Buffer>) {
      bytes += piece.length
      if (bytes > maxBytes) throw new UnpackError(`it holds more than ${maxBytes} bytes`)
      yield piece
    }
  } catch (error) {
    throw isZstdError(error) ? new UnpackError('it is not one whole zstd frame', { cause: error }) : error
  } finally {
    file.destroy()
  }
}

function isZstdError(error: unknown): boolean {
  const code = String((error as NodeJS.ErrnoException).code)
  return code.startsWith('ZSTD_') || code === 'Z_BUF_ERROR' || code === 'ERR_TRAILING_JUNK_AFTER_STREAM_END'
}
