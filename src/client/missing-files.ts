import type { Digest } from '../../manifests/digest.ts'
import type { FileEntry } from '../../manifests/entry.ts'
import { DigestMap } from '../digest-map.ts'
import { FileList } from './file-list.ts'
import type { ModuleTree, TreeEntry } from './module-tree.ts'

/** The files of a tree, of which some have no content yet. */
export class MissingFiles {
  /** All that are not empty, missing or not. */
  readonly files: FileList
  readonly #isMissing = new Set<number>()
  readonly #byDigest = new DigestMap()
  /** More files with the content of the first one with it. */
  readonly #others = new Map<number, number[]>()

  constructor(tree: ModuleTree) {
    this.files = new FileList(tree)
  }

  get count(): number {
    return this.#isMissing.size
  }

  add(item: TreeEntry, entry: FileEntry, isMissing: boolean): void {
    if (entry.size === 0) return
    const file = this.files.add(item, entry)
    if (!isMissing) return
    this.#isMissing.add(file)
    if (this.#byDigest.add(entry.digest, file)) return
    const first = this.#byDigest.get(entry.digest) as number
    const others = this.#others.get(first)
    if (others === undefined) this.#others.set(first, [file])
    else others.push(file)
  }

  /** The numbers of the files that still miss this content. */
  withContent(digest: Digest): number[] {
    const first = this.#byDigest.get(digest)
    if (first === undefined) return []
    return [first, ...(this.#others.get(first) ?? [])].filter((file) => this.#isMissing.has(file))
  }

  /** Of all that miss theirs, as they are now. */
  numbers(): readonly number[] {
    return [...this.#isMissing]
  }

  /** It has its content now. */
  settle(file: number): void {
    this.#isMissing.delete(file)
  }

  /** Those that still miss theirs, in a list of their own. */
  list(): FileList {
    return this.files.filter((file) => this.#isMissing.has(file))
  }
}
