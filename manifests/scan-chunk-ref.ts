import { digestToken, naturalToken } from './canonical-tokens.ts'
import { maxChunkBytes } from './chunk-limits.ts'
import type { Digest } from './digest.ts'
import type { ChunkRef } from './manifest.ts'

const chunkLine = new RegExp(`^\\{"digest":${digestToken},"size":${naturalToken}\\}$`)

/** A line of the chunk table without its schema, or undefined when it is none. One character of it is one byte. */
export function scanChunkRef(line: string): ChunkRef | undefined {
  const match = chunkLine.exec(line)
  if (match === null) return undefined
  const size = Number(match[2])
  return size > 0 && size <= maxChunkBytes ? { digest: match[1] as Digest, size } : undefined
}
