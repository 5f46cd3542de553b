import type { BlobBody, BlobInfo, ByteRange, CallOptions } from '../../storage/blob-store.ts'
import { BlobNotFoundError } from '../../storage/errors.ts'
import type { ObjectReader } from './serve-object.ts'

/**
 * A store in which whoever looks for a blob while another does waits for that one, and believes it when it finds none:
 * a crowd that asks at once for one that is not there costs one look. What is there everyone reads for himself.
 */
export class SharedAbsences implements ObjectReader {
  readonly #store: ObjectReader
  /** Undefined of a blob that is there, or of which nothing was learned. */
  readonly #looks = new Map<string, Promise<BlobNotFoundError | undefined>>()

  constructor(store: ObjectReader) {
    this.#store = store
  }

  get name(): string {
    return this.#store.name
  }

  async stat(key: string, options?: CallOptions): Promise<BlobInfo | undefined> {
    const other = this.#looks.get(key)
    // Not to await nothing: others would come meanwhile, and look too.
    if (other !== undefined && (await other) !== undefined) return undefined
    const look = this.#store.stat(key, options)
    this.#share(key, look)
    return look
  }

  async get(key: string, options?: CallOptions & { readonly range?: ByteRange }): Promise<BlobBody> {
    const other = this.#looks.get(key)
    const absence = other && (await other)
    if (absence !== undefined) throw absence
    const look = this.#store.get(key, options)
    this.#share(key, look)
    return look
  }

  #share(key: string, look: Promise<BlobBody | BlobInfo | undefined>): void {
    if (this.#looks.has(key)) return
    const absence = look
      .then((found) => (found === undefined ? new BlobNotFoundError(this.name, key) : undefined))
      .catch((error: unknown) => (error instanceof BlobNotFoundError ? error : undefined))
      .finally(() => this.#looks.delete(key))
    this.#looks.set(key, absence)
  }
}
