import type { FileEntry } from '../../manifests/entry.ts'
import type { ModuleTree, TreeEntry } from './module-tree.ts'

/** Where a file's content lies in its module's content stream. */
export interface ContentSpan {
  readonly module: number
  readonly offset: number
  readonly size: number
}

/** Files of a tree, 36 bytes each: their entries stay in the manifest. */
export class FileList {
  readonly #tree: ModuleTree
  /** Module, offset, size, line position, line bytes: five numbers a file. */
  #numbers = new Float64Array(5 * 256)
  #count = 0

  constructor(tree: ModuleTree) {
    this.#tree = tree
  }

  get count(): number {
    return this.#count
  }

  /** Returns the file's number. */
  add({ module, line }: TreeEntry, { offset, size }: FileEntry): number {
    if (this.#numbers.length === this.#count * 5) {
      const larger = new Float64Array(this.#numbers.length * 2)
      larger.set(this.#numbers)
      this.#numbers = larger
    }
    this.#numbers.set([module, offset, size, line.position, line.bytes], this.#count * 5)
    return this.#count++
  }

  span(file: number): ContentSpan {
    return { module: this.#at(file, 0), offset: this.#at(file, 1), size: this.#at(file, 2) }
  }

  entry(file: number): FileEntry {
    const entry = this.#tree.entryAt(this.#at(file, 0), {
      position: this.#at(file, 3),
      bytes: this.#at(file, 4),
    })
    if (entry.type !== 'file') throw new TypeError('a file list holds files')
    return entry
  }

  /** The files that are wanted, under other numbers. */
  filter(isWanted: (file: number) => boolean): FileList {
    const some = new FileList(this.#tree)
    const wanted = Array.from({ length: this.#count }, (_, file) => file).filter(isWanted)
    some.#numbers = new Float64Array(Math.max(1, wanted.length) * 5)
    for (const file of wanted) {
      some.#numbers.set(this.#numbers.subarray(file * 5, file * 5 + 5), some.#count++ * 5)
    }
    return some
  }

  /** The files' numbers by module and offset. */
  inStreamOrder(): Uint32Array {
    return Uint32Array.from({ length: this.#count }, (_, file) => file).sort(
      (a, b) => this.#at(a, 0) - this.#at(b, 0) || this.#at(a, 1) - this.#at(b, 1) || a - b,
    )
  }

  #at(file: number, field: number): number {
    return this.#numbers[file * 5 + field] as number
  }
}
