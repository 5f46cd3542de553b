import { createReadStream } from 'node:fs'
import { digestFromHex } from '../../manifests/digest.ts'
import type {
  BlobBody,
  BlobInfo,
  ByteRange,
  CallOptions,
  DeletedMany,
  PutBody,
} from '../../storage/blob-store.ts'
import { BlobExistsError } from '../../storage/errors.ts'
import type { GatheringStore } from '../../storage/gathering-store.ts'
import { bodyLength } from '../../storage/put-body.ts'
import {
  checkpointKey,
  chunkHexOf,
  chunkKey,
  chunkPrefix,
  leasePrefix,
  manifestHexOf,
  sweepPrefix,
  timestampKey,
} from '../repository/layout.ts'
import { ChunkBatches } from './chunk-batches.ts'
import { RemoteError, RemoteProblem } from './errors.ts'
import { noIntent, type Intent } from './intent.ts'
import type { AskBody, RemoteConnection, RemoteTraffic } from './remote-connection.ts'
import { remoteChunkList } from './remote-chunk-list.ts'
import { remoteRefusal, sendCommit } from './remote-commit.ts'
import { RemoteLeases } from './remote-leases.ts'
import { RemoteObjects, timestampInfo, type ObjectPlace } from './remote-objects.ts'
import { StagedObjects } from './staged-objects.ts'

const documentKey = /^tuf\/targets\/(?:releases|channels)\/[^/]+$/
const numberedKey = /^tuf\/metadata\/\d+\.(?:releases|channels|snapshot)\.json$/
const tileKey = /^log\/tile\//
const sketchesKey = /^private\/sketches\/([0-9a-f]{64})\.zst$/
const publicKey = /^(?:chunks|manifests|packs|deltas|tuf|log)\//
/** How long a chunk that somebody waits for waits for others. */
const lingerMs = 20
const maxAnswerBytes = 64 << 10

/**
 * A repository behind a server (docs/publishing.md), as far as publishing takes: objects are read as anyone reads them;
 * chunks are sent in batches, manifests and sketches one by one; documents and numbered metadata stay here until the
 * timestamp is replaced, and go with it in one request. What else a store can do takes the store itself, and is refused
 * with NOT_OVER_HTTPS. Throws RemoteError and StoreError.
 */
export class RemoteStore implements GatheringStore {
  readonly #connection: RemoteConnection
  readonly #objects: RemoteObjects
  readonly #leases: RemoteLeases
  readonly #chunks: ChunkBatches
  readonly #staged: StagedObjects
  #intent = noIntent
  #lingering: NodeJS.Timeout | undefined

