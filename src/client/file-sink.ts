import type { FileEntry } from '../../manifests/entry.ts'
import type { ContentView } from '../delta/content-view.ts'
import type { ContentSink } from '../pack/pack-reader.ts'
import { cloneVerified, ContentFile, isLaidOutAlike, type ContentPlaces } from './content-file.ts'
import { FileView } from './file-view.ts'
import type { GatheredWrites } from './gathered-writes.ts'
import type { MissingFiles } from './missing-files.ts'

export interface FileSinkContext {
  readonly missing: MissingFiles
  readonly writer: ContentPlaces
  /** Empty between two contents. */
  readonly gathered: GatheredWrites
  /** Told of plain bytes. */
  readonly onWritten: (bytes: number) => void
}

const copyBytes = 1 << 20

/** Takes a content, in order, for all missing files that have it; they stay missing unless its digest is right. */
export class FileSink implements ContentSink, Disposable {
  readonly #numbers: readonly number[]
  readonly #context: FileSinkContext
  readonly #entry: FileEntry
  #file: ContentFile | undefined
  #isTooLong = false

  /** At least one number. */
  constructor(numbers: readonly number[], context: FileSinkContext) {
    this.#numbers = numbers
    this.#context = context
    this.#entry = context.missing.files.entry(numbers[0] as number)
  }

  readonly write = (bytes: Uint8Array): void => {
    this.#context.gathered.add(bytes, this.#writePiece)
  }

  end(): void {
    this.#context.gathered.flush(this.#writePiece)
    const file = this.#file
    if (file !== undefined && !this.#isTooLong && file.isRight()) this.#settleAll(file.fd)
    this[Symbol.dispose]()
  }

  abandon(): void {
    this[Symbol.dispose]()
  }

  /** What is incomplete stays where it is: whoever makes it in another way puts it in its place. */
  [Symbol.dispose](): void {
    this.#context.gathered.clear()
    this.#file?.[Symbol.dispose]()
    this.#file = undefined
  }

  readonly #writePiece = (piece: Uint8Array): void => {
    // The file is made late: for many a content it turns out that it cannot be.
    this.#file ??= new ContentFile(this.#entry, this.#context.writer)
    this.#isTooLong ||= this.#file.bytes + piece.length > this.#entry.size
    if (this.#isTooLong) return
    this.#file.add(piece)
    this.#context.onWritten(piece.length)
  }

  #settleAll(fd: number): void {
    const { missing, writer } = this.#context
    for (const number of this.#numbers.slice(1)) {
      const entry = missing.files.entry(number)
      if (isLaidOutAlike(this.#entry, entry)) cloneVerified(fd, entry, writer, entry.path)
      else if (!this.#copyTo(entry, fd)) continue
      missing.settle(number)
    }
    missing.settle(this.#numbers[0] as number)
  }

  /** The same bytes with other holes between them. */
  #copyTo(entry: FileEntry, fd: number): boolean {
    using file = new ContentFile(entry, this.#context.writer)
    const view = FileView.borrowed(fd, this.#entry, this.#context.writer.tree)
    return copyContent(view, file)
  }
}

/** Whether the file's content is right when it was copied. */
export function copyContent(from: ContentView, file: ContentFile): boolean {
  while (file.bytes < file.entry.size) {
    const piece = from.readAt(file.bytes, Math.min(copyBytes, file.entry.size - file.bytes))
    if (piece.length === 0) return false
    file.add(piece)
  }
  return file.isRight()
}
