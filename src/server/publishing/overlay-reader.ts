import { Readable } from 'node:stream'
import type { BlobBody, BlobInfo, BlobReader, ByteRange, CallOptions } from '../../../storage/blob-store.ts'
import { resolveRange } from '../../../storage/byte-range.ts'

/** A store as it would be with some objects more, or other ones. They cannot be listed. */
export class OverlayReader implements BlobReader {
  readonly name = 'the commit'
  readonly #store: BlobReader
  readonly #objects: ReadonlyMap<string, Buffer>

  constructor(store: BlobReader, objects: ReadonlyMap<string, Buffer>) {
    this.#store = store
    this.#objects = objects
  }

  async stat(key: string, options?: CallOptions): Promise<BlobInfo | undefined> {
    const bytes = this.#objects.get(key)
    return bytes === undefined ? this.#store.stat(key, options) : infoOf(key, bytes)
  }

  async get(key: string, options: CallOptions & { readonly range?: ByteRange } = {}): Promise<BlobBody> {
    const bytes = this.#objects.get(key)
    if (bytes === undefined) return this.#store.get(key, options)
    const { start, end } = resolveRange(this.name, key, options.range, bytes.length)
    return { info: infoOf(key, bytes), stream: Readable.from([bytes.subarray(start, end)]) }
  }

  list(prefix: string, options?: CallOptions & { readonly after?: string }): AsyncIterable<BlobInfo> {
    return this.#store.list(prefix, options)
  }
}

function infoOf(key: string, bytes: Buffer): BlobInfo {
  return { key, bytes: bytes.length, etag: 'new', modified: new Date(0) }
}
