import type { TreePath } from '../../manifests/tree-path.ts'

/** What a tree could not be given. */
export type NotKeptKind =
  | 'owner' // it belongs to whoever wrote it
  | 'setuid' // a setuid or setgid bit that would have counted for another owner than the entry's
  | 'device' // a device node that is missing, or a hard link to one
  | 'xattr-not-permitted'
  | 'xattr-unsupported' // the file system has no such extended attributes

export interface NotKept {
  /** How many times; one path may count several extended attributes. */
  readonly count: number
  readonly firstPath: TreePath
}

export class NotKeptCounter {
  readonly #kinds = new Map<NotKeptKind, NotKept>()

  get kinds(): ReadonlyMap<NotKeptKind, NotKept> {
    return this.#kinds
  }

  add(kind: NotKeptKind, path: TreePath): void {
    const known = this.#kinds.get(kind)
    this.#kinds.set(kind, { count: (known?.count ?? 0) + 1, firstPath: known?.firstPath ?? path })
  }
}
