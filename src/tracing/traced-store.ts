import { once } from 'node:events'
import type {
  BlobBody,
  BlobInfo,
  BlobStore,
  ByteRange,
  CallOptions,
  DeletedMany,
  PutBody,
  PutOptions,
} from '../../storage/blob-store.ts'
import { inSpan, type SpanUnderWay } from './in-span.ts'

/** A span for each call to a store, until the last of its answer was taken. Of a key only the kind is told. */
export class TracedStore implements BlobStore {
  readonly #inner: BlobStore

  constructor(inner: BlobStore) {
    this.#inner = inner
  }

  get name(): string {
    return this.#inner.name
  }

  async stat(key: string, options?: CallOptions): Promise<BlobInfo | undefined> {
    return inCall('stat', key, async () => this.#inner.stat(key, options))
  }

  async get(key: string, options?: CallOptions & { readonly range?: ByteRange }): Promise<BlobBody> {
    return inCall('get', key, async (span) => {
      const body = await this.#inner.get(key, options)
      span.lastsUntil(closed(body.stream))
      span.set('vend.store.bytes', body.info.bytes)
      return body
    })
  }

  /** One span, of what comes between is the time of whoever takes it. */
  async *list(prefix: string, options?: CallOptions & { readonly after?: string }): AsyncIterable<BlobInfo> {
    const { promise, resolve } = Promise.withResolvers<void>()
    await inCall('list', prefix, async (span) => span.lastsUntil(promise))
    try {
      yield* this.#inner.list(prefix, options)
    } finally {
      resolve()
    }
  }

  async put(key: string, body: PutBody, options?: PutOptions): Promise<BlobInfo> {
    return inCall('put', key, async () => this.#inner.put(key, body, options))
  }

  async create(key: string, body: PutBody, options?: PutOptions): Promise<BlobInfo> {
    return inCall('create', key, async () => this.#inner.create(key, body, options))
  }

  async replace(key: string, body: Uint8Array, etag: string, options?: PutOptions): Promise<BlobInfo> {
    return inCall('replace', key, async () => this.#inner.replace(key, body, etag, options))
  }

  async delete(key: string, options?: CallOptions): Promise<void> {
    await inCall('delete', key, async () => this.#inner.delete(key, options))
  }

  async deleteMany(keys: readonly string[], options?: CallOptions): Promise<DeletedMany> {
    return inCall('deleteMany', keys[0] ?? '', async (span) => {
      span.set('vend.store.keys', keys.length)
      return this.#inner.deleteMany(keys, options)
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#inner[Symbol.asyncDispose]()
  }
}

async function inCall<T>(
  operation: string,
  key: string,
  call: (span: SpanUnderWay) => Promise<T>,
): Promise<T> {
  const attributes = { 'vend.store.operation': operation, 'vend.store.kind': key.split('/', 1)[0] ?? '' }
  return inSpan(`store ${operation}`, { kind: 'client', attributes }, call)
}

async function closed(stream: BlobBody['stream']): Promise<void> {
  if (!stream.closed) await once(stream, 'close').catch(() => undefined)
}
