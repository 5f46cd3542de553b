import { closeSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs'
import { emptyDigest } from '../../manifests/digest.ts'
import { decodeEntry, encodeEntry } from '../../manifests/entry-line.ts'
import type { HardlinkEntry, SourceEntry } from '../../manifests/entry.ts'
import { rootPath } from '../../manifests/tree-path.ts'
import { treeWriteError } from '../tree/errors.ts'

/** What an inode is, apart from its names. */
export type SourceInode = Exclude<SourceEntry, HardlinkEntry>

const lengthBytes = 4
const usualBytes = 512
const bufferBytes = 1 << 18

/** Entries on disk, found again by where they begin; a file that has no name any more. */
export class EntryLog implements Disposable {
  readonly #fd: number
  readonly #directory: string
  readonly #pending = Buffer.allocUnsafe(bufferBytes)
  #pendingBytes = 0
  #flushed = 0

  /** `directory`: where to make the file. */
  constructor(directory: string) {
    const path = `${directory}/entries`
    this.#directory = directory
    this.#fd = openSync(path, 'wx+', 0o600)
    unlinkSync(path)
  }

  /** Keeps what the entry says but its path. Throws a FormatError for what no manifest can say. */
  add(entry: SourceInode): number {
    const nameless = { ...entry, path: rootPath }
    const text = encodeEntry(
      nameless.type === 'file' ? { ...nameless, digest: emptyDigest, offset: 0 } : nameless,
    )
    const line = Buffer.from(text)
    decodeEntry(line)
    const length = Buffer.allocUnsafe(lengthBytes)
    length.writeUInt32LE(line.length)
    const position = this.#flushed + this.#pendingBytes
    this.#append(length)
    this.#append(line)
    return position
  }

  /** What was added at `position`; its path is the root's. */
  read(position: number): SourceInode {
    let bytes = this.#bytesAt(position, lengthBytes + usualBytes)
    const end = lengthBytes + bytes.readUInt32LE(0)
    if (bytes.length < end) bytes = this.#bytesAt(position, end)
    const entry = decodeEntry(bytes, lengthBytes, end)
    if (entry.type === 'hardlink') throw new TypeError('a hard link is not an inode')
    if (entry.type !== 'file') return entry
    const { digest: _digest, offset: _offset, ...file } = entry
    return file
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd)
  }

  #append(bytes: Buffer): void {
    if (this.#pendingBytes + bytes.length > bufferBytes) this.#flush()
    if (bytes.length > bufferBytes) {
      this.#write(bytes)
      return
    }
    bytes.copy(this.#pending, this.#pendingBytes)
    this.#pendingBytes += bytes.length
  }

  #flush(): void {
    this.#write(this.#pending.subarray(0, this.#pendingBytes))
    this.#pendingBytes = 0
  }

  #write(bytes: Buffer): void {
    try {
      for (let done = 0; done < bytes.length;) {
        const count = writeSync(this.#fd, bytes, done, bytes.length - done, this.#flushed)
        done += count
        this.#flushed += count
      }
    } catch (error) {
      throw treeWriteError(error, { tree: this.#directory, path: 'entries' }, 'keep the entries of a source')
    }
  }

  /** At most `limit` bytes, fewer at the end of the log. */
  #bytesAt(position: number, limit: number): Buffer {
    if (position >= this.#flushed) {
      const start = position - this.#flushed
      return this.#pending.subarray(start, Math.min(start + limit, this.#pendingBytes))
    }
    if (position + limit > this.#flushed) this.#flush()
    const bytes = Buffer.allocUnsafe(limit)
    return bytes.subarray(0, readSync(this.#fd, bytes, 0, limit, position))
  }
}
