import { findCut } from './find-cut.ts'
import type { ChunkingProfile } from './profile.ts'

/** Reads content into `buffer` from `position` on; returns how many bytes it read, at least 1 before the end. */
export type ReadContent = (buffer: Uint8Array, position: number) => number

/** Room to read content into; more is not faster. May be used for one content after another. */
export function cutBuffer(profile: ChunkingProfile): Buffer {
  return Buffer.allocUnsafeSlow(4 * profile.maxBytes)
}

/**
 * The chunks of a content of `size` bytes, in order. Each is a view of `room`, valid until the next is asked for.
 * Throws ContentEndedError when the content turns out shorter.
 */
export function* cutContent(
  read: ReadContent,
  size: number,
  profile: ChunkingProfile,
  room: Buffer = cutBuffer(profile),
): Generator<Uint8Array, void, undefined> {
  const buffer = room.subarray(0, size)
  let position = 0
  let start = 0
  let end = 0
  while (start < end || position < size) {
    if (end - start < profile.maxBytes && position < size) {
      buffer.copyWithin(0, start, end)
      end -= start
      start = 0
      const filled = fill(read, buffer.subarray(end), position, size)
      end += filled
      position += filled
    }
    const length = findCut(buffer.subarray(start, end), profile)
    yield buffer.subarray(start, start + length)
    start += length
  }
}

function fill(read: ReadContent, free: Uint8Array, position: number, size: number): number {
  const wanted = Math.min(free.length, size - position)
  let filled = 0
  while (filled < wanted) {
    const bytes = read(free.subarray(filled, wanted), position + filled)
    if (bytes === 0) throw new ContentEndedError(position + filled, size)
    filled += bytes
  }
  return filled
}

export class ContentEndedError extends Error {
  override readonly name = 'ContentEndedError'
  readonly code = 'CONTENT_ENDED'

  constructor(position: number, size: number) {
    super(`the content ended after ${position} of ${size} bytes: it was changed while it was read`)
  }
}
