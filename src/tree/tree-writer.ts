import {
  closeSync,
  constants,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readlinkSync,
  renameSync,
  symlinkSync,
} from 'node:fs'
import type { DeviceEntry, Entry, SourceEntry } from '../../manifests/entry.ts'
import type { TreePath } from '../../manifests/tree-path.ts'
import { nameOf, parentOf, rootPath } from '../../manifests/tree-path.ts'
import { cloneContent } from './clone-content.ts'
import { DirectoryHandles, openPathFlag, pathAt } from './directory-handles.ts'
import { errnoOf, treeWriteError, TreeWriteError } from './errors.ts'
import { makeNode, syncFileSystem } from './libc.ts'
import { MetadataWriter } from './metadata-writer.ts'
import type { NotKept, NotKeptKind } from './not-kept.ts'
import { NotKeptCounter } from './not-kept.ts'
import { openRegularFile } from './open-regular-file.ts'
import { makeWritable, removePath } from './remove-path.ts'

export interface TreeWriterOptions {
  /**
   * Whether owners, devices and privileged attributes that cannot be kept are errors, rather than counted in
   * `notKept`. By default: whether this process is root.
   */
  readonly privileged?: boolean
  /** How many directories to keep open; 128. */
  readonly openDirectories?: number
}

const createFlags = constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW | constants.O_RDWR
const replaceAttempts = 4
const inTheWay: ReadonlySet<string> = new Set(['EEXIST', 'EISDIR'])

/**
 * Builds a tree below an existing directory. No operation follows a symlink inside the tree, or leaves it, whatever
 * lies there and whoever changes it meanwhile. Parent directories must exist; what lies at a path already is
 * replaced, with all that is in it, except that a directory stays for a directory.
 *
 * Throws TreeWriteError (codes TREE_FULL, TREE_READ_ONLY, TREE_NOT_PERMITTED, TREE_BUSY, TREE_WRITE_FAILED) and
 * TreePathBlockedError.
 */
export class TreeWriter implements Disposable {
  readonly tree: string
  readonly #privileged: boolean
  readonly #handles: DirectoryHandles
  readonly #notKept = new NotKeptCounter()
  readonly #missingDevices = new Set<TreePath>()
  readonly #metadata: MetadataWriter

