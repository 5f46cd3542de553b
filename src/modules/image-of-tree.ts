import { imageOf, imageRoot } from '../../manifests/image.ts'
import type { TreePath } from '../../manifests/tree-path.ts'
import { TreeChangedError } from '../tree/errors.ts'
import type { TreeSource } from '../tree/tree-source.ts'
import type { WalkedEntry, WalkOptions } from '../tree/walk-directory.ts'

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
    yield { entry: imageRoot }
    for (const walked of this.#tree.walk(options)) {
      if (walked.entry.path !== this.#path) continue
      if (walked.open === undefined) break
      // Where a file has holes is nothing of its bytes.
      yield { ...walked, entry: imageOf(walked.entry.sparse?.size ?? walked.entry.size) }
      return
    }
    throw new TreeChangedError(
      { tree: this.name, path: this.#path },
      'is no file any more that could be an image',
    )
  }
}
