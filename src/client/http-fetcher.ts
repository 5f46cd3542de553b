import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, request, type Dispatcher } from 'undici'
import { MachineError } from './errors.ts'

export interface FetcherOptions {
  /** The repository's base, ending with a slash. */
  readonly baseUrl: string
  readonly userAgent?: string
  /** How many requests may be under way at once. */
  readonly connections?: number
  readonly attempts?: number
  /** Of silence: no connection, no header, or no further byte. */
  readonly timeoutMs?: number
  /** The slowest transfer worth waiting for, measured over whole objects. */
  readonly minBytesPerSecond?: number
  readonly sleep?: Sleep
}

/** How many servers may pass a request on. */
const maxRedirects = 3

type Sleep = (ms: number, signal: AbortSignal | undefined) => Promise<void>

export interface FetchOptions {
  /** The body is refused when it turns out longer. */
  readonly maxBytes: number
  readonly signal?: AbortSignal | undefined
}

export interface PersistOptions {
  readonly signal?: AbortSignal | undefined
  /** Asked after each; at most those of the fetcher. */
  readonly attempts?: () => number
  /** Whether something was gained since it was last asked. */
  readonly hasAdvanced?: () => boolean
}

export interface OpenOptions {
  readonly resume?: BodyStart | undefined
  readonly signal?: AbortSignal | undefined
}

/** A byte of an object, and the strong validator of the object that the bytes before it are of. */
export interface BodyStart {
  readonly at: number
  readonly etag: string
}

export interface Body {
  /** Where in the object the body begins: 0, or where it was asked for. */
  readonly start: number
  /** Strong. */
  readonly etag: string | undefined
  /** Bytes of the whole object, where the server says so. */
  readonly total: number | undefined
  readonly pieces: AsyncIterable<Buffer>
}

/** The server does not give the range that was asked for. */
export class RangeUnfitError extends Error {
  override readonly name = 'RangeUnfitError'
}

export interface Transferred {
  readonly requests: number
  /** Bytes of bodies, before decompression. */
  readonly bytes: number
}

/** Reads objects of a repository by path, with retries that go on where the last try ended. */
export class HttpFetcher implements AsyncDisposable {
  readonly #base: string
  readonly #agent: Agent
  readonly #headers: Readonly<Record<string, string>>
  readonly #attempts: number
  readonly #minBytesPerSecond: number
  readonly #timeoutMs: number
  readonly #sleep: Sleep
  #requests = 0
  #bytes = 0

