import { closeSync } from 'node:fs'
import { DigestBuilder } from '../../manifests/digest.ts'
import type { FileEntry } from '../../manifests/entry.ts'
import type { TreePath } from '../../manifests/tree-path.ts'
import { compareEntries } from '../tree/compare-entry.ts'
import { TreeWriteError } from '../tree/errors.ts'
import { ContentWriter, hashContent } from '../tree/file-content.ts'
import type { TreeWriter } from '../tree/tree-writer.ts'

/** Where new files are made: a tree, or a place for one image. `tree` is for messages. */
export type ContentPlaces = Pick<TreeWriter, 'tree' | 'createFile' | 'openFile' | 'cloneFile'>

/** A new file that gets its content in order, and is compared with its entry when it has all of it. */
export class ContentFile implements Disposable {
  readonly entry: FileEntry
  /** For reading, too. */
  readonly fd: number
  readonly #content: ContentWriter
  readonly #digest = new DigestBuilder()

  constructor(entry: FileEntry, writer: ContentPlaces, path: TreePath = entry.path) {
    this.entry = entry
    this.fd = writer.createFile(path)
    this.#content = new ContentWriter(this.fd, { ...entry, tree: writer.tree })
  }

  /** How much of the content is there. */
  get bytes(): number {
    return this.#digest.bytes
  }

  add(piece: Uint8Array): void {
    this.#content.write(piece, this.#digest.bytes)
    this.#digest.add(piece)
  }

  /** To be asked once, when the content is complete. */
  isRight(): boolean {
    return this.#digest.finish() === this.entry.digest
  }

  [Symbol.dispose](): void {
    closeSync(this.fd)
  }
}

/** Whether two files of one content are laid out alike. */
export function isLaidOutAlike(a: FileEntry, b: FileEntry): boolean {
  const aspects = compareEntries(a, b)
  return !aspects.includes('size') && !aspects.includes('sparse')
}

/** Makes a file that is laid out like the one open at `fd`, with its content. Throws TreeWriteError. */
export function cloneVerified(fd: number, entry: FileEntry, writer: ContentPlaces, path: TreePath): void {
  writer.cloneFile(path, fd)
  const copy = writer.openFile(path)
  try {
    if (hashContent(copy, entry) === entry.digest) return
  } finally {
    closeSync(copy)
  }
  const problem = 'could not clone this file: the copy reads back differently; check the disk and try again'
  throw new TreeWriteError('TREE_WRITE_FAILED', { tree: writer.tree, path }, problem)
}
