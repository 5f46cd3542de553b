import { closeSync, constants, fstatSync, mkdirSync, openSync, rmSync } from 'node:fs'
import type { SourceFileEntry } from '../../manifests/entry.ts'
import { TreeChangedError, treeWriteError } from '../tree/errors.ts'
import { ContentWriter } from '../tree/file-content.ts'
import { SourceError, type SourcePlace } from './errors.ts'

/** Bytes at once, or piece by piece: of a sparse file its data, one extent after another. */
export type Content = Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>

const filesPerDirectory = 4096
const readFlags = constants.O_RDONLY | constants.O_NOFOLLOW

/** Contents in files of their own, named by number: nothing that a source says becomes part of a path. */
export class ScratchContents {
  readonly #directory: string
  #count = 0

  /** `directory`: an empty one, which is the caller's to remove. */
  constructor(directory: string) {
    this.#directory = directory
  }

  /**
   * Keeps a content and returns its number. Throws SourceError when it is not as long as its entry says, and
   * TreeWriteError when there is no room for it.
   */
  async add(entry: SourceFileEntry, content: Content, place: SourcePlace): Promise<number> {
    const number = this.#count++
    if (number % filesPerDirectory === 0) this.#attempt(entry, () => mkdirSync(this.#shelfOf(number), 0o700))
    const fd = this.#attempt(entry, () => openSync(this.#pathOf(number), 'wx', 0o600))
    try {
      await this.#write(fd, entry, content, place)
    } finally {
      closeSync(fd)
    }
    return number
  }

  remove(number: number): void {
    rmSync(this.#pathOf(number), { force: true })
  }

  /** A descriptor for reading, which the caller closes. */
  open(number: number, entry: SourceFileEntry): number {
    const fd = openSync(this.#pathOf(number), readFlags)
    if (fstatSync(fd).size === (entry.sparse?.size ?? entry.size)) return fd
    closeSync(fd)
    throw new TreeChangedError(
      { tree: this.#directory, path: entry.path },
      'changed in the scratch directory',
    )
  }

  async #write(fd: number, entry: SourceFileEntry, content: Content, place: SourcePlace): Promise<void> {
    const { path, size, sparse } = entry
    const writer = new ContentWriter(fd, { tree: this.#directory, path, size, sparse })
    let written = 0
    const write = (piece: Uint8Array): void => {
      if (written + piece.length > size) throw wrongLength(entry, place, `goes on after its ${size} bytes`)
      writer.write(piece, written)
      written += piece.length
    }
    if (content instanceof Uint8Array) write(content)
    else for await (const piece of content) write(piece)
    if (written < size) throw wrongLength(entry, place, `ends after ${written} of its ${size} bytes`)
  }

  #shelfOf(number: number): string {
    return `${this.#directory}/${Math.floor(number / filesPerDirectory)}`
  }

  #pathOf(number: number): string {
    return `${this.#shelfOf(number)}/${number % filesPerDirectory}`
  }

  #attempt<R>(entry: SourceFileEntry, action: () => R): R {
    try {
      return action()
    } catch (error) {
      throw treeWriteError(
        error,
        { tree: this.#directory, path: entry.path },
        'keep the content of this file',
      )
    }
  }
}

function wrongLength(entry: SourceFileEntry, place: SourcePlace, problem: string): SourceError {
  return new SourceError('SOURCE_DAMAGED', { ...place, member: entry.path }, `its content ${problem}`)
}
