import { fsyncSync, ftruncateSync, readSync, writeSync } from 'node:fs'
import type { Digest } from '../../manifests/digest.ts'
import { DigestBuilder, digestOf } from '../../manifests/digest.ts'
import type { ContentShape } from './content-layout.ts'
import { ContentLayout } from './content-layout.ts'
import type { TreePlace } from './errors.ts'
import { TreeChangedError, treeReadError, treeWriteError } from './errors.ts'

/** A file as far as its content goes; every file entry is one. `tree` is for messages. */
export interface ContentFile extends ContentShape, TreePlace {}

/** Small enough that a buffer for each file is soon collected. */
const bufferBytes = 256 * 1024

/** Reads the content of an open file: its bytes, or the data of a sparse one, one extent after another. */
export class ContentReader {
  readonly #fd: number
  readonly #file: ContentFile
  readonly #layout: ContentLayout

  /** The descriptor stays the caller's. */
  constructor(fd: number, file: ContentFile) {
    this.#fd = fd
    this.#file = file
    this.#layout = new ContentLayout(file)
  }

  /**
   * Fills `buffer` from content offset `position` on and returns how many bytes it got: fewer than asked for only
   * at the end of the content. Throws TreeChangedError when the file is shorter than its entry says.
   */
  read(buffer: Uint8Array, position: number): number {
    let filled = 0
    while (filled < buffer.byteLength) {
      const { fileOffset, length } = this.#layout.runAt(position + filled, buffer.byteLength - filled)
      if (length === 0) break
      filled += this.#readSome(buffer, filled, length, fileOffset)
    }
    return filled
  }

  #readSome(buffer: Uint8Array, offset: number, length: number, fileOffset: number): number {
    const count = this.#readOnce(buffer, offset, length, fileOffset)
    if (count === 0) throw new TreeChangedError(this.#file, 'became shorter while it was being read')
    return count
  }

  #readOnce(buffer: Uint8Array, offset: number, length: number, fileOffset: number): number {
    try {
      return readSync(this.#fd, buffer, offset, length, fileOffset)
    } catch (error) {
      throw treeReadError(error, this.#file, 'read this file')
    }
  }
}

/** Writes the content of a new, empty file, in any order of pieces. What no piece covers stays a hole. */
export class ContentWriter {
  readonly #fd: number
  readonly #file: ContentFile
  readonly #layout: ContentLayout

  /** The descriptor stays the caller's. A sparse file gets its full length at once. */
  constructor(fd: number, file: ContentFile) {
    this.#fd = fd
    this.#file = file
    this.#layout = new ContentLayout(file)
    const length = file.sparse?.size
    if (length !== undefined) this.#attempt(() => ftruncateSync(fd, length), 'give this file its length')
  }

  /** Writes all of `bytes` at content offset `position`. Throws a RangeError beyond the end of the content. */
  write(bytes: Uint8Array, position: number): void {
    if (position < 0 || position + bytes.byteLength > this.#file.size) {
      throw new RangeError(
        `content of ${this.#file.size} bytes has no range of ${bytes.byteLength} at ${position}`,
      )
    }
    for (let done = 0; done < bytes.byteLength;) {
      const { fileOffset, length } = this.#layout.runAt(position + done, bytes.byteLength - done)
      done += this.#attempt(() => writeSync(this.#fd, bytes, done, length, fileOffset), 'write this file')
    }
  }

  /** Waits until everything written is on the device. */
  sync(): void {
    this.#attempt(() => fsyncSync(this.#fd), 'write this file')
  }

  #attempt<R>(action: () => R, doing: string): R {
    try {
      return action()
    } catch (error) {
      throw treeWriteError(error, this.#file, doing)
    }
  }
}

/** The digest of an open file's content. Throws TreeChangedError when the file is shorter than its entry says. */
export function hashContent(fd: number, file: ContentFile): Digest {
  const reader = new ContentReader(fd, file)
  const buffer = Buffer.allocUnsafe(Math.min(file.size, bufferBytes))
  if (file.size <= buffer.length) return digestOf(buffer.subarray(0, reader.read(buffer, 0)))
  const digest = new DigestBuilder()
  while (digest.bytes < file.size) {
    digest.add(buffer.subarray(0, reader.read(buffer, digest.bytes)))
  }
  return digest.finish()
}
