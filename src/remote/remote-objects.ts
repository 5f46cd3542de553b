import { Readable } from 'node:stream'
import { digestOf } from '../../manifests/digest.ts'
import type { BlobBody, BlobInfo, ByteRange, CallOptions } from '../../storage/blob-store.ts'
import { checkRange, resolveRange } from '../../storage/byte-range.ts'
import { ExactBytes } from '../../storage/exact-bytes.ts'
import { BlobNotFoundError, RangeOutsideBlobError, StoreUnavailableError } from '../../storage/errors.ts'
import { ResumingBody } from '../../storage/resuming-body.ts'
import { destroyOnAbort } from '../../storage/abort.ts'
import { withoutFences } from '../repository/fence.ts'
import { timestampKey } from '../repository/layout.ts'
import type { Reply, RemoteConnection } from './remote-connection.ts'

/** Where an object is read, and whether only those may who have a token. */
export interface ObjectPlace {
  readonly path: string
  readonly needsToken: boolean
}

/** A timestamp of 16 kB is the largest that clients take. */
const maxTimestampBytes = 64 << 10

/** The objects of a repository, read from its server. What breaks off goes on where it was. */
export class RemoteObjects {
  readonly #connection: RemoteConnection

  constructor(connection: RemoteConnection) {
    this.#connection = connection
  }

  async stat(key: string, place: ObjectPlace, { signal }: CallOptions): Promise<BlobInfo | undefined> {
    const reply = await this.#connection.ask({ ...place, method: 'HEAD', answers: [404], signal })
    reply.body.resume()
    return reply.status === 404 ? undefined : infoOf(key, reply)
  }

  /** Throws BlobNotFoundError and RangeOutsideBlobError. */
  async get(
    key: string,
    place: ObjectPlace,
    { signal, range }: CallOptions & { readonly range?: ByteRange },
  ): Promise<BlobBody> {
    const { name, backoff } = this.#connection
    const first = await backoff.retry(async () => this.#open(key, place, range, signal), signal)
    const stream = new ResumingBody({
      store: name,
      first,
      range: resolveRange(name, key, range, first.info.bytes),
      reopen: async (rest) => this.#open(key, place, rest, signal),
      backoff,
      signal,
    })
    return { info: first.info, stream: destroyOnAbort(stream, signal) }
  }

  /**
   * The timestamp. Its entity tag is that of what was signed: the fences of collectors, which the server looks after, do
   * not show. Throws BlobNotFoundError.
   */
  async timestamp({ signal }: CallOptions): Promise<BlobBody> {
    const ask = { method: 'GET', path: timestampKey, needsToken: false, answers: [404], signal } as const
    const reply = await this.#connection.askFor(ask, maxTimestampBytes)
    if (reply.status === 404) throw new BlobNotFoundError(this.#connection.name, timestampKey)
    const info = timestampInfo(reply.bytes, modifiedOf(reply))
    return { info, stream: Readable.from([reply.bytes]) }
  }

  async #open(
    key: string,
    place: ObjectPlace,
    range: ByteRange | undefined,
    signal: AbortSignal | undefined,
  ): Promise<BlobBody> {
    if (range !== undefined) checkRange(range)
    const reply = await this.#connection.once({
      ...place,
      method: 'GET',
      answers: [404, 416],
      ...(range !== undefined && { headers: { range: rangeHeader(range) } }),
      signal,
    })
    const { name } = this.#connection
    if (reply.status === 404 || reply.status === 416) reply.body.resume()
    if (reply.status === 404) throw new BlobNotFoundError(name, key)
    const info = infoOf(key, reply)
    if (reply.status === 416) throw new RangeOutsideBlobError(name, key, info.bytes)
    const whole = { start: 0, end: info.bytes }
    const wanted = range === undefined ? whole : resolveRange(name, key, range, info.bytes)
    if (reply.status !== 206 && (wanted.start > 0 || wanted.end < info.bytes)) {
      reply.body.destroy()
      throw new StoreUnavailableError(name, key, 'the server sends no ranges', { transient: false })
    }
    const stream = new ExactBytes(
      reply.body,
      wanted.end - wanted.start,
      (cause) => new StoreUnavailableError(name, key, 'the body broke off', { transient: true, cause }),
    )
    return { info, stream }
  }
}

export function timestampInfo(bytes: Uint8Array, modified: Date): BlobInfo {
  return { key: timestampKey, bytes: bytes.length, etag: digestOf(withoutFences(bytes)), modified }
}

function rangeHeader({ start, end }: ByteRange): string {
  return `bytes=${start}-${end === Number.POSITIVE_INFINITY ? '' : end - 1}`
}

function infoOf(key: string, reply: Reply): BlobInfo {
  const { headers } = reply
  const total = /\/(\d+)$/.exec(String(headers['content-range'] ?? ''))?.[1]
  return {
    key,
    bytes: Number(total ?? headers['content-length'] ?? 0),
    etag: String(headers['etag'] ?? '')
      .replace(/^W\//, '')
      .replaceAll('"', ''),
    modified: modifiedOf(reply),
  }
}

function modifiedOf({ headers }: Reply): Date {
  const date = new Date(String(headers['last-modified'] ?? headers['date'] ?? ''))
  return Number.isNaN(date.getTime()) ? new Date(0) : date
}
