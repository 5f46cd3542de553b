import { fstatSync } from 'node:fs'
import { ContentReader, ContentWriter } from './file-content.ts'
import type { TreePlace } from './errors.ts'
import { cloneFileContent } from './libc.ts'
import { readSparseMap } from './read-sparse-map.ts'

/** Small enough that a buffer for each file is soon collected. */
const bufferBytes = 256 * 1024

/**
 * Gives the new, empty file `to` the content of `from`, sharing its storage where the file system can; else a copy
 * with the same holes.
 */
export function cloneContent(to: number, from: number, place: TreePlace): void {
  const { size } = fstatSync(from)
  if (size === 0 || cloneFileContent(to, from)) return
  const sparse = readSparseMap(from, size)
  const contentBytes = sparse === undefined ? size : sparse.data.reduce((sum, [, length]) => sum + length, 0)
  const file = { ...place, size: contentBytes, sparse }
  const [reader, writer] = [new ContentReader(from, file), new ContentWriter(to, file)]
  const buffer = Buffer.allocUnsafe(Math.min(contentBytes, bufferBytes))
  for (let done = 0; done < contentBytes;) {
    const count = reader.read(buffer, done)
    writer.write(buffer.subarray(0, count), done)
    done += count
  }
}
