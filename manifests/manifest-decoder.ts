import type { Entry } from './entry.ts'
import { decodeEntry } from './entry-line.ts'
import { FormatError } from './errors.ts'
import { decodeChunkRef, decodeHeader, type ChunkRef, type ManifestHeader } from './manifest.ts'
import { displayTreePath, type TreePath } from './tree-path.ts'

/** Longer lines are refused before they are held in memory. */
export const maxLineBytes = 1 << 20

export type ManifestItem =
  | { readonly kind: 'header'; readonly header: ManifestHeader }
  | { readonly kind: 'chunk'; readonly chunk: ChunkRef }
  | { readonly kind: 'entry'; readonly entry: Entry; readonly line: LineSpan }

/** Where an entry's line lies in the manifest's plain bytes, newline not counted. */
export interface LineSpan {
  readonly position: number
  readonly bytes: number
}

/**
 * Reads a manifest as it arrives: `decode` every piece of its plain bytes, then `end`. Checks everything the bytes
 * themselves can show: form and order of the lines, the counts and sums of the header, that every entry has its
 * directory, that content lies inside the stream. Throws a FormatError naming the line. The digest is the caller's.
 */
export class ManifestDecoder {
  /** The bytes since the last newline are the first `#heldBytes` of `#held`. */
  #held: Buffer = Buffer.alloc(0)
  #heldBytes = 0
  #position = 0
  #lineNumber = 1
  #header: ManifestHeader | undefined
  #chunksLeft = 0
  #entriesLeft = 0
  #contentLeft = 0
  #lastPath: TreePath | undefined
  /** Outermost first, the directories whose path the last path begins with: no other can hold a later one. */
  readonly #directories: TreePath[] = [];

  *decode(bytes: Uint8Array): Generator<ManifestItem, void, undefined> {
    const piece = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    let start = 0
    for (let end = piece.indexOf(10); end !== -1; end = piece.indexOf(10, start)) {
      const held = this.#heldBytes
      this.#checkLength(held + end - start)
      const item =
        held === 0
          ? this.#decodeLine(piece, start, end)
          : this.#decodeLine(this.#takeHeld(piece.subarray(start, end)), 0, held + end - start)
      this.#position += held + end - start + 1
      this.#lineNumber++
      start = end + 1
      yield item
    }
    this.#hold(piece.subarray(start))
  }

  #takeHeld(tail: Buffer): Buffer {
    const line = Buffer.concat([this.#held.subarray(0, this.#heldBytes), tail])
    this.#heldBytes = 0
    return line
  }

  #hold(tail: Buffer): void {
    const bytes = this.#heldBytes + tail.length
    this.#checkLength(bytes)
    if (bytes > this.#held.length) {
      const larger = Buffer.alloc(Math.min(2 * bytes, maxLineBytes))
      this.#held.copy(larger, 0, 0, this.#heldBytes)
      this.#held = larger
    }
    tail.copy(this.#held, this.#heldBytes)
    this.#heldBytes = bytes
  }

  end(): void {
    if (this.#heldBytes > 0) throw this.#error('FORMAT_TRUNCATED', 'the last line has no newline')
    if (this.#header === undefined) throw this.#error('FORMAT_TRUNCATED', 'there is no header')
    if (this.#chunksLeft > 0 || this.#entriesLeft > 0) {
      const missing = `${this.#chunksLeft} chunks and ${this.#entriesLeft} entries`
      throw this.#error('FORMAT_TRUNCATED', `the header announces ${missing} more`)
    }
  }

  /** The line is the bytes from `start` to `end`. */
  #decodeLine(bytes: Buffer, start: number, end: number): ManifestItem {
    try {
      if (this.#header === undefined) {
        return { kind: 'header', header: this.#acceptHeader(bytes.subarray(start, end)) }
      }
      if (this.#chunksLeft > 0) return { kind: 'chunk', chunk: this.#acceptChunk(bytes, start, end) }
      const entry = this.#acceptEntry(bytes, start, end, this.#header)
      return { kind: 'entry', entry, line: { position: this.#position, bytes: end - start } }
    } catch (error) {
      if (!(error instanceof FormatError) || error.document === 'manifest') throw error
      const field = error.place === undefined ? '' : `, ${error.place}`
      const problem = error.message.slice(error.message.indexOf(': ') + 2)
      throw new FormatError(error.code, 'manifest', problem, {
        place: `line ${this.#lineNumber}${field}`,
        cause: error,
      })
    }
  }

  #acceptHeader(line: Buffer): ManifestHeader {
    const header = decodeHeader(line)
    this.#header = header
    this.#chunksLeft = header.chunks
    this.#entriesLeft = header.entries
    this.#contentLeft = header.contentBytes
    if (header.chunks === 0) this.#checkContentSum()
    return header
  }

  #acceptChunk(bytes: Buffer, start: number, end: number): ChunkRef {
    const chunk = decodeChunkRef(bytes, start, end)
    this.#chunksLeft--
    this.#contentLeft -= chunk.size
    if (this.#chunksLeft === 0) this.#checkContentSum()
    return chunk
  }

  #acceptEntry(bytes: Buffer, start: number, end: number, header: ManifestHeader): Entry {
    if (this.#entriesLeft === 0) throw this.#error('FORMAT_INVALID', 'more entries than the header announces')
    const entry = decodeEntry(bytes, start, end)
    this.#entriesLeft--
    this.#checkPlace(entry)
    if (entry.type === 'file' && entry.offset + entry.size > header.contentBytes) {
      throw this.#error('FORMAT_INVALID', 'its content lies outside the content stream')
    }
    return entry
  }

  #checkPlace(entry: Entry): void {
    const { path } = entry
    if (this.#lastPath !== undefined && path <= this.#lastPath) {
      const pair = `"${displayTreePath(path)}" after "${displayTreePath(this.#lastPath)}"`
      throw this.#error('FORMAT_NOT_CANONICAL', `entries must be in byte order of their paths: ${pair}`)
    }
    this.#lastPath = path
    while (!path.startsWith(this.#directories.at(-1) ?? '')) this.#directories.pop()
    if (path === '' ? entry.type !== 'directory' : !this.#hasDirectoryFor(path)) {
      throw this.#error('FORMAT_INVALID', `"${displayTreePath(path)}" has no directory to lie in`)
    }
    if (entry.type === 'directory') this.#directories.push(path)
  }

  /** All directories begin `path`, so that the one of its parent's length is its parent. */
  #hasDirectoryFor(path: TreePath): boolean {
    const length = Math.max(0, path.lastIndexOf('/'))
    return this.#directories.findLast((directory) => directory.length <= length)?.length === length
  }

  #checkContentSum(): void {
    if (this.#contentLeft !== 0) {
      throw this.#error('FORMAT_INVALID', 'the sizes of the chunks do not add up to contentBytes')
    }
  }

  #checkLength(bytes: number): void {
    if (bytes > maxLineBytes) throw this.#error('FORMAT_INVALID', `longer than ${maxLineBytes} bytes`)
  }

  #error(code: FormatError['code'], problem: string): FormatError {
    return new FormatError(code, 'manifest', problem, { place: `line ${this.#lineNumber}` })
  }
}
