import type {
  BlobBody,
  BlobInfo,
  BlobStore,
  ByteRange,
  CallOptions,
  DeletedMany,
  DeleteManyOptions,
  PutBody,
  PutOptions,
} from '../../storage/blob-store.ts'

/** Passes every call on; for stores that do one thing otherwise. */
export class PassingStore implements BlobStore {
  readonly inner: BlobStore

  constructor(inner: BlobStore) {
    this.inner = inner
  }

  get name(): string {
    return this.inner.name
  }

  stat(key: string, options?: CallOptions): Promise<BlobInfo | undefined> {
    return this.inner.stat(key, options)
  }

  get(key: string, options?: CallOptions & { readonly range?: ByteRange }): Promise<BlobBody> {
    return this.inner.get(key, options)
  }

  list(prefix: string, options?: CallOptions & { readonly after?: string }): AsyncIterable<BlobInfo> {
    return this.inner.list(prefix, options)
  }

  put(key: string, body: PutBody, options?: PutOptions): Promise<BlobInfo> {
    return this.inner.put(key, body, options)
  }

  create(key: string, body: PutBody, options?: PutOptions): Promise<BlobInfo> {
    return this.inner.create(key, body, options)
  }

  replace(key: string, body: Uint8Array, etag: string, options?: PutOptions): Promise<BlobInfo> {
    return this.inner.replace(key, body, etag, options)
  }

  delete(key: string, options?: CallOptions): Promise<void> {
    return this.inner.delete(key, options)
  }

  deleteMany(keys: readonly string[], options?: DeleteManyOptions): Promise<DeletedMany> {
    return this.inner.deleteMany(keys, options)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // What it passes on to is somebody else's.
  }
}
