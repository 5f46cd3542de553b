import type { Readable } from 'node:stream'

/**
 * A blob store keeps opaque bytes under keys. What every implementation guarantees, and the contract suite proves
 * sentence by sentence (test/storage/blob-store-contract.ts):
 *
 * 1. Atomic: a reader sees the whole of a body or none of it, also after a crash at any moment.
 * 2. Durable: when a write resolves, the bytes survive a loss of power (as far as the medium promises it).
 * 3. Read after write: what a write stored is seen by every read and list that begins after it resolved.
 * 4. `put` is idempotent and last-writer-wins.
 * 5. `create` stores only where nothing lies under the key; of any number of racing calls exactly one succeeds.
 * 6. `replace` stores only where the blob still has the given etag; of any number of racing calls with one etag
 *    exactly one succeeds. An etag never comes back for other bytes.
 * 7. `list` yields keys in byte order, each once.
 * 8. `delete` of what is absent succeeds.
 * 9. Absent is an answer (`undefined`, BlobNotFoundError); not knowing is a StoreUnavailableError, never "absent".
 * 10. `deleteMany` deletes every key or tells why not: what it does not name as failed is gone.
 *
 * Keys are `/`-joined names of [A-Za-z0-9._-], at most 255 characters each and 512 in all, no component `.` or
 * `..`. `private/tmp` and `private/locks` belong to the stores themselves. No caller uses both `a` and `a/b` as keys:
 * a file system cannot hold both, and answers the second with a StoreUnavailableError.
 *
 * A call whose signal is aborted rejects with the signal's reason; a stream whose signal is aborted fails with it.
 */
export interface BlobReader {
  /** For messages: the store's URL without credentials. */
  readonly name: string
  /** `undefined` when there is no such blob. */
  stat(key: string, options?: CallOptions): Promise<BlobInfo | undefined>
  /** Throws BlobNotFoundError. The stream ends after exactly `info.bytes` (or the range's) bytes, or fails. */
  get(key: string, options?: CallOptions & { readonly range?: ByteRange }): Promise<BlobBody>
  /** Every blob whose key starts with `prefix` (which need not end at a `/`), after `after` when given. */
  list(prefix: string, options?: CallOptions & { readonly after?: string }): AsyncIterable<BlobInfo>
}

export interface BlobStore extends BlobReader, AsyncDisposable {
  put(key: string, body: PutBody, options?: PutOptions): Promise<BlobInfo>
  /** Throws BlobExistsError when the key is taken. */
  create(key: string, body: PutBody, options?: PutOptions): Promise<BlobInfo>
  /** Throws BlobChangedError when the blob is absent or no longer has `etag`. */
  replace(key: string, body: Uint8Array, etag: string, options?: PutOptions): Promise<BlobInfo>
  delete(key: string, options?: CallOptions): Promise<void>
  /** Any number of keys, in as few requests as the store allows. Throws only where the keys or the signal forbid it. */
  deleteMany(keys: readonly string[], options?: DeleteManyOptions): Promise<DeletedMany>
}

export interface DeleteManyOptions extends CallOptions {
  /**
   * Asked right before each request is sent, also one that is repeated. When it says no, its keys are told as failed:
   * whoever stood still meanwhile must not delete what others rely on by now.
   */
  readonly mayStillSend?: (() => boolean) | undefined
}

export interface DeletedMany {
  /** Those that may lie there still, and why. */
  readonly failed: readonly FailedDelete[]
  /**
   * False when the answer to a request was lost: then it may take effect later, also on what is written to its keys
   * meanwhile.
   */
  readonly isSettled: boolean
}

export interface FailedDelete {
  readonly key: string
  readonly error: Error
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined
}

export interface PutOptions extends CallOptions {
  /** Kept where the store can keep it (S3), for readers that fetch from the bucket directly. */
  readonly contentType?: string
  readonly cacheControl?: string
}

export interface BlobInfo {
  readonly key: string
  readonly bytes: number
  /** Opaque; changes whenever other bytes are written. Without quotes. */
  readonly etag: string
  readonly modified: Date
}

export interface BlobBody {
  /** Of the whole blob, also when a range was asked for. */
  readonly info: BlobInfo
  readonly stream: Readable
}

/** `start` inclusive, `end` exclusive; `end` past the blob's end means to its end. `start` must lie inside the blob. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/** A body that can be sent again when a try failed: bytes, or a file that does not change meanwhile. */
export type PutBody = Uint8Array | { readonly path: string; readonly bytes: number }
