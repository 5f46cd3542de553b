import { Readable } from 'node:stream'
import type { BlobBody, BlobInfo, BlobReader, ByteRange, CallOptions } from '../../../storage/blob-store.ts'
import type { RateLimit } from './rate-limit.ts'

/** A store whose bodies come no faster than a rate allows, all of them together. */
export class ThrottledReader implements BlobReader {
  readonly #inner: BlobReader
  readonly #limit: RateLimit

  constructor(inner: BlobReader, limit: RateLimit) {
    this.#inner = inner
    this.#limit = limit
  }

  get name(): string {
    return this.#inner.name
  }

  async stat(key: string, options?: CallOptions): Promise<BlobInfo | undefined> {
    return this.#inner.stat(key, options)
  }

  async get(key: string, options: CallOptions & { readonly range?: ByteRange } = {}): Promise<BlobBody> {
    const { info, stream } = await this.#inner.get(key, options)
    return { info, stream: Readable.from(this.#slowly(stream, options.signal), { objectMode: false }) }
  }

  list(prefix: string, options?: CallOptions & { readonly after?: string }): AsyncIterable<BlobInfo> {
    return this.#inner.list(prefix, options)
  }

  async *#slowly(stream: Readable, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
    for await (const piece of stream as AsyncIterable<Uint8Array>) {
      await this.#limit.take(piece.length, signal)
      yield piece
    }
  }
}
