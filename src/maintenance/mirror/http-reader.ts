import { Readable } from 'node:stream'
import { request, type Dispatcher } from 'undici'
import { destroyOnAbort } from '../../../storage/abort.ts'
import { Backoff, type BackoffOptions } from '../../../storage/backoff.ts'
import type { BlobBody, BlobInfo, BlobReader, ByteRange, CallOptions } from '../../../storage/blob-store.ts'
import { resolveRange } from '../../../storage/byte-range.ts'
import { BlobNotFoundError, StoreUnavailableError } from '../../../storage/errors.ts'
import { ResumingBody } from '../../../storage/resuming-body.ts'

export interface HttpReaderOptions {
  /** The repository's base, ending with a slash. */
  readonly baseUrl: string
  /** How a URL is reached: whoever makes these knows of proxies, authorities and silence. */
  readonly dispatcherOf: (url: URL) => Dispatcher
  readonly backoff?: BackoffOptions
  /** How long a body may keep us waiting before each byte must have earned it. */
  readonly patienceMs?: number
}

const maxRedirects = 5
/** Bodies whose length nobody says are held: documents are no longer. */
const maxUnannouncedBytes = 5_000_000
/** A server that sends less, over a whole body, is as good as silent. */
const minBytesPerMs = 1
const userAgent = 'vend-mirror'

/**
 * A served repository, read by key over HTTP: from anybody, so that nothing it says is to be believed before it was
 * checked. Cannot be listed. Goes on where a body broke off.
 */
export class HttpReader implements BlobReader {
  readonly name: string
  readonly #options: HttpReaderOptions
  readonly #backoff: Backoff

  constructor(options: HttpReaderOptions) {
    this.name = options.baseUrl
    this.#options = options
    this.#backoff = new Backoff(options.backoff)
  }

