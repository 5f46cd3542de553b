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
import { StoreError } from './errors.ts'
import { ExactBytes } from './exact-bytes.ts'
import { bodyLength } from './put-body.ts'

export type StoreOperation = 'stat' | 'get' | 'list' | 'put' | 'create' | 'replace' | 'delete' | 'deleteMany'

/** One call as it went, told when it is over; that of `get` and `list` when the last of the answer was taken. */
export interface StoreCall {
  readonly operation: StoreOperation
  /** For `list` the prefix, for `deleteMany` the first key. */
  readonly key: string
  /** Of the body: sent by a write that succeeded, delivered by a `get`. */
  readonly bytes: number
  readonly ms: number
  /**
   * `ok`, `absent` (stat found nothing), `ABORTED` (by the caller), the code of the StoreError that was thrown (by
   * `deleteMany`: that it named first), or `FAULT` for any other error.
   */
  readonly outcome: string
}

export interface StoreTotals {
  calls: number
  /** Calls that threw; `absent` is none. */
  failures: number
  bytes: number
  ms: number
}

/** Tells of every call to a store, and adds them up. */
export class MeteredStore implements BlobStore {
  readonly #inner: BlobStore
  readonly #onCall: (call: StoreCall) => void
  readonly #totals = new Map<StoreOperation, StoreTotals>()

  constructor(inner: BlobStore, onCall: (call: StoreCall) => void = () => undefined) {
    this.#inner = inner
    this.#onCall = onCall
  }

  get name(): string {
    return this.#inner.name
  }

  /** Of the calls that are over. */
  totals(operation: StoreOperation): Readonly<StoreTotals> {
    return { ...(this.#totals.get(operation) ?? noCalls) }
  }

  async stat(key: string, options?: CallOptions): Promise<BlobInfo | undefined> {
    return this.#meter('stat', key, options, async (call) => {
      const info = await this.#inner.stat(key, options)
      call.over(0, info === undefined ? 'absent' : 'ok')
      return info
    })
  }

  async get(key: string, options?: CallOptions & { readonly range?: ByteRange }): Promise<BlobBody> {
    return this.#meter('get', key, options, async (call) => {
      const { info, stream } = await this.#inner.get(key, options)
      const { start, end } = resolveRange(this.name, key, options?.range, info.bytes)
      const counted = new ExactBytes(stream, end - start, (problem) =>
        problem instanceof Error ? problem : new Error(String(problem)),
      )
      counted.once('close', () => {
        const whole = counted.received === end - start && counted.errored === null
        call.over(counted.received, whole ? 'ok' : outcomeOf(counted.errored, options))
      })
      return { info, stream: counted }
    })
  }

  async *list(prefix: string, options?: CallOptions & { readonly after?: string }): AsyncIterable<BlobInfo> {
    const call = this.#begin('list', prefix)
    let outcome: string = 'ok'
    try {
      yield* this.#inner.list(prefix, options)
    } catch (error) {
      outcome = outcomeOf(error, options)
      throw error
    } finally {
      call.over(0, outcome)
    }
  }

  async put(key: string, body: PutBody, options?: PutOptions): Promise<BlobInfo> {
    return this.#meterWrite('put', key, body, options, async () => {
      return this.#inner.put(key, body, options)
    })
  }

  async create(key: string, body: PutBody, options?: PutOptions): Promise<BlobInfo> {
    return this.#meterWrite('create', key, body, options, async () => {
      return this.#inner.create(key, body, options)
    })
  }

  async replace(key: string, body: Uint8Array, etag: string, options?: PutOptions): Promise<BlobInfo> {
    return this.#meterWrite('replace', key, body, options, async () => {
      return this.#inner.replace(key, body, etag, options)
    })
  }

  async delete(key: string, options?: CallOptions): Promise<void> {
    await this.#meter('delete', key, options, async (call) => {
      await this.#inner.delete(key, options)
      call.over(0, 'ok')
    })
  }

  async deleteMany(keys: readonly string[], options?: DeleteManyOptions): Promise<DeletedMany> {
    return this.#meter('deleteMany', keys[0] ?? '', options, async (call) => {
      const deleted = await this.#inner.deleteMany(keys, options)
      const [first] = deleted.failed
      call.over(0, first === undefined ? 'ok' : outcomeOf(first.error, options))
      return deleted
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#inner[Symbol.asyncDispose]()
  }

  async #meterWrite(
    operation: StoreOperation,
    key: string,
    body: PutBody,
    options: CallOptions | undefined,
    write: () => Promise<BlobInfo>,
  ): Promise<BlobInfo> {
    return this.#meter(operation, key, options, async (call) => {
      const info = await write()
      call.over(bodyLength(body), 'ok')
      return info
    })
  }

  /** `work` says itself when the call is over, unless it throws. */
  async #meter<T>(
    operation: StoreOperation,
    key: string,
    options: CallOptions | undefined,
    work: (call: CallUnderWay) => Promise<T>,
  ): Promise<T> {
    const call = this.#begin(operation, key)
    try {
      return await work(call)
    } catch (error) {
      call.over(0, outcomeOf(error, options))
      throw error
    }
  }

  #begin(operation: StoreOperation, key: string): CallUnderWay {
    const begun = performance.now()
    return {
      over: (bytes, outcome) => {
        const call = { operation, key, bytes, ms: performance.now() - begun, outcome }
        this.#add(call)
        this.#onCall(call)
      },
    }
  }

  #add({ operation, bytes, ms, outcome }: StoreCall): void {
    const totals = this.#totals.get(operation) ?? { ...noCalls }
    totals.calls += 1
    totals.failures += outcome === 'ok' || outcome === 'absent' ? 0 : 1
    totals.bytes += bytes
    totals.ms += ms
    this.#totals.set(operation, totals)
  }
}

interface CallUnderWay {
  readonly over: (bytes: number, outcome: string) => void
}

const noCalls: Readonly<StoreTotals> = { calls: 0, failures: 0, bytes: 0, ms: 0 }

function outcomeOf(error: unknown, options: CallOptions | undefined): string {
  if (error instanceof StoreError) return error.code
  // What Node.js destroys a stream with that is not read to its end.
  const left = error === null || (error instanceof Error && error.name === 'AbortError')
  return left || options?.signal?.aborted === true ? 'ABORTED' : 'FAULT'
}
