import { noXattrs, type Metadata } from '../../manifests/entry.ts'
import { imagePath } from '../../manifests/image.ts'
import { rootPath, type TreePath } from '../../manifests/tree-path.ts'
import { TreeChangedError } from '../tree/errors.ts'
import type { TreeSource } from '../tree/tree-source.ts'
import type { WalkedEntry, WalkOptions } from '../tree/walk-directory.ts'

const metadata: Omit<Metadata, 'mode'> = {
  uid: 0,
  gid: 0,
  mtime: { seconds: 0, nanos: 0 },
  xattrs: noXattrs,
}

/** One file of a tree as the tree of an image module (format §8.8): its bytes, and nothing else of it. */
export class ImageOfTree implements TreeSource {
  readonly name: string
  readonly #tree: TreeSource
  readonly #path: TreePath

  constructor(tree: TreeSource, path: TreePath) {
    this.name = tree.name
    this.#tree = tree
    this.#path = path
  }

  /** Throws TreeChangedError unless the file is still one. */
  *walk(options?: WalkOptions): Generator<WalkedEntry, void, void> {
    yield { entry: { type: 'directory', path: rootPath, mode: 0o755, ...metadata } }
    for (const walked of this.#tree.walk(options)) {
      const { entry } = walked
      if (entry.path !== this.#path) continue
      if (walked.open === undefined) break
      // Where a file has holes is nothing of its bytes.
      const size = walked.entry.sparse?.size ?? walked.entry.size
      yield { ...walked, entry: { type: 'file', path: imagePath, mode: 0o644, ...metadata, size } }
      return
    }
    throw new TreeChangedError(
      { tree: this.name, path: this.#path },
      'is no file any more that could be an image',
    )
  }
}
