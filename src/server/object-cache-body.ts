import { Readable } from 'node:stream'
import type { BlobInfo } from '../../storage/blob-store.ts'
import type { SharedReader } from './object-cache-shared-read.ts'

export interface SharedBodyOptions {
  /** At the byte where the body begins. */
  readonly reader: SharedReader
  /** Behind the last byte of the body. */
  readonly end: number
  /** A reader at a byte that the one before has lost; rejects when the object is another one by now. */
  readonly again: (at: number) => Promise<SharedReader>
}

/** A part of an object, by way of shared reads. */
export class SharedBody extends Readable {
  readonly #end: number
  readonly #again: (at: number) => Promise<SharedReader>
  #reader: SharedReader

  constructor({ reader, end, again }: SharedBodyOptions) {
    super()
    this.#reader = reader
    this.#end = end
    this.#again = again
  }

  override _read(): void {
    this.#pull().catch((error: unknown) => this.destroy(error as Error))
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#reader.detach()
    done(error)
  }

  async #pull(): Promise<void> {
    const left = this.#end - this.#reader.at
    const bytes = left <= 0 ? 'end' : await this.#reader.next()
    if (this.destroyed) return
    if (bytes === 'lost') await this.#goOn()
    else if (bytes === 'end') this.push(null)
    else this.push(left < bytes.length ? bytes.subarray(0, left) : bytes)
  }

  async #goOn(): Promise<void> {
    const { at } = this.#reader
    this.#reader.detach()
    this.#reader = await this.#again(at)
    if (this.destroyed) this.#reader.detach()
    else await this.#pull()
  }
}

/** Whether two reads are of the same bytes. */
export function isSame(one: BlobInfo, other: BlobInfo): boolean {
  return one.etag === other.etag && one.bytes === other.bytes
}
