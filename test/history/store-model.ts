import { createHash } from 'node:crypto'
import type { BlobInfo } from '../../storage/blob-store.ts'
import { BlobChangedError, BlobExistsError, BlobNotFoundError } from '../../storage/errors.ts'

export interface HeldBlob {
  readonly bytes: Buffer
  readonly info: BlobInfo
}

/** A write that took effect. */
export interface StoreChange {
  readonly key: string
  readonly before: HeldBlob | undefined
  readonly after: HeldBlob | undefined
}

/**
 * What a store holds, and each call's effect on it as one step. Etags are those of S3, digests of the bytes: the same
 * bytes bring the same etag back.
 */
export class StoreModel {
  readonly name: string
  readonly blobs = new Map<string, HeldBlob>()
  readonly #now: () => number
  readonly #onChange: (change: StoreChange) => void

  /** `now`: the store's own clock, in milliseconds since 1970. */
  constructor(name: string, now: () => number, onChange: (change: StoreChange) => void) {
    this.name = name
    this.#now = now
    this.#onChange = onChange
  }

  stat(key: string): BlobInfo | undefined {
    return this.blobs.get(key)?.info
  }

  get(key: string): HeldBlob {
    const held = this.blobs.get(key)
    if (held === undefined) throw new BlobNotFoundError(this.name, key)
    return held
  }

  /** The next `count` after `after`, as they are at this moment. */
  page(prefix: string, after: string, count: number): BlobInfo[] {
    return [...this.blobs.keys()]
      .filter((key) => key.startsWith(prefix) && key > after)
      .sort()
      .slice(0, count)
      .map((key) => this.get(key).info)
  }

  put(key: string, bytes: Buffer): BlobInfo {
    const info = { key, bytes: bytes.length, etag: etagOf(bytes), modified: new Date(this.#now()) }
    this.#set(key, { bytes, info })
    return info
  }

  create(key: string, bytes: Buffer): BlobInfo {
    if (this.blobs.has(key)) throw new BlobExistsError(this.name, key)
    return this.put(key, bytes)
  }

  replace(key: string, bytes: Buffer, etag: string): BlobInfo {
    if (this.blobs.get(key)?.info.etag !== etag) throw new BlobChangedError(this.name, key)
    return this.put(key, bytes)
  }

  delete(key: string): void {
    if (this.blobs.has(key)) this.#set(key, undefined)
  }

  #set(key: string, after: HeldBlob | undefined): void {
    const before = this.blobs.get(key)
    if (after === undefined) this.blobs.delete(key)
    else this.blobs.set(key, after)
    this.#onChange({ key, before, after })
  }
}

export function etagOf(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex')
}