  async stat(key: string, { signal }: CallOptions = {}): Promise<BlobInfo | undefined> {
    return this.#backoff.retry(async () => {
      const response = await this.#ask('HEAD', key, {}, signal)
      response.body.on('error', () => undefined).destroy()
      if (isAbsent(response)) return undefined
      this.#accept(key, response)
      return infoOf(key, response, Number(response.headers['content-length'] ?? 0))
    }, signal)
  }

  async get(key: string, options: CallOptions & { readonly range?: ByteRange } = {}): Promise<BlobBody> {
    const { signal } = options
    const open = async (range: ByteRange | undefined): Promise<BlobBody> => this.#open(key, range, signal)
    const first = await this.#backoff.retry(async () => open(options.range), signal)
    const stream = new ResumingBody({
      store: this.name,
      first,
      range: resolveRange(this.name, key, options.range, first.info.bytes),
      reopen: open,
      backoff: this.#backoff,
      signal,
    })
    return { info: first.info, stream: destroyOnAbort(stream, signal) }
  }

  // oxlint-disable-next-line require-yield -- there is nothing to yield
  async *list(prefix: string): AsyncGenerator<BlobInfo> {
    throw this.#unavailable(prefix, 'a repository that is served cannot be listed', false)
  }

  async #open(key: string, range: ByteRange | undefined, signal: AbortSignal | undefined): Promise<BlobBody> {
    const headers = range === undefined ? {} : { range: rangeHeader(range) }
    const response = await this.#ask('GET', key, headers, signal)
    if (isAbsent(response)) {
      response.body.on('error', () => undefined).destroy()
      throw new BlobNotFoundError(this.name, key)
    }
    this.#accept(key, response)
    const length = response.headers['content-length']
    if (length === undefined) return this.#held(key, range, response)
    const { start, total } = this.#extent(key, range, response, Number(length))
    const wanted = resolveRange(this.name, key, range, total)
    const pieces = this.#patiently(key, response.body, {
      start: wanted.start - start,
      end: wanted.end - start,
    })
    return { info: infoOf(key, response, total), stream: Readable.from(pieces, { objectMode: false }) }
  }

  /** Of a body without a length: as a whole. */
  async #held(
    key: string,
    range: ByteRange | undefined,
    response: Dispatcher.ResponseData,
  ): Promise<BlobBody> {
    const pieces: Uint8Array[] = []
    let bytes = 0
    for await (const piece of this.#patiently(key, response.body, {
      start: 0,
      end: Number.POSITIVE_INFINITY,
    })) {
      bytes += piece.length
      if (bytes > maxUnannouncedBytes) {
        throw this.#unavailable(
          key,
          `its length is not said, and it has more than ${maxUnannouncedBytes} bytes`,
          false,
        )
      }
      pieces.push(piece)
    }
    if (response.statusCode === 206) throw this.#unavailable(key, 'a part of it has no length', false)
    const { start, end } = resolveRange(this.name, key, range, bytes)
    const stream = Readable.from([Buffer.concat(pieces).subarray(start, end)], { objectMode: false })
    return { info: infoOf(key, response, bytes), stream }
  }

  /** Where in the blob the body begins, and how long the blob is. */
  #extent(
    key: string,
    range: ByteRange | undefined,
    { statusCode, headers }: Dispatcher.ResponseData,
    length: number,
  ): { readonly start: number; readonly total: number } {
    if (statusCode !== 206) return { start: 0, total: length }
    const [, start, end, total] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(String(headers['content-range'])) ?? []
    const isAsked = range !== undefined && Number(start) === range.start
    if (!isAsked || Number(end) + 1 - Number(start) !== length) {
      throw this.#unavailable(key, 'answered with another range than the one asked for', false)
    }
    return { start: range.start, total: Number(total) }
  }

  /** The bytes in a range of a body, which may take its time, but not all of ours. */
  async *#patiently(
    key: string,
    body: AsyncIterable<Uint8Array> & { destroy(): unknown },
    { start, end }: ByteRange,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const patienceMs = this.#options.patienceMs ?? 60_000
    let [waitedMs, at] = [0, 0]
    try {
      const pieces = body[Symbol.asyncIterator]() as AsyncIterator<Uint8Array, undefined>
      while (at < end) {
        const asked = performance.now()
        const next = await pieces.next()
        if (next.done === true) return
        waitedMs += performance.now() - asked
        const from = Math.max(0, start - at)
        const piece = next.value.subarray(from, Math.max(from, end - at))
        at += next.value.length
        if (waitedMs > patienceMs + at / minBytesPerMs) throw new Error('it comes too slowly')
        if (piece.length > 0) yield piece
      }
    } catch (error) {
      throw this.#broken(key, error)
    } finally {
      body.destroy()
    }
  }

  async #ask(
    method: 'GET' | 'HEAD',
    key: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal | undefined,
  ): Promise<Dispatcher.ResponseData> {
    signal?.throwIfAborted()
    let url = new URL(key, this.#options.baseUrl)
    try {
      for (let redirects = 0; ; redirects++) {
        const response = await request(url, {
          method,
          dispatcher: this.#options.dispatcherOf(url),
          headers: { 'user-agent': userAgent, 'accept-encoding': 'identity', ...headers },
          signal: signal ?? null,
        })
        const { location } = response.headers
        const isPassedOn = [301, 302, 307, 308].includes(response.statusCode) && typeof location === 'string'
        if (!isPassedOn || redirects === maxRedirects) return response
        await response.body.dump({ limit: 16_384 })
        url = new URL(location, url)
      }
    } catch (error) {
      signal?.throwIfAborted()
      throw this.#broken(key, error)
    }
  }

  /** Throws unless the body is that of the blob. */
  #accept(key: string, { statusCode, headers, body }: Dispatcher.ResponseData): void {
    const encoding = headers['content-encoding']
    const isPlain = encoding === undefined || encoding === 'identity'
    if ((statusCode === 200 || statusCode === 206) && isPlain) return
    body.on('error', () => undefined).destroy()
    const isTransient = statusCode === 408 || statusCode === 429 || statusCode >= 500
    const problem = isPlain
      ? `answered with status ${statusCode}`
      : `answered in the encoding ${String(encoding)}`
    throw this.#unavailable(key, problem, isTransient)
  }

  #broken(key: string, error: unknown): Error {
    if (error instanceof StoreUnavailableError) return error
    const { message, code } = error as NodeJS.ErrnoException
    // Certificates do not get better by asking again.
    const isTransient =
      code === undefined || !/^(?:CERT_|ERR_TLS_|ERR_SSL_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/.test(code)
    return this.#unavailable(key, message === '' ? String(code) : message, isTransient, error)
  }

  #unavailable(key: string, problem: string, transient: boolean, cause?: unknown): Error {
    return new StoreUnavailableError(this.name, key, problem, { transient, cause })
  }
}

/** 403 is how a bucket that may not be listed says that there is no such object. */
function isAbsent({ statusCode }: Dispatcher.ResponseData): boolean {
  return statusCode === 404 || statusCode === 410 || statusCode === 403
}

function rangeHeader({ start, end }: ByteRange): string {
  return `bytes=${start}-${Number.isFinite(end) ? end - 1 : ''}`
}

function infoOf(key: string, { headers }: Dispatcher.ResponseData, bytes: number): BlobInfo {
  const { etag, 'last-modified': modified } = headers
  const date = new Date(typeof modified === 'string' ? modified : 0)
  return {
    key,
    bytes,
    etag:
      typeof etag === 'string'
        ? etag.replace(/^W\//, '').replaceAll('"', '')
        : `${String(modified)}-${bytes}`,
    modified: Number.isNaN(date.getTime()) ? new Date(0) : date,
  }
}