  constructor(connection: RemoteConnection, { maxBatchBytes }: { readonly maxBatchBytes?: number } = {}) {
    this.#connection = connection
    this.#objects = new RemoteObjects(connection)
    this.#leases = new RemoteLeases(connection, () => this.#intent)
    this.#chunks = new ChunkBatches({
      connection,
      isMended: () => this.#intent.isMended,
      maxBytes: maxBatchBytes,
    })
    this.#staged = new StagedObjects(connection.name)
  }

  get name(): string {
    return this.#connection.name
  }

  get traffic(): Readonly<RemoteTraffic> {
    return this.#connection.traffic
  }

  intend(intent: Intent): void {
    this.#intent = intent
  }

  async stat(key: string, options: CallOptions = {}): Promise<BlobInfo | undefined> {
    if (key.startsWith(leasePrefix)) return this.#leases.stat(key)
    return (
      this.#staged.stat(key) ??
      this.#refusing(async () => this.#objects.stat(key, this.#placeOf(key), options))
    )
  }

  async get(key: string, options: CallOptions & { readonly range?: ByteRange } = {}): Promise<BlobBody> {
    const staged = this.#staged.get(key, options.range)
    if (staged !== undefined) return staged
    return this.#refusing(async () =>
      key === timestampKey && options.range === undefined
        ? this.#objects.timestamp(options)
        : this.#objects.get(key, this.#placeOf(key), options),
    )
  }

  async *list(
    prefix: string,
    options: CallOptions & { readonly after?: string } = {},
  ): AsyncIterable<BlobInfo> {
    // Sweeps are the server's to look after.
    if (prefix === sweepPrefix) return
    if (prefix === leasePrefix) {
      yield* await this.#refusing(async () => this.#leases.list(options))
      return
    }
    if (prefix !== chunkPrefix) throw notOver(`listing ${prefix === '' ? 'the store' : prefix}`)
    const hex = chunkHexOf(options.after ?? '')
    const after = hex === undefined ? undefined : digestFromHex(hex)
    try {
      for await (const digest of remoteChunkList(this.#connection, { signal: options.signal, after })) {
        // Only that they are there is known.
        yield { key: chunkKey(digest), bytes: 0, etag: '', modified: new Date(0) }
      }
    } catch (error) {
      throw error instanceof RemoteProblem ? remoteRefusal(this.name, error) : error
    }
  }

  async put(key: string, body: PutBody, options: CallOptions = {}): Promise<BlobInfo> {
    if (chunkHexOf(key) !== undefined && body instanceof Uint8Array) {
      const stored = this.gather(key, Uint8Array.from(body), options)
      this.#lingering ??= setTimeout(() => this.sendGathered(), lingerMs)
      await stored
      return infoOf(key, body)
    }
    if (key.startsWith(leasePrefix)) return this.#refusing(async () => this.#leases.put(key, body, options))
    if (documentKey.test(key) && body instanceof Uint8Array) return this.#staged.add(key, body)
    // The server makes them itself, of what it has verified.
    if (tileKey.test(key)) return infoOf(key, body)
    const path = uploadPathOf(key)
    if (path === undefined) throw notOver(`writing ${key}`)
    const query = this.#intent.isMended ? '?mend=yes' : ''
    await this.#send('PUT', `${path}${query}`, { type: 'application/zstd', ...opened(body) }, options)
    return infoOf(key, body)
  }

  async create(key: string, body: PutBody, options: CallOptions = {}): Promise<BlobInfo> {
    if (key === checkpointKey) return this.#putCheckpoint(body, options)
    if (!numberedKey.test(key) || !(body instanceof Uint8Array)) throw notOver(`writing ${key}`)
    if ((await this.stat(key, options)) !== undefined) throw new BlobExistsError(this.name, key)
    return this.#staged.add(key, body)
  }

  /** The timestamp's replacement is the commit. */
  async replace(key: string, body: Uint8Array, etag: string, options: CallOptions = {}): Promise<BlobInfo> {
    if (key === checkpointKey) return this.#putCheckpoint(body, options)
    if (key !== timestampKey) throw notOver(`replacing ${key}`)
    const objects = [...this.#staged.entries(), [timestampKey, Buffer.from(body)] as const]
    try {
      await sendCommit(this.#connection, { over: etag, objects, signal: options.signal })
    } catch (error) {
      // What is gone is stored anew, and then the same is asked again.
      if (!isForMissing(error)) this.#staged.clear()
      throw error
    }
    this.#staged.clear()
    return timestampInfo(body, new Date())
  }

  async delete(key: string, options: CallOptions = {}): Promise<void> {
    if (!key.startsWith(leasePrefix)) throw notOver(`deleting ${key}`)
    await this.#refusing(async () => this.#leases.delete(key, options))
  }

  async deleteMany(): Promise<DeletedMany> {
    return Promise.reject(notOver('deleting'))
  }

  async gather(key: string, stored: Uint8Array<ArrayBuffer>, { signal }: CallOptions = {}): Promise<void> {
    const hex = chunkHexOf(key)
    if (hex === undefined) throw notOver(`gathering ${key}`)
    await this.#refusing(async () => this.#chunks.add({ digest: digestFromHex(hex), stored }, signal))
  }

  sendGathered(signal?: AbortSignal): void {
    clearTimeout(this.#lingering)
    this.#lingering = undefined
    this.#chunks.send(signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#lingering)
    await this.#connection[Symbol.asyncDispose]()
  }

  async #putCheckpoint(body: PutBody, options: CallOptions): Promise<BlobInfo> {
    await this.#send(
      'PUT',
      'v1/log/checkpoint',
      { type: 'text/plain; charset=utf-8', ...opened(body) },
      options,
    )
    return infoOf(checkpointKey, body)
  }

  async #send(method: 'PUT', path: string, body: AskBody, { signal }: CallOptions): Promise<void> {
    const ask = { method, path, body, needsToken: true, timeoutMs: 600_000, signal } as const
    await this.#refusing(async () => this.#connection.askFor(ask, maxAnswerBytes))
  }

  #placeOf(key: string): ObjectPlace {
    const hex = sketchesKey.exec(key)?.[1]
    if (hex !== undefined) return { path: `v1/sketches/${hex}`, needsToken: true }
    if (publicKey.test(key)) return { path: key, needsToken: false }
    throw notOver(`reading ${key}`)
  }

  async #refusing<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw error instanceof RemoteProblem ? remoteRefusal(this.name, error) : error
    }
  }
}

function uploadPathOf(key: string): string | undefined {
  const manifest = manifestHexOf(key)
  if (manifest !== undefined) return `v1/manifests/${manifest}`
  const sketches = sketchesKey.exec(key)?.[1]
  return sketches && `v1/sketches/${sketches}`
}

function opened(body: PutBody): Pick<AskBody, 'bytes' | 'open'> {
  if (body instanceof Uint8Array) return { bytes: body.length, open: () => body }
  return { bytes: body.bytes, open: () => createReadStream(body.path) }
}

function isForMissing(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined
  return cause instanceof RemoteProblem && cause.problem === 'CONTENT_MISSING'
}

function infoOf(key: string, body: PutBody): BlobInfo {
  return { key, bytes: bodyLength(body), etag: '', modified: new Date() }
}

function notOver(what: string): RemoteError {
  return new RemoteError('NOT_OVER_HTTPS', `${what} is not possible over HTTPS`, {
    hint: 'run it where the store is, with --store file:… or s3://…; over HTTPS one can publish, move channels, refresh and read',
  })
}
