import { createReadStream } from 'node:fs'
import { errnoOf } from '../tree/errors.ts'
import { SourceError } from './errors.ts'

const pieceBytes = 256 * 1024

export interface ReadingOptions {
  readonly signal?: AbortSignal | undefined
  /** Told of each piece that was read, in bytes. */
  readonly onBytes?: ((bytes: number) => void) | undefined
}

/** The bytes of a file. Throws SourceError (SOURCE_UNREADABLE). */
export async function* readSourceFile(
  path: string,
  { signal, onBytes }: ReadingOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const stream = createReadStream(path, { highWaterMark: pieceBytes })
  try {
    for await (const piece of stream) {
      signal?.throwIfAborted()
      onBytes?.((piece as Buffer).length)
      yield piece as Buffer
    }
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === undefined || error instanceof SourceError) throw error
    const problem = errno === 'ENOENT' ? 'is not there' : `could not be read: ${(error as Error).message}`
    throw new SourceError('SOURCE_UNREADABLE', { source: path }, problem, error)
  } finally {
    stream.destroy()
  }
}
