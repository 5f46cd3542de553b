import { closeSync, fstatSync, readSync } from 'node:fs'
import type { FileEntry } from '../../manifests/entry.ts'
import type { ContentView } from '../delta/content-view.ts'
import { TreeError } from '../tree/errors.ts'
import { ContentReader } from '../tree/file-content.ts'
import { blockBytes, BlockPool } from './block-pool.ts'

/** Of one file in memory: what is read lies mostly near what was read before. */
const maxBlocks = 8

type ReadInto = (buffer: Buffer, offset: number) => number

interface FileViewOptions {
  readonly length: number
  readonly read: ReadInto
  /** To be closed; undefined: it is somebody else's. */
  readonly fd?: number | undefined
  readonly pool?: BlockPool | undefined
}

/** The content of an open file. What it gives is the caller's own. */
export class FileView implements ContentView, Disposable {
  readonly length: number
  readonly #options: FileViewOptions
  readonly #pool: BlockPool
  /** By number; the one that was used last is the last. */
  readonly #blocks = new Map<number, Buffer>()

  private constructor(options: FileViewOptions) {
    this.length = options.length
    this.#options = options
    this.#pool = options.pool ?? new BlockPool()
  }

  /** A file of the machine's own, all of it; closes the descriptor when disposed of, as the next does. */
  static ofFile(fd: number, pool?: BlockPool): FileView {
    return new FileView({
      fd,
      pool,
      length: fstatSync(fd).size,
      read: (buffer, offset) => readFully(fd, buffer, offset),
    })
  }

  /** The same of a file that stays open. */
  static borrowedFile(fd: number): FileView {
    return new FileView({
      length: fstatSync(fd).size,
      read: (buffer, offset) => readFully(fd, buffer, offset),
    })
  }

  /** A part of a file of the machine's own, which stays open. */
  static borrowedPart(fd: number, start: number, length: number): FileView {
    return new FileView({ length, read: (buffer, offset) => readFully(fd, buffer, start + offset) })
  }

  /**
   * The content of a file of a tree. What cannot be read is zeros: whoever makes something of it finds by its digest
   * that it is wrong.
   */
  static ofContent(fd: number, entry: FileEntry, tree: string, pool: BlockPool): FileView {
    return new FileView({ fd, length: entry.size, read: contentReader(fd, entry, tree), pool })
  }

  /** The same of a file that stays open. */
  static borrowed(fd: number, entry: FileEntry, tree: string): FileView {
    return new FileView({ length: entry.size, read: contentReader(fd, entry, tree) })
  }

  readonly readAt = (offset: number, length: number): Uint8Array => {
    const bytes = Buffer.allocUnsafeSlow(Math.max(0, Math.min(length, this.length - offset)))
    return bytes.subarray(0, this.readInto(bytes, offset))
  }

  readonly readInto = (buffer: Uint8Array, offset: number): number => {
    const wanted = Math.max(0, Math.min(buffer.length, this.length - offset))
    // What is that large is not asked for again.
    if (wanted >= blockBytes)
      return this.#options.read(Buffer.from(buffer.buffer, buffer.byteOffset, wanted), offset)
    let filled = 0
    while (filled < wanted) {
      const position = offset + filled
      const number = Math.floor(position / blockBytes)
      const from = position - number * blockBytes
      const part = this.#block(number).subarray(from, from + wanted - filled)
      if (part.length === 0) break
      buffer.set(part, filled)
      filled += part.length
    }
    return filled
  };

  [Symbol.dispose](): void {
    for (const block of this.#blocks.values()) this.#pool.giveBack(Buffer.from(block.buffer))
    this.#blocks.clear()
    if (this.#options.fd !== undefined) closeSync(this.#options.fd)
  }

  #block(number: number): Buffer {
    const known = this.#blocks.get(number)
    if (known !== undefined) {
      this.#blocks.delete(number)
      this.#blocks.set(number, known)
      return known
    }
    const buffer = this.#takeBlock()
    const start = number * blockBytes
    const wanted = buffer.subarray(0, Math.min(blockBytes, this.length - start))
    const block = wanted.subarray(0, this.#options.read(wanted, start))
    this.#blocks.set(number, block)
    return block
  }

  /** The one that was used longest ago, if there are enough. */
  #takeBlock(): Buffer {
    const [oldest] = this.#blocks
    if (oldest === undefined || this.#blocks.size < maxBlocks) return this.#pool.take()
    const [number, block] = oldest
    this.#blocks.delete(number)
    return Buffer.from(block.buffer)
  }
}

function contentReader(fd: number, entry: FileEntry, tree: string): ReadInto {
  const reader = new ContentReader(fd, { ...entry, tree })
  return (buffer, offset) => {
    try {
      return reader.read(buffer, offset)
    } catch (error) {
      if (!(error instanceof TreeError)) throw error
      buffer.fill(0)
      return buffer.length
    }
  }
}

function readFully(fd: number, buffer: Buffer, offset: number): number {
  for (let filled = 0; ;) {
    const count = readSync(fd, buffer, filled, buffer.length - filled, offset + filled)
    filled += count
    if (count === 0 || filled === buffer.length) return filled
  }
}
