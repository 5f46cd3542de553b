import type { DeflateEncoder } from '../recompression/deflate-encoder.ts'
import { RecompressionError } from '../recompression/recompression-error.ts'
import { repack } from '../recompression/repack.ts'
import { PackError } from './errors.ts'
import type { Repack } from './pack-index.ts'
import { maxRepackedBytes } from './pack-limits.ts'

/** Collects plain content, and compresses it as it was compressed before. */
export class Repacker {
  readonly #plain: Uint8Array
  readonly #recipe: Uint8Array
  readonly #size: number
  readonly #encoder: DeflateEncoder
  #filled = 0

  /** `size` of the compressed content, in bytes. Throws PACK_TOO_LARGE. */
  constructor({ plainBytes, recipe }: Repack, size: number, encoder: DeflateEncoder) {
    this.#encoder = encoder
    const largest = Math.max(plainBytes, size)
    if (largest > maxRepackedBytes) {
      throw new PackError(
        'PACK_TOO_LARGE',
        `the pack compresses a content of ${largest} bytes; the limit is ${maxRepackedBytes}`,
      )
    }
    this.#plain = new Uint8Array(plainBytes)
    this.#recipe = recipe
    this.#size = size
  }

  write(bytes: Uint8Array): void {
    this.#plain.set(bytes, this.#filled)
    this.#filled += bytes.length
  }

  /** The compressed content. Throws PACK_CORRUPT. */
  finish(): Uint8Array {
    try {
      const bytes = repack(this.#plain, this.#recipe, this.#size, this.#encoder)
      if (bytes.length === this.#size) return bytes
    } catch (cause) {
      if (!(cause instanceof RecompressionError)) throw cause
      throw new PackError('PACK_CORRUPT', `the pack has a recipe that cannot be followed: ${cause.message}`, {
        cause,
      })
    }
    throw new PackError('PACK_CORRUPT', `the pack has a recipe that does not make ${this.#size} bytes`)
  }
}
