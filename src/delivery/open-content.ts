import { closeSync, openSync, readFileSync, readSync } from 'node:fs'
import type { ContentView } from '../delta/content-view.ts'
import type { ContentFile } from './pack-messages.ts'

/** Up to this a content is read once and kept; more is read where it is looked at. */
const keptBytes = 160 << 20

/** A content that is looked at until it is disposed of. */
export type OpenContent = ContentView & Disposable

export function openContent({ path, size }: ContentFile): OpenContent {
  if (size <= keptBytes) {
    const bytes = readFileSync(path)
    return {
      length: bytes.length,
      readAt: (offset, length) => bytes.subarray(offset, offset + length),
      [Symbol.dispose]: () => undefined,
    }
  }
  const fd = openSync(path, 'r')
  return {
    length: size,
    readAt: (offset, length) => readPart(fd, offset, Math.min(length, size - offset)),
    [Symbol.dispose]: () => {
      closeSync(fd)
    },
  }
}

export function closeAll(contents: readonly OpenContent[]): void {
  for (const content of contents) content[Symbol.dispose]()
}

function readPart(fd: number, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(Math.max(0, length))
  for (let done = 0; done < bytes.length;) {
    const count = readSync(fd, bytes, done, bytes.length - done, offset + done)
    if (count === 0) return bytes.subarray(0, done)
    done += count
  }
  return bytes
}
