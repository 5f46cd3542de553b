import { findStreams } from './find-streams.ts'

/**
 * A compressed file with every deflate stream replaced by its content, whoever compressed it: what others of its kind
 * are compared with. Undefined when it is no such file, or has more than `plainLimit` bytes then.
 */
export function inflatedForm(bytes: Uint8Array, plainLimit: number): Uint8Array | undefined {
  const streams = findStreams(bytes, plainLimit)
  if (streams.length === 0) return undefined
  const pieces: Uint8Array[] = []
  let at = 0
  for (const { start, end, plain } of streams) {
    pieces.push(bytes.subarray(at, start), plain)
    at = end
  }
  pieces.push(bytes.subarray(at))
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0)
  return length > plainLimit ? undefined : Buffer.concat(pieces)
}
