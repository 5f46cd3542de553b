import type { BlobInfo, BlobStore, DeleteManyOptions, PutBody } from '../../storage/blob-store.ts'
import { isTransient } from '../../storage/backoff.ts'
import { BlobChangedError } from '../../storage/errors.ts'
import { RepositoryError } from '../../src/repository/errors.ts'
import { isSameCommit } from '../../src/repository/fence.ts'
import { chunkPrefix, sweepPrefix, timestampKey } from '../../src/repository/layout.ts'
import { readBlob } from '../../src/repository/read-blob.ts'
import { PassingStore } from './passing-store.ts'
import type { SimulatedProcess } from './simulated-process.ts'

const hourMs = 3_600_000

/** Says at once that a write is done, and does it when it is told to. */
export class LateWrites extends PassingStore {
  readonly #isLate: (key: string) => boolean
  readonly #isMoment: (operation: 'replace' | 'deleteMany') => 'before' | 'after' | undefined
  readonly #late: (() => Promise<unknown>)[] = []

  constructor(
    inner: BlobStore,
    isLate: (key: string) => boolean,
    isMoment: (operation: 'replace' | 'deleteMany') => 'before' | 'after' | undefined,
  ) {
    super(inner)
    this.#isLate = isLate
    this.#isMoment = isMoment
  }

  override async put(key: string, body: PutBody): Promise<BlobInfo> {
    // Callers may do what they like with a body that is stored.
    const copy = body instanceof Uint8Array ? Buffer.from(body) : body
    return this.#perhapsLate(key, copy, async () => this.inner.put(key, copy))
  }

  override async create(key: string, body: PutBody): Promise<BlobInfo> {
    return this.#perhapsLate(key, body, async () => this.inner.create(key, body))
  }

  override async replace(key: string, body: Uint8Array, etag: string): Promise<BlobInfo> {
    return key === timestampKey
      ? this.#around('replace', async () => this.inner.replace(key, body, etag))
      : this.inner.replace(key, body, etag)
  }

  override async deleteMany(keys: readonly string[], options?: DeleteManyOptions) {
    return this.#around('deleteMany', async () => this.inner.deleteMany(keys, options))
  }

  async #perhapsLate(key: string, body: PutBody, write: () => Promise<BlobInfo>): Promise<BlobInfo> {
    if (!this.#isLate(key)) return write()
    this.#late.push(write)
    const bytes = body instanceof Uint8Array ? body.length : body.bytes
    return { key, bytes, etag: 'late', modified: new Date() }
  }

  async #around<T>(operation: 'replace' | 'deleteMany', work: () => Promise<T>): Promise<T> {
    const moment = this.#isMoment(operation)
    if (moment === 'before') await this.#catchUp()
    const done = await work()
    if (moment === 'after') await this.#catchUp()
    return done
  }

  async #catchUp(): Promise<void> {
    for (const write of this.#late.splice(0)) await write()
  }
}

/** Fences nothing, and says it did. */
export class NoFence extends PassingStore {
  override async replace(key: string, body: Uint8Array, etag: string): Promise<BlobInfo> {
    const found = key === timestampKey ? await readBlob(this.inner, key) : undefined
    if (found === undefined || !isSameCommit(found.bytes, body)) return this.inner.replace(key, body, etag)
    return { ...found.info, bytes: body.length }
  }
}

/** Looks once what the store has, before it reads the state that it builds on, and believes it from then on. */
export class StaleListing extends PassingStore {
  #listed: readonly BlobInfo[] | undefined

  override async get(key: string, options?: Parameters<BlobStore['get']>[1]) {
    if (key === timestampKey) this.#listed ??= await Array.fromAsync(this.inner.list(''))
    return this.inner.get(key, options)
  }

  override async *list(prefix: string, options?: Parameters<BlobStore['list']>[1]): AsyncIterable<BlobInfo> {
    if (prefix !== chunkPrefix) yield* this.inner.list(prefix, options)
    else yield* this.#listed?.filter(({ key }) => key.startsWith(prefix)) ?? []
  }