  /** Throws TreeReadError when `tree` is not a directory that can be opened. */
  constructor(tree: string, options: TreeWriterOptions = {}) {
    this.tree = tree
    this.#privileged = options.privileged ?? process.geteuid?.() === 0
    this.#handles = new DirectoryHandles(
      tree,
      options.openDirectories === undefined ? {} : { capacity: options.openDirectories },
    )
    this.#metadata = new MetadataWriter({ tree, privileged: this.#privileged, notKept: this.#notKept })
  }

  /** What could not be kept so far; empty for root on a file system that has everything. */
  get notKept(): ReadonlyMap<NotKeptKind, NotKept> {
    return this.#notKept.kinds
  }

  /** Makes a directory (mode 0700) or keeps the one that is there, made accessible to its owner if need be. */
  makeDirectory(path: TreePath): void {
    if (path === rootPath) return
    this.#create(path, 'make this directory', (location) => {
      try {
        mkdirSync(location, 0o700)
        this.#handles.forget(path)
      } catch (error) {
        if (errnoOf(error) !== 'EEXIST' || !lstatSync(location).isDirectory()) throw error
        if (!this.#privileged) makeWritable(this.#handles.fdOf(path))
      }
    })
  }

  /** A descriptor of a new, empty file (mode 0600), for reading and writing; the caller closes it. */
  createFile(path: TreePath): number {
    return this.#create(path, 'create this file', (location) => openSync(location, createFlags, 0o600))
  }

  /** A descriptor of an existing regular file, for reading and writing; the caller closes it. */
  openFile(path: TreePath): number {
    const fd = this.#attempt(path, 'open this file', () =>
      openRegularFile(this.#handles.locate(path), constants.O_RDWR),
    )
    if (fd !== undefined) return fd
    const problem = 'could not open this file: it is not a regular file'
    throw new TreeWriteError('TREE_WRITE_FAILED', { tree: this.tree, path }, problem)
  }

  /**
   * A new file (mode 0600) with the content of the file open at `sourceFd`, sharing its storage where the file
   * system can; else a copy with the same holes.
   */
  cloneFile(path: TreePath, sourceFd: number): void {
    const fd = this.createFile(path)
    try {
      this.#attempt(path, 'clone this file', () => cloneContent(fd, sourceFd, { tree: this.tree, path }))
    } finally {
      closeSync(fd)
    }
  }

  /** `target` is the link's text, one character a byte. A link that has it, and no other name, stays. */
  makeSymlink(path: TreePath, target: string): void {
    const text = Buffer.from(target, 'latin1')
    this.#create(path, 'make this symbolic link', (location) => {
      try {
        symlinkSync(text, location)
      } catch (error) {
        if (errnoOf(error) !== 'EEXIST' || !isOnlySymlinkTo(location, text)) throw error
      }
    })
  }

  /** Another name for what lies at `target`, which is not followed. */
  makeHardlink(path: TreePath, target: TreePath): void {
    if (this.#missingDevices.has(target)) {
      this.#missDevice(path)
      return
    }
    this.#createFrom(target, path, 'make this hard link', linkSync)
  }

  /**
   * Moves what lies at `from`, which is no directory, to `to`, where it replaces what is there in one step; only a
   * directory is removed first. Two names of one inode both stay.
   */
  replace(from: TreePath, to: TreePath): void {
    this.#createFrom(from, to, 'put this path in place', renameSync)
  }

  /** A device node (mode 0600). */
  makeDevice(path: TreePath, type: DeviceEntry['type'], device: DeviceEntry['device']): void {
    const mode = (type === 'character' ? constants.S_IFCHR : constants.S_IFBLK) | 0o600
    this.#create(path, 'make this device node', (location) => {
      try {
        makeNode(location, mode, device)
      } catch (error) {
        if (this.#privileged || errnoOf(error) !== 'EPERM') throw error
        removePath(this.#handles, path, true)
        this.#missDevice(path)
      }
    })
  }

  /** A fifo (mode 0600). */
  makeFifo(path: TreePath): void {
    this.#create(path, 'make this fifo', (location) =>
      makeNode(location, constants.S_IFIFO | 0o600, { major: 0, minor: 0 }),
    )
  }

  /**
   * Removes what lies at a path, with all that is in it; nothing there is fine. Refuses to change what lies on
   * another mount than the tree (TREE_BUSY).
   */
  remove(path: TreePath): void {
    if (path === rootPath) throw this.#rootRefused('remove it')
    this.#attempt(path, 'remove this path', () => removePath(this.#handles, path, !this.#privileged))
  }

  /**
   * Gives what lies at the entry's path its owner, extended attributes (removing others), mode and mtime; never
   * following it. To be called after the content is written, since writing clears setuid and capabilities, and for
   * a directory after everything in it is done, since that changes its mtime. A hard link has nothing to set.
   */
  applyMetadata(entry: Entry | SourceEntry): void {
    if (entry.type === 'hardlink' || this.#missingDevices.has(entry.path)) return
    const { path } = entry
    const location = this.#attempt(path, 'reach this path', () => this.#handles.locate(path))
    this.#metadata.apply(location, entry)
  }

  /** Waits until everything written to the file system the tree lies on is on its device. */
  sync(): void {
    this.#attempt(rootPath, 'write everything to the device', () => {
      const fd = openSync(
        pathAt(this.#handles.fdOf(rootPath), ''),
        constants.O_RDONLY | constants.O_DIRECTORY,
      )
      try {
        syncFileSystem(fd)
      } finally {
        closeSync(fd)
      }
    })
  }

  [Symbol.dispose](): void {
    this.#handles[Symbol.dispose]()
  }

  #createFrom(from: TreePath, path: TreePath, doing: string, make: (from: Buffer, to: Buffer) => void): void {
    const directory = this.#attempt(path, doing, () => this.#duplicate(parentOf(from)))
    try {
      const source = pathAt(directory, nameOf(from))
      this.#create(path, doing, (location) => make(source, location))
    } finally {
      closeSync(directory)
    }
  }

  /** Runs `make`, which must fail with EEXIST or EISDIR if what is there is in its way; that is then removed first. */
  #create<R>(path: TreePath, doing: string, make: (location: Buffer) => R): R {
    if (path === rootPath) throw this.#rootRefused(doing)
    this.#missingDevices.delete(path)
    return this.#attempt(path, doing, () => {
      for (let attempt = 1; ; attempt++) {
        try {
          return make(this.#handles.locate(path))
        } catch (error) {
          if (!inTheWay.has(errnoOf(error) ?? '') || attempt === replaceAttempts) throw error
          removePath(this.#handles, path, !this.#privileged)
        }
      }
    })
  }

  /** A descriptor that stays valid while other directories are opened. */
  #duplicate(directory: TreePath): number {
    const flags = constants.O_DIRECTORY | openPathFlag
    return openSync(pathAt(this.#handles.fdOf(directory), ''), flags)
  }

  #missDevice(path: TreePath): void {
    this.#missingDevices.add(path)
    this.#notKept.add('device', path)
  }

  #rootRefused(doing: string): TreeWriteError {
    const problem = `could not ${doing}: it is the root of the tree, which is always a directory`
    return new TreeWriteError('TREE_WRITE_FAILED', { tree: this.tree, path: rootPath }, problem)
  }

  #attempt<R>(path: TreePath, doing: string, action: () => R): R {
    try {
      return action()
    } catch (error) {
      throw treeWriteError(error, { tree: this.tree, path }, doing)
    }
  }
}

function isOnlySymlinkTo(location: Buffer, text: Buffer): boolean {
  const stats = lstatSync(location)
  return stats.isSymbolicLink() && stats.nlink === 1 && readlinkSync(location, 'buffer').equals(text)
}
