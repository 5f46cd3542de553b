import { createHash } from 'node:crypto'
import { destroyOnAbort } from './abort.ts'
import { Backoff, isTransient } from './backoff.ts'
import type { BackoffOptions } from './backoff.ts'
import type {
  BlobBody,
  BlobInfo,
  BlobStore,
  ByteRange,
  CallOptions,
  DeletedMany,
  DeleteManyOptions,
  FailedDelete,
  PutBody,
  PutOptions,
} from './blob-store.ts'
import { resolveRange } from './byte-range.ts'
import { BlobChangedError, BlobExistsError, BlobNotFoundError } from './errors.ts'
import { bodyLength, bodyPieces } from './put-body.ts'
import { ResumingBody } from './resuming-body.ts'

/**
 * Repeats what failed for a transient reason. A body or a list that breaks off goes on where it was.
 *
 * A conditional write whose answer was lost may have been carried out: when its repetition meets a conflict, and the
 * blob has our very bytes, it was we who won. So bodies of writers that compete for a key must differ, for instance
 * by a name or a number of the writer. A BlobChangedError then means that the blob is not as the caller knows it, not
 * that the write was never carried out: it may have been, and have been replaced by someone else's since.
 */
export class RetryingStore implements BlobStore {
  readonly #inner: BlobStore
  readonly #backoff: Backoff

  constructor(inner: BlobStore, options: BackoffOptions = {}) {
    this.#inner = inner
    this.#backoff = new Backoff(options)
  }

  get name(): string {
    return this.#inner.name
  }

  async stat(key: string, options: CallOptions = {}): Promise<BlobInfo | undefined> {
    return this.#backoff.retry(async () => this.#inner.stat(key, options), options.signal)
  }

  async get(key: string, options: CallOptions & { readonly range?: ByteRange } = {}): Promise<BlobBody> {
    const { signal } = options
    const first = await this.#backoff.retry(async () => this.#inner.get(key, options), signal)
    const stream = new ResumingBody({
      store: this.name,
      first,
      range: resolveRange(this.name, key, options.range, first.info.bytes),
      reopen: async (range) => this.#inner.get(key, { signal, range }),
      backoff: this.#backoff,
      signal,
    })
    return { info: first.info, stream: destroyOnAbort(stream, signal) }
  }

  async *list(
    prefix: string,
    options: CallOptions & { readonly after?: string } = {},
  ): AsyncIterable<BlobInfo> {
    let rest = options
    for (let failures = 0; ;) {
      try {
        for await (const info of this.#inner.list(prefix, rest)) {
          rest = { ...options, after: info.key }
          failures = 0
          yield info
        }
        return
      } catch (error) {
        failures += 1
        await this.#backoff.wait(failures, error, options.signal)
      }
    }
  }

  async put(key: string, body: PutBody, options: PutOptions = {}): Promise<BlobInfo> {
    return this.#backoff.retry(async () => this.#inner.put(key, body, options), options.signal)
  }

  async create(key: string, body: PutBody, options: PutOptions = {}): Promise<BlobInfo> {
    return this.#retryCondition(
      async () => this.#inner.create(key, body, options),
      async (conflict) =>
        conflict instanceof BlobExistsError ? this.#storedAs(key, body, options) : undefined,
      options,
    )
  }

  async replace(key: string, body: Uint8Array, etag: string, options: PutOptions = {}): Promise<BlobInfo> {
    return this.#retryCondition(
      async () => this.#inner.replace(key, body, etag, options),
      async (conflict) =>
        conflict instanceof BlobChangedError ? this.#storedAs(key, body, options) : undefined,
      options,
    )
  }

  async delete(key: string, options: CallOptions = {}): Promise<void> {
    await this.#backoff.retry(async () => this.#inner.delete(key, options), options.signal)
  }

  /** Tries again what failed for a transient reason, and that alone. */
  async deleteMany(keys: readonly string[], options: DeleteManyOptions = {}): Promise<DeletedMany> {
    const lost: FailedDelete[] = []
    let isSettled = true
    let left = keys
    for (let failures = 1; ; failures += 1) {
      const deleted = await this.#inner.deleteMany(left, options)
      isSettled &&= deleted.isSettled
      const again = deleted.failed.filter(({ error }) => isTransient(error))
      lost.push(...deleted.failed.filter(({ error }) => !isTransient(error)))
      const [first] = again
      if (first === undefined) return { failed: lost, isSettled }
      if (!(await this.#mayTryAgain(failures, first.error, options.signal))) {
        return { failed: [...lost, ...again], isSettled }
      }
      left = again.map(({ key }) => key)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#inner[Symbol.asyncDispose]()
  }

  async #mayTryAgain(failures: number, error: Error, signal: AbortSignal | undefined): Promise<boolean> {
    try {
      await this.#backoff.wait(failures, error, signal)
      return true
    } catch (thrown) {
      if (thrown !== error) throw thrown
      return false
    }
  }

  /** `ownWrite` tells whether a conflict is with an earlier attempt of this very call. */
  async #retryCondition(
    write: () => Promise<BlobInfo>,
    ownWrite: (conflict: unknown) => Promise<BlobInfo | undefined>,
    { signal }: CallOptions,
  ): Promise<BlobInfo> {
    let mayHaveWritten = false
    return this.#backoff.retry(async () => {
      try {
        return await write()
      } catch (error) {
        const own = mayHaveWritten ? await ownWrite(error) : undefined
        if (own !== undefined) return own
        mayHaveWritten ||= isTransient(error)
        throw error
      }
    }, signal)
  }

  /** The blob, if its bytes are those of the body. */
  async #storedAs(key: string, body: PutBody, { signal }: CallOptions): Promise<BlobInfo | undefined> {
    try {
      const { info, stream } = await this.get(key, { signal })
      if (info.bytes !== bodyLength(body)) {
        stream.destroy()
        return undefined
      }
      const stored = await sha256(stream as AsyncIterable<Uint8Array>)
      return stored === (await sha256(bodyPieces(this.name, key, body))) ? info : undefined
    } catch (error) {
      if (error instanceof BlobNotFoundError) return undefined
      throw error
    }
  }
}

async function sha256(pieces: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256')
  for await (const piece of pieces) hash.update(piece)
  return hash.digest('hex')
}
