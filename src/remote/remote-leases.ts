import * as z from 'zod'
import type { BlobInfo, CallOptions, PutBody } from '../../storage/blob-store.ts'
import { leasePrefix } from '../repository/layout.ts'
import { RemoteError } from './errors.ts'
import type { Intent } from './intent.ts'
import type { RemoteConnection } from './remote-connection.ts'

const maxAnswerBytes = 1 << 20
const listSchema = z.object({ publishes: z.array(z.string().regex(/^[0-9a-z]+-\d+$/)) })
const begunSchema = z.object({ now: z.iso.datetime() })

/** The leases of publishes (src/repository/lease.ts), by way of the server. */
export class RemoteLeases {
  readonly #connection: RemoteConnection
  readonly #intent: () => Intent
  readonly #written = new Map<string, BlobInfo>()

  constructor(connection: RemoteConnection, intent: () => Intent) {
    this.#connection = connection
    this.#intent = intent
  }

  /** Of our own. */
  stat(key: string): BlobInfo | undefined {
    return this.#written.get(key)
  }

  async list({ signal }: CallOptions): Promise<BlobInfo[]> {
    const ask = { method: 'GET', path: 'v1/publishes', needsToken: true, signal } as const
    const { publishes } = this.#read(listSchema, (await this.#connection.askFor(ask, maxAnswerBytes)).bytes)
    return publishes.map((name) => ({
      key: `${leasePrefix}${name}.json`,
      bytes: 0,
      etag: '',
      modified: new Date(0),
    }))
  }

  /** Says that the publish has begun, or goes on, and what it is going to be. */
  async put(key: string, body: PutBody, { signal }: CallOptions): Promise<BlobInfo> {
    if (!(body instanceof Uint8Array)) throw new TypeError('a lease is short')
    const { modules, channels } = this.#intent()
    const lease = JSON.parse(Buffer.from(body).toString('utf8')) as Record<string, unknown>
    const bytes = Buffer.from(JSON.stringify({ ...lease, modules, channels }))
    const ask = {
      method: 'POST',
      path: 'v1/publishes',
      body: { type: 'application/json', bytes: bytes.length, open: () => bytes },
      needsToken: true,
      signal,
    } as const
    const { now } = this.#read(begunSchema, (await this.#connection.askFor(ask, maxAnswerBytes)).bytes)
    const info = { key, bytes: body.length, etag: '', modified: new Date(now) }
    this.#written.set(key, info)
    return info
  }

  async delete(key: string, { signal }: CallOptions): Promise<void> {
    const name = key.slice(leasePrefix.length, -'.json'.length)
    const ask = { method: 'DELETE', path: `v1/publishes/${name}`, needsToken: true, signal } as const
    await this.#connection.askFor(ask, maxAnswerBytes)
    this.#written.delete(key)
  }

  #read<T>(schema: z.ZodType<T>, bytes: Buffer): T {
    try {
      return schema.parse(JSON.parse(bytes.toString('utf8')))
    } catch (cause) {
      throw new RemoteError(
        'SERVER_REFUSED',
        `${this.#connection.name}: its answer is not that of a server of Vend`,
        {
          hint: 'check the URL',
          cause,
        },
      )
    }
  }
}
