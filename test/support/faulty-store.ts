import { setTimeout as sleep } from 'node:timers/promises'
import { Readable } from 'node:stream'
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
import { StoreError, StoreUnavailableError } from '../../storage/errors.ts'

/** What is to go wrong, and whom to tell of writes. */
export interface FaultPlan {
  /** Asked once a call, in the order in which calls begin. */
  readonly fault?: (call: FaultyCall) => Fault | undefined
  /** Awaited before and after each write that is passed on; for instance to end the process there. */
  readonly onWrite?: (write: WriteMoment) => void | Promise<void>
}

export interface FaultyCall {
  /** Of all calls, from 0. */
  readonly index: number
  readonly operation: Operation
  /** For `list` the prefix, for `deleteMany` the first key. */
  readonly key: string
}

export interface WriteMoment extends FaultyCall {
  /** Of the writes alone, from 0. */
  readonly index: number
  readonly moment: 'before' | 'after'
}

export type Fault =
  /** Nothing is done. */
  | { readonly kind: 'fail-before'; readonly error?: Error }
  /** All is done, but the caller does not learn of it. */
  | { readonly kind: 'lose-answer'; readonly error?: Error }
  | { readonly kind: 'delay'; readonly ms: number }
  /** The body of a `get` breaks off after so many bytes, a `list` after so many blobs. */
  | { readonly kind: 'break-off'; readonly after: number; readonly error?: Error }

export type Operation = 'stat' | 'get' | 'list' | 'put' | 'create' | 'replace' | 'delete' | 'deleteMany'

const writes = new Set<Operation>(['put', 'create', 'replace', 'delete', 'deleteMany'])

/** A store in front of another one that fails as planned; by default with a transient StoreUnavailableError. */
export class FaultyStore implements BlobStore {
  readonly #inner: BlobStore
  readonly #plan: FaultPlan
  #calls = 0
  #writes = 0

  constructor(inner: BlobStore, plan: FaultPlan) {
    this.#inner = inner
    this.#plan = plan
  }

  get name(): string {
    return this.#inner.name
  }

  /** How many calls have begun. */
  get calls(): number {
    return this.#calls
  }

  async stat(key: string, options?: CallOptions): Promise<BlobInfo | undefined> {
    return this.#pass('stat', key, async () => this.#inner.stat(key, options))
  }

  async get(key: string, options?: CallOptions & { readonly range?: ByteRange }): Promise<BlobBody> {
    const fault = this.#next('get', key)
    const body = await this.#passWith(fault, 'get', key, async () => this.#inner.get(key, options))
    if (fault?.kind !== 'break-off') return body
    const error = fault.error ?? this.#unavailable(key)
    return {
      info: body.info,
      stream: Readable.from(brokenOff(body.stream, fault.after, error), { objectMode: false }),
    }
  }

  async *list(prefix: string, options?: CallOptions & { readonly after?: string }): AsyncIterable<BlobInfo> {
    const fault = this.#next('list', prefix)
    await this.#passWith(fault, 'list', prefix, async () => undefined)
    let left = fault?.kind === 'break-off' ? fault.after : Number.POSITIVE_INFINITY
    for await (const info of this.#inner.list(prefix, options)) {
      if (left === 0) break
      left -= 1
      yield info
    }
    if (fault?.kind === 'break-off') throw fault.error ?? this.#unavailable(prefix)
  }

  async put(key: string, body: PutBody, options?: PutOptions): Promise<BlobInfo> {
    return this.#pass('put', key, async () => this.#inner.put(key, body, options))
  }

  async create(key: string, body: PutBody, options?: PutOptions): Promise<BlobInfo> {
    return this.#pass('create', key, async () => this.#inner.create(key, body, options))
  }

  async replace(key: string, body: Uint8Array, etag: string, options?: PutOptions): Promise<BlobInfo> {
    return this.#pass('replace', key, async () => this.#inner.replace(key, body, etag, options))
  }

  async delete(key: string, options?: CallOptions): Promise<void> {
    await this.#pass('delete', key, async () => this.#inner.delete(key, options))
  }

  /** A fault concerns all of the keys. */
  async deleteMany(keys: readonly string[], options?: DeleteManyOptions): Promise<DeletedMany> {
    try {
      return await this.#pass('deleteMany', keys[0] ?? '', async () => this.#inner.deleteMany(keys, options))
    } catch (error) {
      if (!(error instanceof StoreError) || error.code === 'KEY_INVALID') throw error
      return { failed: keys.map((key) => ({ key, error })), isSettled: false }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#inner[Symbol.asyncDispose]()
  }

  #next(operation: Operation, key: string): Fault | undefined {
    const call = { index: this.#calls, operation, key }
    this.#calls += 1
    return this.#plan.fault?.(call)
  }

  async #pass<T>(operation: Operation, key: string, work: () => Promise<T>): Promise<T> {
    return this.#passWith(this.#next(operation, key), operation, key, work)
  }

  async #passWith<T>(
    fault: Fault | undefined,
    operation: Operation,
    key: string,
    work: () => Promise<T>,
  ): Promise<T> {
    if (fault?.kind === 'delay') await sleep(fault.ms)
    if (fault?.kind === 'fail-before') throw fault.error ?? this.#unavailable(key)
    const result = writes.has(operation) ? await this.#tellOfWrite(operation, key, work) : await work()
    if (fault?.kind !== 'lose-answer') return result
    if (isBody(result)) result.stream.destroy()
    throw fault.error ?? this.#unavailable(key)
  }

  async #tellOfWrite<T>(operation: Operation, key: string, work: () => Promise<T>): Promise<T> {
    const write = { index: this.#writes, operation, key }
    this.#writes += 1
    await this.#plan.onWrite?.({ ...write, moment: 'before' })
    const result = await work()
    await this.#plan.onWrite?.({ ...write, moment: 'after' })
    return result
  }

  #unavailable(key: string): Error {
    return new StoreUnavailableError(this.name, key, 'a planned fault', { transient: true })
  }
}

/** Of every kind of fault, the part of the calls that meets it; the same seed gives the same faults. */
export function seededFaults(
  seed: number,
  parts: { readonly failBefore?: number; readonly loseAnswer?: number; readonly breakOff?: number },
): (call: FaultyCall) => Fault | undefined {
  const random = seededRandom(seed)
  const { failBefore = 0, loseAnswer = 0, breakOff = 0 } = parts
  return () => {
    const drawn = random()
    if (drawn < failBefore) return { kind: 'fail-before' }
    if (drawn < failBefore + loseAnswer) return { kind: 'lose-answer' }
    if (drawn < failBefore + loseAnswer + breakOff)
      return { kind: 'break-off', after: Math.floor(random() * 3) }
    return undefined
  }
}

/** From 0 to 1, evenly; the mulberry32 generator. */
export function seededRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

async function* brokenOff(stream: Readable, after: number, error: Error): AsyncGenerator<Uint8Array> {
  let left = after
  for await (const piece of stream as AsyncIterable<Uint8Array>) {
    const some = piece.subarray(0, left)
    if (some.byteLength > 0) yield some
    left -= some.byteLength
    if (left === 0) break
  }
  throw error
}

function isBody(result: unknown): result is BlobBody {
  return typeof result === 'object' && result !== null && 'stream' in result
}