  override async stat(key: string): Promise<BlobInfo | undefined> {
    const isListed = /^(?:chunks|manifests)\//.test(key)
    return isListed ? this.#listed?.find((info) => info.key === key) : this.inner.stat(key)
  }
}

/** Knows of no sweep. */
export class NoSweeps extends PassingStore {
  override async *list(prefix: string, options?: Parameters<BlobStore['list']>[1]): AsyncIterable<BlobInfo> {
    if (prefix !== sweepPrefix) yield* this.inner.list(prefix, options)
  }
}

/** Tries again what failed, and takes the refusal of a repeated replacement for somebody else's doing. */
export class RefusalIsConflict extends PassingStore {
  readonly #bare: BlobStore
  readonly #process: SimulatedProcess

  constructor(inner: BlobStore, bare: BlobStore, process: SimulatedProcess) {
    super(inner)
    this.#bare = bare
    this.#process = process
  }

  override async replace(key: string, body: Uint8Array, etag: string): Promise<BlobInfo> {
    if (key !== timestampKey) return this.inner.replace(key, body, etag)
    for (let tries = 1; ; tries++) {
      try {
        return await this.#bare.replace(key, body, etag)
      } catch (cause) {
        if (cause instanceof BlobChangedError) {
          throw new RepositoryError('PUBLISH_CONFLICT', 'nothing of this publish is visible', { cause })
        }
        if (!isTransient(cause) || tries === 5) throw cause
        await this.#process.sleep(100)
      }
    }
  }
}

/** Replaces the timestamp whatever it has become. */
export class Unconditional extends PassingStore {
  override async replace(key: string, body: Uint8Array, etag: string): Promise<BlobInfo> {
    return key === timestampKey ? this.inner.put(key, body) : this.inner.replace(key, body, etag)
  }
}

/** Takes the document of a sweep away as soon as the deletes are answered. */
export class HastyEnd extends PassingStore {
  readonly #documents: string[] = []

  override async put(key: string, body: PutBody): Promise<BlobInfo> {
    if (key.startsWith(sweepPrefix)) this.#documents.push(key)
    return this.inner.put(key, body)
  }

  override async deleteMany(keys: readonly string[], options?: DeleteManyOptions) {
    const deleted = await this.inner.deleteMany(keys, options)
    for (const document of this.#documents.splice(0)) await this.inner.delete(document)
    return deleted
  }
}

/** Looks at the clock before a delete, and not again before it repeats that, which may be long after. */
export class NoSecondLook extends PassingStore {
  readonly #bare: BlobStore
  readonly #process: SimulatedProcess

  constructor(inner: BlobStore, bare: BlobStore, process: SimulatedProcess) {
    super(inner)
    this.#bare = bare
    this.#process = process
  }

  override async deleteMany(keys: readonly string[], options: DeleteManyOptions = {}) {
    const first = await this.#bare.deleteMany(keys, options)
    if (first.failed.length === 0) return first
    await this.#process.sleep(this.#process.random.below(hourMs))
    return this.inner.deleteMany(first.failed.map(({ key }) => key))
  }
}

/** Now and then takes its time before it deletes: its clock says that it took none. */
export class StoppedClock extends PassingStore {
  readonly #process: SimulatedProcess

  constructor(inner: BlobStore, process: SimulatedProcess) {
    super(inner)
    this.#process = process
    const stopped = process.now()
    process.elapsed = () => 0
    process.now = () => stopped
  }

  override async deleteMany(keys: readonly string[], options?: DeleteManyOptions) {
    if (this.#process.random.chance(3)) await this.#process.sleep(this.#process.random.below(hourMs))
    return this.inner.deleteMany(keys, options)
  }
}

/** As it may always happen, takes a while before it deletes. */
export class SlowDeletes extends PassingStore {
  readonly #process: SimulatedProcess

  constructor(inner: BlobStore, process: SimulatedProcess) {
    super(inner)
    this.#process = process
  }

  override async deleteMany(keys: readonly string[], options?: DeleteManyOptions) {
    await this.#process.sleep(this.#process.random.below(5_000))
    return this.inner.deleteMany(keys, options)
  }
}
