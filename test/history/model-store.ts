import { Readable } from 'node:stream'
import { checkKey, checkPrefix } from '../../storage/blob-key.ts'
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
} from '../../storage/blob-store.ts'
import { resolveRange } from '../../storage/byte-range.ts'
import { notSent, StoreUnavailableError } from '../../storage/errors.ts'
import { readBody } from '../../storage/put-body.ts'
import type { Outcome, SimulatedProcess } from './simulated-process.ts'
import type { StoreModel } from './store-model.ts'

/** A process's way to the store: every request goes through the world. As with S3, nothing is tried again here. */
export class ModelStore implements BlobStore {
  readonly name: string
  readonly #model: StoreModel
  readonly #process: SimulatedProcess
  /** How many keys a request lists or deletes. */
  readonly #pageKeys: number

  constructor(model: StoreModel, process: SimulatedProcess, { pageKeys }: { readonly pageKeys: number }) {
    this.name = model.name
    this.#model = model
    this.#process = process
    this.#pageKeys = pageKeys
  }

  async stat(key: string): Promise<BlobInfo | undefined> {
    checkKey(this.name, key)
    return this.#call('stat', key, () => this.#model.stat(key))
  }

  async get(key: string, { range }: CallOptions & { readonly range?: ByteRange } = {}): Promise<BlobBody> {
    checkKey(this.name, key)
    const { info, bytes } = await this.#call('get', key, () => this.#model.get(key))
    const { start, end } = resolveRange(this.name, key, range, bytes.length)
    const wanted = bytes.subarray(start, end)
    const { world, random } = this.#process
    const isCut = world.random.below(10_000) < world.chances.cut
    const pieces = isCut ? cutOff(wanted, random.below(wanted.length), this.#unavailable(key)) : [wanted]
    return { info, stream: Readable.from(pieces, { objectMode: false }) }
  }

  async *list(
    prefix: string,
    { after = '' }: CallOptions & { readonly after?: string } = {},
  ): AsyncIterable<BlobInfo> {
    checkPrefix(this.name, prefix)
    for (let from = after; ;) {
      const page = await this.#call('list', `${prefix} after ${from}`, () =>
        this.#model.page(prefix, from, this.#pageKeys),
      )
      yield* page
      if (page.length < this.#pageKeys) return
      from = page.at(-1)?.key ?? from
    }
  }

  async put(key: string, body: PutBody, _options?: PutOptions): Promise<BlobInfo> {
    const bytes = await this.#received(key, body)
    return this.#call('put', key, () => this.#asWritten(this.#model.put(key, bytes)))
  }

  async create(key: string, body: PutBody, _options?: PutOptions): Promise<BlobInfo> {
    const bytes = await this.#received(key, body)
    return this.#call('create', key, () => this.#asWritten(this.#model.create(key, bytes)))
  }

  async replace(key: string, body: Uint8Array, etag: string, _options?: PutOptions): Promise<BlobInfo> {
    const bytes = await this.#received(key, body)
    return this.#call('replace', key, () => this.#asWritten(this.#model.replace(key, bytes, etag)))
  }

  async delete(key: string): Promise<void> {
    checkKey(this.name, key)
    await this.#call('delete', key, () => this.#model.delete(key))
  }

  async deleteMany(keys: readonly string[], { mayStillSend }: DeleteManyOptions = {}): Promise<DeletedMany> {
    for (const key of keys) checkKey(this.name, key)
    const failed: FailedDelete[] = []
    let isSettled = true
    for (let at = 0; at < keys.length; at += this.#pageKeys) {
      const page = keys.slice(at, at + this.#pageKeys)
      if (mayStillSend?.() === false) {
        failed.push(...page.map((key) => ({ key, error: notSent(this.name, key) })))
        continue
      }
      const deleted = await this.#deletePage(page)
      failed.push(...deleted.failed)
      isSettled &&= deleted.isSettled
    }
    return { failed, isSettled }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The model outlives its processes.
  }

  /** Each key at a moment of its own. */
  async #deletePage(keys: readonly string[]): Promise<DeletedMany> {
    return this.#process.call<DeletedMany>({
      label: `${this.name} delete ${keys.join(' ')}`,
      begin: () => {
        const left = [...keys]
        return () => {
          const some = this.#process.world.random.between(1, left.length)
          for (const key of left.splice(0, some)) this.#model.delete(key)
          return left.length > 0 ? undefined : { value: { failed: [], isSettled: true } }
        }
      },
      failed: (fault) => {
        const failed = keys.map((key) => ({ key, error: this.#unavailable(key) }))
        return { value: { failed, isSettled: fault === 'refused' } }
      },
    })
  }

  async #received(key: string, body: PutBody): Promise<Buffer> {
    checkKey(this.name, key)
    return Buffer.from(await readBody(this.name, key, body))
  }

  /** As with S3, the answer to a write says when it was written by the clock of who wrote it. */
  #asWritten(info: BlobInfo): BlobInfo {
    return { ...info, modified: this.#process.now() }
  }

  async #call<T>(operation: string, key: string, work: () => T): Promise<T> {
    return this.#process.call<T>({
      label: `${this.name} ${operation} ${key}`,
      begin: () => () => settled(work),
      failed: () => ({ error: this.#unavailable(key) }),
    })
  }

  #unavailable(key: string): StoreUnavailableError {
    return new StoreUnavailableError(this.name, key, 'a drawn fault', { transient: true })
  }
}

function settled<T>(work: () => T): { readonly value: T } | Extract<Outcome, { readonly error: unknown }> {
  try {
    return { value: work() }
  } catch (error) {
    return { error }
  }
}

function* cutOff(bytes: Buffer, at: number, error: Error): Generator<Buffer> {
  if (at > 0) yield bytes.subarray(0, at)
  throw error
}
