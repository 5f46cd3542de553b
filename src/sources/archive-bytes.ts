import { readSourceFile, type ReadingOptions } from './source-file.ts'
import type { SourceLimits } from './source-limits.ts'
import { unpack } from './unpack.ts'

export interface OpenOptions extends ReadingOptions {
  readonly limits?: SourceLimits | undefined
}

/** The bytes of an archive file, unpacked. A little of it may unpack to much: an abort is heeded on both sides. */
export async function* archiveBytes(
  path: string,
  options: OpenOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const piece of unpack(readSourceFile(path, options), path, options.limits)) {
    options.signal?.throwIfAborted()
    yield piece
  }
}
