import type { FileEntry } from '../../manifests/entry.ts'
import type { FileList } from './file-list.ts'
import type { StreamOrder } from './stream-order.ts'

/** The contents of a module, by where they start in its content stream. */
export class ModuleContents {
  readonly #files: FileList
  readonly #order: StreamOrder
  readonly #module: number

  /** `order` is that of `files`. */
  constructor(files: FileList, order: StreamOrder, module: number) {
    this.#files = files
    this.#order = order
    this.#module = module
  }

  /** Bytes; undefined where no content starts. */
  sizeAt(position: number): number | undefined {
    const file = this.#order.startingAt(this.#module, position)
    return file === undefined ? undefined : this.#files.span(file).size
  }

  /** The entry of a file with that content. */
  entryAt(position: number): FileEntry | undefined {
    const file = this.#order.startingAt(this.#module, position)
    return file === undefined ? undefined : this.#files.entry(file)
  }
}
