import { createHash, type Hash } from 'node:crypto'
import type { SourceFileEntry } from '../../manifests/entry.ts'

const zeros = Buffer.alloc(256 * 1024)

/** Holes in a file that is to be digested with them; hashing more takes minutes. */
export const maxDigestedHoles = 4 * 2 ** 30

/** Digests a file as it is on disk, out of its content: with zeros for the holes of a sparse one. */
export class FileDigest {
  readonly #hash: Hash
  readonly #extents: readonly (readonly [offset: number, length: number])[]
  readonly #size: number
  #extent = 0
  /** In the file, with its holes. */
  #position = 0

  /** `algorithm`: as node:crypto names it. */
  constructor(algorithm: string, { size, sparse }: SourceFileEntry) {
    this.#hash = createHash(algorithm)
    this.#size = sparse?.size ?? size
    this.#extents = sparse?.data ?? [[0, size]]
  }

  /** The next bytes of the content. */
  update(content: Uint8Array): void {
    for (let done = 0; done < content.length;) {
      const [offset, length] = this.#extents[this.#extent] ?? [this.#position, Number.POSITIVE_INFINITY]
      this.#addZeros(offset)
      const end = Math.min(content.length, done + offset + length - this.#position)
      this.#hash.update(content.subarray(done, end))
      this.#position += end - done
      done = end
      if (this.#position === offset + length) this.#extent++
    }
  }

  /** In hexadecimal digits, once all of the content was added. */
  finish(): string {
    this.#addZeros(this.#size)
    return this.#hash.digest('hex')
  }

  #addZeros(end: number): void {
    while (this.#position < end) {
      const piece = zeros.subarray(0, end - this.#position)
      this.#hash.update(piece)
      this.#position += piece.length
    }
  }
}
