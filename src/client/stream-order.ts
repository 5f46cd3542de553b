import type { FileList } from './file-list.ts'

/** Files by where their contents lie in the content streams of their modules. */
export class StreamOrder {
  readonly #files: FileList
  readonly #order: Uint32Array

  constructor(files: FileList) {
    this.#files = files
    this.#order = files.inStreamOrder()
  }

  /** A file whose content begins at or before a byte of the stream and reaches beyond it. */
  covering(module: number, position: number): number | undefined {
    const file = this.#order[this.#firstBehind(module, position) - 1]
    if (file === undefined) return undefined
    const span = this.#files.span(file)
    return span.module === module && position < span.offset + span.size ? file : undefined
  }

  /** A file whose content begins with that byte of the stream. */
  startingAt(module: number, position: number): number | undefined {
    const file = this.#order[this.#firstBehind(module, position) - 1]
    if (file === undefined) return undefined
    const span = this.#files.span(file)
    return span.module === module && span.offset === position ? file : undefined
  }

  /** The index in the order of the first file whose content begins behind a byte of the stream. */
  #firstBehind(module: number, position: number): number {
    let low = 0
    let high = this.#order.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const span = this.#files.span(this.#order[middle] as number)
      if (span.module < module || (span.module === module && span.offset <= position)) low = middle + 1
      else high = middle
    }
    return low
  }
}
