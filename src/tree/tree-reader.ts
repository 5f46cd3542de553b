import { constants } from 'node:fs'
import type { BigIntStats } from 'node:fs'
import type { SourceEntry } from '../../manifests/entry.ts'
import type { TreePath } from '../../manifests/tree-path.ts'
import { DirectoryHandles } from './directory-handles.ts'
import { errnoOf, TreePathBlockedError, treeReadError } from './errors.ts'
import { openRegularFile } from './open-regular-file.ts'
import { readEntry, statEntry } from './read-entry.ts'

/**
 * Looks up single paths of a tree, following no symlink inside it. A path below a symlink, or below anything else
 * that is not a directory, is not in the tree.
 */
export class TreeReader implements Disposable {
  readonly tree: string
  readonly #handles: DirectoryHandles

  /** Throws TreeReadError when `tree` is not a directory that can be opened. */
  constructor(tree: string) {
    this.tree = tree
    this.#handles = new DirectoryHandles(tree)
  }

  /**
   * The entry at a path, or undefined when nothing or a socket is there. A path with other names is described as if
   * it had none; `isSameFile` tells. Throws TreeReadError and TreeChangedError.
   */
  read(path: TreePath): SourceEntry | undefined {
    const place = { tree: this.tree, path }
    const location = this.#locate(path)
    const stats = location === undefined ? undefined : statEntry(location, place)
    return location === undefined || stats === undefined ? undefined : readEntry(location, stats, place)
  }

  /** A descriptor for reading, which the caller closes, or undefined when no regular file is there. */
  openFile(path: TreePath): number | undefined {
    const location = this.#locate(path)
    if (location === undefined) return undefined
    try {
      return openRegularFile(location, constants.O_RDONLY)
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined
      throw treeReadError(error, { tree: this.tree, path }, 'read this file')
    }
  }

  /** Whether the two paths are names of one inode; false when either is missing. */
  isSameFile(a: TreePath, b: TreePath): boolean {
    const [first, second] = [this.#stat(a), this.#stat(b)]
    if (first === undefined || second === undefined) return false
    return first.ino === second.ino && first.dev === second.dev
  }

  [Symbol.dispose](): void {
    this.#handles[Symbol.dispose]()
  }

  #stat(path: TreePath): BigIntStats | undefined {
    const location = this.#locate(path)
    return location === undefined ? undefined : statEntry(location, { tree: this.tree, path })
  }

  #locate(path: TreePath): Buffer | undefined {
    try {
      return this.#handles.locate(path)
    } catch (error) {
      if (error instanceof TreePathBlockedError || errnoOf(error) === 'ENOENT') return undefined
      throw treeReadError(error, { tree: this.tree, path }, 'reach this path')
    }
  }
}
