import { Readable } from 'node:stream'
import type {
  BlobBody,
  BlobInfo,
  BlobStore,
  ByteRange,
  CallOptions,
  PutBody,
  PutOptions,
} from '../../../storage/blob-store.ts'
import { BlobNotFoundError } from '../../../storage/errors.ts'
import type { Failure, StoreAnswer, StoreCall, ToPackProcess } from './messages.ts'
import { PackProcessError } from './pack-process-error.ts'

interface Pending {
  readonly key: string
  readonly resolve: (answer: StoreAnswer) => void
  readonly reject: (error: Error) => void
}

/** The parent's store, as far as making a pack needs one: this process has neither its address nor its credentials. */
export class ParentStore implements BlobStore {
  readonly name: string
  readonly #send: (id: number, call: StoreCall) => void
  readonly #pending = new Map<number, Pending>()
  #lastId = 0

  constructor(name: string, send: (id: number, call: StoreCall) => void) {
    this.name = name
    this.#send = send
  }

  receive(message: Exclude<ToPackProcess, { kind: 'order' }>): void {
    const pending = this.#pending.get(message.id)
    this.#pending.delete(message.id)
    if (message.kind === 'answer') pending?.resolve(message.answer)
    else pending?.reject(this.#errorOf(pending.key, message.failure))
  }

  async stat(key: string): Promise<BlobInfo | undefined> {
    return (await this.#ask({ method: 'stat', key })).info
  }

  async get(key: string, options: CallOptions & { readonly range?: ByteRange } = {}): Promise<BlobBody> {
    const { info, bytes } = await this.#ask({ method: 'get', key, range: options.range })
    if (info === undefined || bytes === undefined) throw new BlobNotFoundError(this.name, key)
    return { info, stream: Readable.from([bytes], { objectMode: false }) }
  }

  async put(key: string, body: PutBody, options: PutOptions = {}): Promise<BlobInfo> {
    const { info } = await this.#ask({ method: 'put', key, body, options: { ...options, signal: undefined } })
    if (info === undefined) throw new BlobNotFoundError(this.name, key)
    return info
  }

  // oxlint-disable-next-line require-yield -- there is nothing to list
  async *list(): AsyncGenerator<BlobInfo, void, undefined> {
    throw notNeeded()
  }

  async create(): Promise<BlobInfo> {
    throw notNeeded()
  }

  async replace(): Promise<BlobInfo> {
    throw notNeeded()
  }

  async delete(): Promise<void> {
    throw notNeeded()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The parent's.
  }

  #ask(call: StoreCall): Promise<StoreAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<StoreAnswer>()
    this.#pending.set(++this.#lastId, { key: call.key, resolve, reject })
    this.#send(this.#lastId, call)
    return promise
  }

  #errorOf(key: string, { code, message }: Failure): Error {
    if (code === 'BLOB_NOT_FOUND') return new BlobNotFoundError(this.name, key)
    return new PackProcessError(code ?? 'STORE_UNAVAILABLE', message)
  }
}

function notNeeded(): Error {
  return new Error('making a pack neither lists, replaces nor deletes')
}
