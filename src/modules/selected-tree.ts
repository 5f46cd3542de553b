import { closeSync, constants, openSync } from 'node:fs'
import type { TreePath } from '../../manifests/tree-path.ts'
import { TreeChangedError, TreeReadError } from '../tree/errors.ts'
import type { TreeSource } from '../tree/tree-source.ts'
import type { WalkedEntry, WalkedFile, WalkOptions } from '../tree/walk-directory.ts'
import type { FilePlacement } from './file-placement.ts'

/** Each costs a descriptor while a walk is between its first name and those in the module. */
const maxHeld = 512

/**
 * What of a tree is in one module: its files, and the directories that lead to them. A hard link whose file is in
 * another module becomes a file of its own, and its further names in this module links to that.
 */
export class SelectedTree implements TreeSource {
  readonly name: string
  readonly #tree: TreeSource
  readonly #module: string
  readonly #placement: FilePlacement

  constructor(tree: TreeSource, module: string, placement: FilePlacement) {
    this.name = tree.name
    this.#tree = tree
    this.#module = module
    this.#placement = placement
  }

  /** Throws TreeChangedError on a path that was not there when the modules were laid out. */
  *walk(options?: WalkOptions): Generator<WalkedEntry, void, void> {
    using links = new LinkedFiles(this.#tree.name)
    for (const walked of this.#tree.walk(options)) {
      const { entry } = walked
      if (entry.type === 'directory') {
        if (this.#placement.directories.get(entry.path)?.has(this.#module)) yield walked
        continue
      }
      const isWanted = this.#has(entry.path)
      if (walked.open !== undefined) {
        if (isWanted) links.begin(entry.path, entry.path)
        else if (this.#mayLink.has(entry.path)) links.hold(walked)
        if (isWanted) yield walked
      } else if (entry.type === 'hardlink') {
        if (isWanted) yield links.link(entry.path, entry.target)
      } else if (isWanted) yield walked
    }
  }

  /** Paths of other modules with names in this one. */
  get #mayLink(): ReadonlySet<TreePath> {
    return this.#placement.linkedInto.get(this.#module) ?? noPaths
  }

  #has(path: TreePath): boolean {
    const placed = this.#placement.files.get(path)
    if (placed === undefined) {
      throw new TreeChangedError({ tree: this.name, path }, 'was not there when the modules were laid out')
    }
    return placed.module === this.#module
  }
}

const noPaths: ReadonlySet<TreePath> = new Set()

/** Files of other modules, held open until their names in this one come by. */
class LinkedFiles implements Disposable {
  readonly #tree: string
  readonly #held = new Map<TreePath, { readonly file: WalkedFile; readonly fd: number }>()
  /** By the first name of the inode in the whole tree, the first in this module. */
  readonly #first = new Map<TreePath, TreePath>()

  constructor(tree: string) {
    this.#tree = tree
  }

  begin(inode: TreePath, path: TreePath): void {
    this.#first.set(inode, path)
  }

  hold(file: WalkedFile): void {
    const { path } = file.entry
    if (this.#held.size >= maxHeld) {
      const problem = `is one of more than ${maxHeld} files with names in another module; keep the names of a file together by "paths"`
      throw new TreeReadError('TREE_UNSUPPORTED', { tree: this.#tree, path }, problem)
    }
    this.#held.set(path, { file, fd: file.open() })
  }

  link(path: TreePath, inode: TreePath): WalkedEntry {
    const target = this.#first.get(inode)
    if (target !== undefined) return { entry: { type: 'hardlink', path, target } }
    const held = this.#held.get(inode)
    if (held === undefined) {
      throw new TreeChangedError(
        { tree: this.#tree, path },
        'became another file since the modules were laid out',
      )
    }
    const { file, fd } = held
    this.#first.set(inode, path)
    return {
      entry: { ...file.entry, path },
      // A descriptor of its own, that begins at the beginning.
      open: () => openSync(`/proc/self/fd/${fd}`, constants.O_RDONLY),
      assertUnchanged: file.assertUnchanged,
    }
  }

  [Symbol.dispose](): void {
    for (const { fd } of this.#held.values()) closeSync(fd)
  }
}