  constructor(options: FetcherOptions) {
    this.#base = options.baseUrl
    this.#timeoutMs = options.timeoutMs ?? 30_000
    this.#agent = new Agent({
      connections: options.connections ?? 16,
      connect: { timeout: this.#timeoutMs },
      headersTimeout: this.#timeoutMs,
      bodyTimeout: this.#timeoutMs,
    })
    this.#headers = { 'user-agent': options.userAgent ?? 'vend-client' }
    this.#attempts = options.attempts ?? 5
    this.#minBytesPerSecond = options.minBytesPerSecond ?? 1000
    this.#sleep = options.sleep ?? ((ms, signal) => sleep(ms, undefined, { signal }))
  }

  get transferred(): Transferred {
    return { requests: this.#requests, bytes: this.#bytes }
  }

  /**
   * The whole object; undefined when the server says that there is none. Throws a MachineError: SERVER_UNREACHABLE
   * after the last try, SERVER_REFUSED for an answer that no retry can better.
   */
  async fetch(path: string, options: FetchOptions): Promise<Buffer | undefined> {
    const download = new Download(options.maxBytes)
    return this.persist(path, options, async () =>
      (await this.#try(path, download, options.signal)) ? download.bytes() : undefined,
    )
  }

  /**
   * Tries `work` again until it succeeds, fails for good (a MachineError), or has failed `attempts` times in a row
   * without `hasAdvanced`. Throws as `fetch` does.
   */
  async persist<T>(path: string, options: PersistOptions, work: () => Promise<T>): Promise<T> {
    const { signal, hasAdvanced } = options
    for (let attempt = 1; ; attempt++) {
      try {
        return await work()
      } catch (error) {
        signal?.throwIfAborted()
        if (hasAdvanced?.() === true) attempt = 0
        const attempts = Math.min(options.attempts?.() ?? this.#attempts, this.#attempts)
        if (error instanceof MachineError || attempt >= attempts) throw this.#final(path, error, attempts)
        await this.#sleep(backoffMs(attempt), signal)
      }
    }
  }

  /**
   * One try to read an object, from `resume` on if the server still has the same; undefined when it says that there is
   * none. Throws a MachineError when trying again is useless, RangeUnfitError when only the whole object is left to
   * ask for. `pieces` must be read to their end or returned.
   */
  async open(path: string, { resume, signal }: OpenOptions): Promise<Body | undefined> {
    const range: Record<string, string> =
      resume === undefined ? {} : { range: `bytes=${resume.at}-`, 'if-range': resume.etag }
    const response = await this.#request('GET', this.url(path), { ...this.#headers, ...range }, signal)
    if (!this.#accept(path, response, resume)) return undefined
    const start = response.statusCode === 206 && resume !== undefined ? resume.at : 0
    const { etag, 'content-length': length } = response.headers
    return {
      start,
      // Of a body with a weak validator, or none, another range could be a piece of another body.
      etag: typeof etag === 'string' && etag.startsWith('"') ? etag : undefined,
      total: typeof length === 'string' ? start + Number(length) : undefined,
      pieces: this.#counted(response.body),
    }
  }

  /** How many bytes an object has, in one try; undefined when there is none, or the server does not say. */
  async size(path: string, signal?: AbortSignal): Promise<number | undefined> {
    const response = await this.#request('HEAD', this.url(path), this.#headers, signal)
    response.body.on('error', () => undefined).destroy()
    const length = response.headers['content-length']
    return response.statusCode === 200 && typeof length === 'string' ? Number(length) : undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy()
  }

  /** False: there is no such object. Throws a MachineError when trying again is useless. */
  async #try(path: string, download: Download, signal: AbortSignal | undefined): Promise<boolean> {
    const deadline = AbortSignal.timeout(
      this.#timeoutMs + (download.maxBytes / this.#minBytesPerSecond) * 1000,
    )
    const body = await this.#openOrRestart(path, download, {
      resume: download.resume,
      signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
    })
    if (body === undefined) return false
    download.begin(body)
    for await (const piece of body.pieces) {
      if (!download.add(piece)) {
        throw new MachineError('SERVER_REFUSED', `${this.url(path)}: longer than ${download.maxBytes} bytes`)
      }
    }
    if (!download.complete) throw new Error('the connection ended before the body did')
    return true
  }

  async #openOrRestart(path: string, download: Download, options: OpenOptions): Promise<Body | undefined> {
    try {
      return await this.open(path, options)
    } catch (error) {
      if (error instanceof RangeUnfitError) download.restart()
      throw error
    }
  }

  async *#counted(body: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
    for await (const piece of body) {
      this.#bytes += piece.length
      yield piece
    }
  }

  /** Follows where a server sends on, to a bucket or a CDN: where bytes come from is no reason to trust them. */
  async #request(
    method: 'GET' | 'HEAD',
    url: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal | undefined,
    redirects = 0,
  ): Promise<Dispatcher.ResponseData> {
    this.#requests++
    const response = await request(url, { method, dispatcher: this.#agent, headers, signal: signal ?? null })
    const { location } = response.headers
    const passedOn = [301, 302, 307, 308].includes(response.statusCode) && typeof location === 'string'
    if (!passedOn || redirects === maxRedirects) return response
    await response.body.dump({ limit: 16_384 })
    return this.#request(method, new URL(location, url).href, headers, signal, redirects + 1)
  }

  #accept(path: string, response: Dispatcher.ResponseData, resume: BodyStart | undefined): boolean {
    const { statusCode } = response
    if (statusCode === 200 || (statusCode === 206 && resumes(response.headers, resume))) return true
    response.body.on('error', () => undefined).destroy()
    // 403 is how a bucket that may not be listed says that there is no such object.
    if (statusCode === 404 || statusCode === 410 || statusCode === 403) return false
    const problem = `answered with status ${statusCode}`
    if (statusCode === 429 || statusCode >= 500) throw new Error(problem)
    if (statusCode === 206 || statusCode === 416) {
      throw new RangeUnfitError(`${problem} for a range that does not fit`)
    }
    throw new MachineError('SERVER_REFUSED', `${this.url(path)} ${problem}`, {
      hint: 'is the URL that of a repository?',
    })
  }

  #final(path: string, error: unknown, attempts: number): MachineError {
    if (error instanceof MachineError) return error
    const reason = (error as Error).message || String((error as NodeJS.ErrnoException).code)
    const message = `${this.url(path)} could not be fetched in ${attempts} tries: ${reason}`
    return new MachineError('SERVER_UNREACHABLE', message, {
      hint: 'check the network and the URL; the same command goes on where this one ended',
      cause: error,
    })
  }

  /** Where an object lies. */
  url(path: string): string {
    return new URL(path, this.#base).href
  }
}

/** The body of one object, across tries. */
class Download {
  readonly maxBytes: number
  /** One buffer, however small the pieces are in which a server sends the body. */
  #buffer = Buffer.alloc(0)
  #received = 0
  #etag: string | undefined
  #total: number | undefined

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes
  }

  get complete(): boolean {
    return this.#total === undefined || this.#received === this.#total
  }

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#received)
  }

  get resume(): BodyStart | undefined {
    if (this.#received > 0 && this.#etag !== undefined) return { at: this.#received, etag: this.#etag }
    this.restart()
    return undefined
  }

  begin({ start, etag, total }: Body): void {
    if (start === 0) this.restart()
    this.#etag = etag
    this.#total = total
  }

  restart(): void {
    this.#received = 0
  }

  /** False when the body is too long. */
  add(piece: Buffer): boolean {
    const received = this.#received + piece.length
    if (received > this.maxBytes) return false
    if (received > this.#buffer.length) this.#grow(received)
    piece.copy(this.#buffer, this.#received)
    this.#received = received
    return true
  }

  #grow(needed: number): void {
    const announced = Math.min(this.#total ?? 0, this.maxBytes)
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, announced, Math.min(2 * needed, this.maxBytes)))
    this.#buffer.copy(larger, 0, 0, this.#received)
    this.#buffer = larger
  }
}

function resumes(headers: Dispatcher.ResponseData['headers'], resume: BodyStart | undefined): boolean {
  if (resume === undefined) return false
  if (headers['etag'] !== undefined && headers['etag'] !== resume.etag) return false
  return String(headers['content-range']).startsWith(`bytes ${resume.at}-`)
}

function backoffMs(attempt: number): number {
  return Math.random() * Math.min(10_000, 250 * 2 ** attempt)
}
