import { constants, zstdCompressSync } from 'node:zlib'
import { ByteWriter } from '../delta/byte-writer.ts'
import { listStreams, newWriters, totalBytes, type StreamWriters } from '../delta/delta-streams.ts'
import type { PackGroup, StreamSize } from './pack-header.ts'
import { IndexWriter, type IndexLine } from './pack-index.ts'
import { groupBytes } from './pack-limits.ts'

/** A group as it is stored, without what is around it. */
export interface StoredGroup {
  readonly group: PackGroup
  readonly bytes: Uint8Array
}

/** The highest level that keeps the window within a group. */
const compressionLevel = 19

/** Collects parts of contents until there are enough for a group. */
export class GroupWriter {
  readonly #index = new ByteWriter()
  readonly #indexWriter = new IndexWriter(this.#index)
  readonly #streams = newWriters()
  readonly #fresh: boolean
  #targetBytes = 0

  /** `fresh`: nothing learned from earlier groups is used in this one. */
  constructor(fresh: boolean) {
    this.#fresh = fresh
  }

  get isEmpty(): boolean {
    return this.#index.length === 0
  }

  /** Whether a part would make the group larger than a group should be. */
  isFullFor(part: StreamWriters): boolean {
    return !this.isEmpty && totalBytes(this.#streams) + this.#index.length + totalBytes(part) > groupBytes
  }

  /** Sizes as in `IndexWriter.add`. */
  add(line: IndexLine, part: StreamWriters, size: number, basisSize: number): void {
    this.#indexWriter.add(line, size, basisSize)
    this.#targetBytes += line.targetBytes
    const to = listStreams(this.#streams)
    for (const [index, stream] of listStreams(part).entries()) to[index]?.bytes(stream.written())
  }

  finish(): StoredGroup {
    const plain = [this.#index, ...listStreams(this.#streams)].map((writer) => writer.written())
    const stored = plain.map(compress)
    const streams: StreamSize[] = stored.map((bytes, index) => ({
      stored: bytes.length,
      plain: (plain[index] as Uint8Array).length,
    }))
    return {
      group: { fresh: this.#fresh, targetBytes: this.#targetBytes, streams },
      bytes: joined(stored),
    }
  }
}

/** In memory of its own, which can be handed to another thread. */
function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0))
  let at = 0
  for (const piece of pieces) {
    bytes.set(piece, at)
    at += piece.length
  }
  return bytes
}

/** One zstd frame, or the bytes themselves where that is not smaller. */
function compress(plain: Uint8Array): Uint8Array {
  if (plain.length === 0) return plain
  const windowLog = Math.max(10, Math.ceil(Math.log2(plain.length)))
  const frame = zstdCompressSync(plain, {
    pledgedSrcSize: plain.length,
    params: {
      [constants.ZSTD_c_compressionLevel]: compressionLevel,
      [constants.ZSTD_c_windowLog]: windowLog,
      [constants.ZSTD_c_contentSizeFlag]: 1,
      [constants.ZSTD_c_checksumFlag]: 1,
    },
  })
  return frame.length < plain.length ? frame : plain
}
