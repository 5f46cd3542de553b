import type { DeflateEncoder } from '../recompression/deflate-encoder.ts'
import { RecompressionError } from '../recompression/recompression-error.ts'
import { repack } from '../recompression/repack.ts'
import { PackError } from './errors.ts'
import { fromColumns } from './manifest-columns.ts'
import type { PackContent, Repack } from './pack-index.ts'
import { maxRepackedBytes } from './pack-limits.ts'

/** Of deflate: 258 bytes in 2 bits (RFC 1951, 3.2.5). More work a content of its size cannot ask for. */
const maxExpansion = 1032

/** Collects the plain form of a content, and makes the content of it. */
export class Repacker {
  readonly #what: PackContent['what']
  readonly #plainBytes: number
  /** Only when there is something to keep. */
  #plain: Uint8Array | undefined
  readonly #recipe: Uint8Array
  readonly #size: number
  readonly #encoder: DeflateEncoder
  #filled = 0

  /** `size` of the content, in bytes. Throws PACK_TOO_LARGE. */
  constructor(
    what: PackContent['what'],
    { plainBytes, recipe }: Repack,
    size: number,
    encoder: DeflateEncoder,
  ) {
    const largest = Math.max(plainBytes, size)
    if (largest > maxRepackedBytes) {
      throw new PackError(
        'PACK_TOO_LARGE',
        `the pack has a content of ${largest} bytes in another form; the limit is ${maxRepackedBytes}`,
      )
    }
    this.#what = what
    if (plainBytes > (size + 1) * maxExpansion) {
      throw new PackError('PACK_CORRUPT', `the pack makes a content of ${size} bytes from ${plainBytes}`)
    }
    this.#plainBytes = plainBytes
    this.#recipe = recipe
    this.#size = size
    this.#encoder = encoder
  }

  write(bytes: Uint8Array): void {
    this.#plain ??= new Uint8Array(this.#plainBytes)
    this.#plain.set(bytes, this.#filled)
    this.#filled += bytes.length
  }

  /** The content. Throws PACK_CORRUPT. */
  finish(): Uint8Array {
    const plain = this.#plain ?? new Uint8Array()
    if (this.#what === 'manifest') return fromColumns(plain, this.#size)
    try {
      const bytes = repack(plain, this.#recipe, this.#size, this.#encoder)
      if (bytes.length === this.#size) return bytes
    } catch (cause) {
      if (!(cause instanceof RecompressionError)) throw cause
      const problem = `the pack has a recipe that cannot be followed: ${cause.message}`
      throw new PackError('PACK_CORRUPT', problem, { cause })
    }
    throw new PackError('PACK_CORRUPT', `the pack has a recipe that does not make ${this.#size} bytes`)
  }
}
