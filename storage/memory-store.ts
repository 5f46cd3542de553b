import { Readable } from 'node:stream'
import { destroyOnAbort } from './abort.ts'
import { checkKey, checkPrefix } from './blob-key.ts'
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
} from './blob-store.ts'
import { resolveRange } from './byte-range.ts'
import { BlobChangedError, BlobExistsError, BlobNotFoundError, notSent } from './errors.ts'
import { readBody } from './put-body.ts'

interface Held {
  readonly info: BlobInfo
  readonly content: Uint8Array
}

const pieceBytes = 64 * 1024

/** The contract in its simplest form: the reference for the other stores, and a test double. Nothing outlives it. */
export class MemoryStore implements BlobStore {
  readonly name = 'memory:'
  readonly #blobs = new Map<string, Held>()
  readonly #now: () => Date
  #writes = 0

  /** `now`: the store's clock. */
  constructor({ now = () => new Date() }: { readonly now?: () => Date } = {}) {
    this.#now = now
  }

  async stat(key: string, { signal }: CallOptions = {}): Promise<BlobInfo | undefined> {
    await this.#begin(key, signal)
    return this.#blobs.get(key)?.info
  }

  async get(key: string, options: CallOptions & { readonly range?: ByteRange } = {}): Promise<BlobBody> {
    await this.#begin(key, options.signal)
    const held = this.#blobs.get(key)
    if (held === undefined) throw new BlobNotFoundError(this.name, key)
    const { start, end } = resolveRange(this.name, key, options.range, held.info.bytes)
    const stream = Readable.from(pieces(held.content.subarray(start, end)), { objectMode: false })
    return { info: held.info, stream: destroyOnAbort(stream, options.signal) }
  }

  async *list(
    prefix: string,
    { signal, after = '' }: CallOptions & { readonly after?: string } = {},
  ): AsyncIterable<BlobInfo> {
    checkPrefix(this.name, prefix)
    const keys = [...this.#blobs.keys()].filter((key) => key.startsWith(prefix) && key > after)
    for (const key of keys.sort()) {
      signal?.throwIfAborted()
      const held = this.#blobs.get(key)
      if (held !== undefined) yield held.info
    }
  }

  async put(key: string, body: PutBody, { signal }: PutOptions = {}): Promise<BlobInfo> {
    const content = await this.#receive(key, body, signal)
    return this.#hold(key, content)
  }

  async create(key: string, body: PutBody, { signal }: PutOptions = {}): Promise<BlobInfo> {
    const content = await this.#receive(key, body, signal)
    if (this.#blobs.has(key)) throw new BlobExistsError(this.name, key)
    return this.#hold(key, content)
  }

  async replace(key: string, body: Uint8Array, etag: string, { signal }: PutOptions = {}): Promise<BlobInfo> {
    const content = await this.#receive(key, body, signal)
    if (this.#blobs.get(key)?.info.etag !== etag) throw new BlobChangedError(this.name, key)
    return this.#hold(key, content)
  }

  async delete(key: string, { signal }: CallOptions = {}): Promise<void> {
    await this.#begin(key, signal)
    this.#blobs.delete(key)
  }

  async deleteMany(
    keys: readonly string[],
    { signal, mayStillSend }: DeleteManyOptions = {},
  ): Promise<DeletedMany> {
    for (const key of keys) await this.#begin(key, signal)
    if (mayStillSend?.() === false) {
      return { failed: keys.map((key) => ({ key, error: notSent(this.name, key) })), isSettled: true }
    }
    for (const key of keys) this.#blobs.delete(key)
    return { failed: [], isSettled: true }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#blobs.clear()
  }

  /** Lets other calls run first, as every real store does. */
  async #begin(key: string, signal: AbortSignal | undefined): Promise<void> {
    checkKey(this.name, key)
    signal?.throwIfAborted()
    await Promise.resolve()
  }

  async #receive(key: string, body: PutBody, signal: AbortSignal | undefined): Promise<Uint8Array> {
    await this.#begin(key, signal)
    const content = Uint8Array.from(await readBody(this.name, key, body))
    signal?.throwIfAborted()
    return content
  }

  #hold(key: string, content: Uint8Array): BlobInfo {
    this.#writes += 1
    const info = { key, bytes: content.byteLength, etag: `${this.#writes}`, modified: this.#now() }
    this.#blobs.set(key, { info, content })
    return info
  }
}

function* pieces(content: Uint8Array): Generator<Uint8Array> {
  for (let start = 0; start < content.byteLength; start += pieceBytes) {
    yield content.slice(start, start + pieceBytes)
  }
}
