import { once } from 'node:events'
import { utimesSync } from 'node:fs'
import { join } from 'node:path'
import { request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { digestOf, type Digest } from '../../../../manifests/digest.ts'
import type { BlobStore } from '../../../../storage/blob-store.ts'
import { MemoryStore } from '../../../../storage/memory-store.ts'
import type { Grant } from '../../../../src/access/grant.ts'
import { encodeChunk } from '../../../../src/chunking/chunk-codec.ts'
import { frameHead } from '../../../../src/remote/chunk-frames.ts'
import { publishRelease, type PublishRequest } from '../../../../src/ingest/publish-release.ts'
import { openRemoteStore } from '../../../../src/remote/open-remote-store.ts'
import type { RemoteStore } from '../../../../src/remote/remote-store.ts'
import { withoutFences } from '../../../../src/repository/fence.ts'
import { timestampKey } from '../../../../src/repository/layout.ts'
import { setChannel } from '../../../../src/repository/set-channel.ts'
import { DirectoryTree } from '../../../../src/tree/tree-source.ts'
import { PublishingPlane } from '../../../../src/server/publishing/publishing-plane.ts'
import type { ServerLimits } from '../../../../src/server/limits.ts'
import { bytesIn, keysIn, Publisher } from '../../../support/publisher.ts'
import { makeToken } from '../access/test-tokens.ts'
import { Served } from '../served.ts'

export interface Answered {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  /** Of a problem document. */
  readonly code: string | undefined
  readonly json: Record<string, unknown>
}

export interface Sending {
  readonly method: string
  readonly path: string
  readonly body?: Buffer | object
  readonly token?: string | undefined
  readonly headers?: Readonly<Record<string, string>>
}

/** A repository behind a server that takes publishes, and its publisher, who has all the keys. */
export class PublishingWorld implements AsyncDisposable {
  readonly publisher: Publisher
  readonly served: Served
  /** May publish everything. */
  readonly token: string

  private constructor(publisher: Publisher, served: Served, token: string) {
    this.publisher = publisher
    this.served = served
    this.token = token
  }

  static async create({
    store,
    limits,
  }: { readonly store?: BlobStore; readonly limits?: Partial<ServerLimits> } = {}): Promise<PublishingWorld> {
    const publisher = await Publisher.create(store)
    const served = await Served.start({
      store: publisher.store,
      access: { store: publisher.store },
      limits,
      planes: [(context) => new PublishingPlane({ store: publisher.store }, context)],
    })
    const grants = [{ may: 'publish', modules: ['*'], channels: ['*'] }] as const satisfies readonly Grant[]
    return new PublishingWorld(publisher, served, (await makeToken(publisher.store, grants)).text)
  }

  get store(): BlobStore {
    return this.publisher.store
  }

  /** Who may no more than that. */
  async tokenFor(modules: readonly string[], channels: readonly string[], ...more: Grant[]): Promise<string> {
    const grant = { may: 'publish', modules: [...modules], channels: [...channels] } as const
    return (await makeToken(this.store, [grant, ...more])).text
  }

  remote(token: string = this.token): RemoteStore {
    return openRemoteStore(this.served.server.url, { token, backoff: { baseDelayMs: 1, maxDelayMs: 5 } })
  }

  async send({ method, path, body, token = this.token, headers = {} }: Sending): Promise<Answered> {
    const bytes = body === undefined || Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body))
    const sent = request({
      host: '127.0.0.1',
      port: this.served.port,
      agent: false,
      method,
      path,
      headers: {
        ...(bytes !== undefined && { 'Content-Length': bytes.length }),
        ...(token !== '' && { Authorization: `Bearer ${token}` }),
        ...headers,
      },
    })
    sent.on('error', () => undefined)
    sent.end(bytes)
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    return readAnswer(response)
  }

  /** All that lies in the store but what the server writes of those who ask. */
  async contents(): Promise<ReadonlyMap<string, Digest>> {
    const contents = new Map<string, Digest>()
    for (const key of await keysIn(this.store)) {
      if (/^private\/(?:access-log|usage|tokens)\//.test(key)) continue
      contents.set(key, digestOf(await bytesIn(this.store, key)))
    }
    return contents
  }

  /** The store as it is, to do something in that is not to be seen. */
  async copy(): Promise<MemoryStore> {
    const copy = new MemoryStore()
    for (const key of await keysIn(this.store)) await copy.put(key, await bytesIn(this.store, key))
    return copy
  }

  /** The commit that leads from the store to a changed copy of it, as a publisher would send it. */
  async commitTo(copy: BlobStore): Promise<Commit> {
    const objects: Commit['objects'] = []
    for (const key of await keysIn(copy, 'tuf/')) {
      const bytes = await bytesIn(copy, key)
      const before = (await this.store.stat(key)) && (await bytesIn(this.store, key))
      if (before === undefined || !before.equals(bytes))
        objects.push({ key, base64: bytes.toString('base64') })
    }
    return { over: digestOf(withoutFences(await bytesIn(this.store, timestampKey))), objects }
  }

  /** What `change` does to a copy of the store, as a commit; its chunks and manifests are in the store then. */
  async commitOf(change: (copy: MemoryStore) => Promise<unknown>): Promise<Commit> {
    const copy = await this.copy()
    await change(copy)
    for (const key of await keysIn(copy)) {
      if (/^(?:chunks|manifests)\//.test(key)) await this.store.put(key, await bytesIn(copy, key))
    }
    return this.commitTo(copy)
  }

  /** A tree of one file; the same content makes the same tree, whenever it was written. */
  write(module: string, content: string): void {
    const tree = this.publisher.tree(module).file(`${module}/a`, content, { mtime: 1 })
    for (const path of [join(tree.path, module), tree.path]) utimesSync(path, 1, 1)
  }

  /** Publishes trees of the publisher's as modules of the same names. */
  publishing(version: number, names: readonly string[], more: Partial<PublishRequest> = {}) {
    return async (store: BlobStore): Promise<void> => {
      const { keys, now } = this.publisher
      const modules = names.map((name) => ({
        name,
        tree: new DirectoryTree(this.publisher.tree(name).path),
        includes: [],
      }))
      const whole = { version, channel: undefined, modules, ...more }
      await publishRelease(whole, { store, keys, now, threads: 1 })
    }
  }

  moving(channel: string, version: number) {
    return async (store: BlobStore): Promise<void> => {
      const { keys, now } = this.publisher
      const change = { channel, version, rollout: undefined, halted: undefined, waypoints: undefined }
      await setChannel(change, { store, keys, now, signal: undefined })
    }
  }

  async commit(commit: object, token?: string): Promise<Answered> {
    return this.send({ method: 'POST', path: '/v1/commits', body: commit, token })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.served[Symbol.asyncDispose]()
    this.publisher[Symbol.dispose]()
  }
}

export interface Commit {
  readonly over: string
  readonly objects: { key: string; base64: string }[]
}

/** A chunk as it is sent. */
export function framed(plain: Uint8Array, stored: Uint8Array = encodeChunk(plain)): Buffer {
  return Buffer.concat([frameHead({ digest: digestOf(plain), stored }), stored])
}

async function readAnswer(response: IncomingMessage): Promise<Answered> {
  const body = Buffer.concat((await response.toArray()) as Buffer[])
  const isJson = String(response.headers['content-type']).includes('json') && body.length > 0
  const json = isJson ? (JSON.parse(body.toString()) as Record<string, unknown>) : {}
  const { code } = json
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body,
    json,
    code: typeof code === 'string' ? code : undefined,
  }
}
