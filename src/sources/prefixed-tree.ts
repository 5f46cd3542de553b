import type { SourceEntry } from '../../manifests/entry.ts'
import { joinTreePath, parentOf, rootPath, type TreePath } from '../../manifests/tree-path.ts'
import type { TreeSource } from '../tree/tree-source.ts'
import type { WalkedEntry, WalkOptions } from '../tree/walk-directory.ts'
import { impliedDirectory } from './tree-spool.ts'

/** A tree below a directory: its root is at `prefix`, and what is above it 0755, root's and of 1970. */
export class PrefixedTree implements TreeSource {
  readonly name: string
  readonly #tree: TreeSource
  readonly #prefix: TreePath

  constructor(tree: TreeSource, prefix: TreePath) {
    this.name = tree.name
    this.#tree = tree
    this.#prefix = prefix
  }

  *walk(options: WalkOptions = {}): Generator<WalkedEntry, void, void> {
    for (const path of directoriesAbove(this.#prefix)) {
      yield { entry: { type: 'directory', path, ...impliedDirectory } }
    }
    const { onSkipped } = options
    const below: WalkOptions = {
      ...options,
      ...(onSkipped !== undefined && { onSkipped: (path, reason) => onSkipped(this.#below(path), reason) }),
    }
    for (const walked of this.#tree.walk(below)) yield this.#moved(walked)
  }

  #moved(walked: WalkedEntry): WalkedEntry {
    if (walked.open !== undefined) return { ...walked, entry: this.#movedEntry(walked.entry) }
    return { ...walked, entry: this.#movedEntry(walked.entry) }
  }

  #movedEntry<E extends SourceEntry>(entry: E): E {
    const path = this.#below(entry.path)
    return entry.type === 'hardlink'
      ? { ...entry, path, target: this.#below(entry.target) }
      : { ...entry, path }
  }

  #below(path: TreePath): TreePath {
    if (path === rootPath) return this.#prefix
    return this.#prefix === rootPath ? path : joinTreePath(this.#prefix, path)
  }
}

/** From the root down, without the path itself. */
function directoriesAbove(path: TreePath): TreePath[] {
  const above: TreePath[] = []
  for (let at = path; at !== rootPath;) {
    at = parentOf(at)
    above.unshift(at)
  }
  return above
}
