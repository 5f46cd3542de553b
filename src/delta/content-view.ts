import type { ReadAt } from './elf.ts'

/** Content that is looked at, wherever it lies. */
export interface ContentView {
  readonly length: number
  /** May give a view of what it holds: not to be written to. Past the end: fewer bytes. */
  readonly readAt: ReadAt
  /** The same into a buffer of the caller's, where that saves a copy: returns how many bytes there were. */
  readonly readInto?: ((buffer: Uint8Array, offset: number) => number) | undefined
}

/** Fills a buffer from `offset` on; returns how many bytes there were. */
export function readInto(view: ContentView, buffer: Uint8Array, offset: number): number {
  if (view.readInto !== undefined) return view.readInto(buffer, offset)
  const read = view.readAt(offset, buffer.length)
  buffer.set(read)
  return read.length
}

export function viewBytes(bytes: Uint8Array): ContentView {
  return { length: bytes.length, readAt: (offset, length) => bytes.subarray(offset, offset + length) }
}

/** Several contents as if they lay one after another. */
export function joinViews(views: readonly ContentView[]): ContentView {
  const [only] = views
  if (only !== undefined && views.length === 1) return only
  const length = views.reduce((sum, view) => sum + view.length, 0)
  const intoBuffer = (buffer: Uint8Array, offset: number): number => readAcross(views, buffer, offset)
  return {
    length,
    readInto: intoBuffer,
    readAt: (offset, count) => {
      const bytes = new Uint8Array(Math.max(0, Math.min(count, length - offset)))
      return bytes.subarray(0, intoBuffer(bytes, offset))
    },
  }
}

function readAcross(views: readonly ContentView[], buffer: Uint8Array, offset: number): number {
  let start = 0
  let filled = 0
  for (const view of views) {
    if (filled === buffer.length) break
    const from = offset + filled - start
    if (from < view.length) {
      const wanted = Math.min(view.length - from, buffer.length - filled)
      const read = readInto(view, buffer.subarray(filled, filled + wanted), from)
      filled += read
      // Whoever asked sees that it became shorter.
      if (read < wanted) break
    }
    start += view.length
  }
  return filled
}
