import { closeSync, constants, lstatSync, openSync } from 'node:fs'
import type { TreePath } from '../../manifests/tree-path.ts'
import { nameOf, parentOf, rootPath } from '../../manifests/tree-path.ts'
import { errnoOf, TreePathBlockedError, TreeReadError } from './errors.ts'

/** O_PATH, which node:fs does not name. */
export const openPathFlag = 0o10000000
/** Flags of a descriptor that only names a directory: no read permission needed, no symlink followed. */
const handleFlags = openPathFlag | constants.O_DIRECTORY | constants.O_NOFOLLOW

/**
 * Descriptors of the directories of one tree, the most recently used kept open. Each is opened from its parent's,
 * one component at a time and following no symlink, so nothing that is done through them leaves the tree, whatever
 * somebody else renames meanwhile.
 */
export class DirectoryHandles implements Disposable {
  readonly tree: string
  readonly #capacity: number
  readonly #root: number
  readonly #open = new Map<TreePath, number>()

  /** `tree` itself may be reached through symlinks: whoever names it means what it leads to. */
  constructor(tree: string, options: { readonly capacity?: number } = {}) {
    this.tree = tree
    this.#capacity = Math.max(1, options.capacity ?? 128)
    this.#root = openRoot(tree)
  }

  /**
   * The descriptor (O_PATH) of a directory; it belongs to this object and is valid until the next call.
   * Throws TreePathBlockedError for a symlink or another non-directory on the way, and what `open` throws
   * (ENOENT, EACCES, …) for anything else.
   */
  fdOf(directory: TreePath): number {
    if (directory === rootPath) return this.#root
    const known = this.#open.get(directory)
    if (known !== undefined) {
      this.#open.delete(directory)
      this.#open.set(directory, known)
      return known
    }
    return this.#openFromAncestor(directory)
  }

  /**
   * A path for node:fs and libc.ts whose every component but the last is already resolved; valid until the next
   * call. The root's ends in `/.`. The caller must not let the last component be followed.
   */
  locate(path: TreePath): Buffer {
    return pathAt(this.fdOf(parentOf(path)), nameOf(path))
  }

  /** Closes what is open at and below `directory`; needed once it is removed or replaced. */
  forget(directory: TreePath): void {
    const below = `${directory}/`
    for (const [path, fd] of this.#open) {
      if (path !== directory && !path.startsWith(below)) continue
      this.#open.delete(path)
      closeSync(fd)
    }
  }

  [Symbol.dispose](): void {
    for (const fd of this.#open.values()) closeSync(fd)
    this.#open.clear()
    closeSync(this.#root)
  }

  #openFromAncestor(directory: TreePath): number {
    const missing: TreePath[] = []
    let ancestor = directory
    while (ancestor !== rootPath && !this.#open.has(ancestor)) {
      missing.push(ancestor)
      ancestor = parentOf(ancestor)
    }
    let fd = this.fdOf(ancestor)
    for (const path of missing.reverse()) {
      fd = this.#openChild(fd, path, directory)
      this.#keep(path, fd)
    }
    return fd
  }

  #openChild(parent: number, path: TreePath, wanted: TreePath): number {
    try {
      return openSync(pathAt(parent, nameOf(path)), handleFlags)
    } catch (error) {
      const errno = errnoOf(error)
      if (errno !== 'ENOTDIR' && errno !== 'ELOOP') throw error
      throw new TreePathBlockedError({ tree: this.tree, path: wanted }, path, error)
    }
  }

  #keep(path: TreePath, fd: number): void {
    this.#open.set(path, fd)
    for (const [oldest, oldestFd] of this.#open) {
      if (this.#open.size <= this.#capacity) return
      this.#open.delete(oldest)
      closeSync(oldestFd)
    }
  }
}

/** `name` (one character a byte) in the directory open at `fd`; the directory itself when it is empty. */
export function pathAt(fd: number, name: string): Buffer {
  return Buffer.from(`/proc/self/fd/${fd}/${name === '' ? '.' : name}`, 'latin1')
}

/** Opens what is at a path for nothing but naming it: any type, symlinks themselves, no permission needed. */
export function openInode(path: Buffer): number {
  return openSync(path, openPathFlag | constants.O_NOFOLLOW)
}

function openRoot(tree: string): number {
  const fd = openTree(tree)
  try {
    lstatSync(pathAt(fd, ''))
    return fd
  } catch (error) {
    closeSync(fd)
    const problem = 'could not be reached through /proc/self/fd; mount /proc and try again'
    throw new TreeReadError('TREE_READ_FAILED', { tree, path: '' }, problem, error)
  }
}

function openTree(tree: string): number {
  try {
    return openSync(tree, openPathFlag | constants.O_DIRECTORY)
  } catch (error) {
    const problem = 'could not be opened as a directory; name an existing directory that this user may enter'
    throw new TreeReadError('TREE_READ_FAILED', { tree, path: '' }, problem, error)
  }
}
