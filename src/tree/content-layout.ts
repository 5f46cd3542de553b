import type { SparseMap } from '../../manifests/entry.ts'

/** What of an entry says where its content lies in the file: all of it, or the data of a sparse one. */
export interface ContentShape {
  /** Bytes of content. */
  readonly size: number
  readonly sparse?: SparseMap | undefined
}

/** A piece of content that is contiguous in the file too. */
export interface ContentRun {
  /** Where it begins in the file. */
  readonly fileOffset: number
  /** Bytes; 0 at the end of the content. */
  readonly length: number
}

/** Translates offsets in a file's content (manifests/entry.ts) into offsets in the file. */
export class ContentLayout {
  readonly #size: number
  readonly #data: readonly (readonly [offset: number, length: number])[]
  /** Where each extent begins in the content. */
  readonly #starts: readonly number[]

  constructor(shape: ContentShape) {
    this.#size = shape.size
    this.#data = shape.sparse?.data ?? [[0, shape.size]]
    let sum = 0
    this.#starts = this.#data.map(([, length]) => (sum += length) - length)
  }

  /** The longest contiguous run of at most `limit` bytes from content offset `position` on. */
  runAt(position: number, limit: number): ContentRun {
    const index = this.#indexOf(position)
    const extent = this.#data[index]
    const start = this.#starts[index]
    if (extent === undefined || start === undefined || position >= this.#size)
      return { fileOffset: 0, length: 0 }
    const into = position - start
    return { fileOffset: extent[0] + into, length: Math.min(limit, extent[1] - into) }
  }

  /** The last extent that begins at or before `position`. */
  #indexOf(position: number): number {
    let [low, high] = [0, this.#starts.length]
    while (high - low > 1) {
      const middle = (low + high) >>> 1
      if ((this.#starts[middle] ?? Infinity) <= position) low = middle
      else high = middle
    }
    return low
  }
}
