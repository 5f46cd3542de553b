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
    for (let attempt = 1; ; attempt++) {
      try {
        return (await this.#try(path, download, options.signal)) ? download.bytes() : undefined
      } catch (error) {
        options.signal?.throwIfAborted()
        if (error instanceof MachineError || attempt === this.#attempts) throw this.#final(path, error)
        await this.#sleep(backoffMs(attempt), options.signal)
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy()
  }

  /** False: there is no such object. Throws a MachineError when trying again is useless. */
  async #try(path: string, download: Download, signal: AbortSignal | undefined): Promise<boolean> {
    const deadline = AbortSignal.timeout(
      this.#timeoutMs + (download.maxBytes / this.#minBytesPerSecond) * 1000,
    )
    const response = await this.#request(
      this.url(path),
      { ...this.#headers, ...download.resumeHeaders() },
      signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
    )
    if (!this.#accept(path, response, download)) return false
    for await (const piece of response.body as AsyncIterable<Buffer>) {
      this.#bytes += piece.length
      if (!download.add(piece)) {
        throw new MachineError('SERVER_REFUSED', `${this.url(path)}: longer than ${download.maxBytes} bytes`)
      }
    }
    if (!download.complete) throw new Error('the connection ended before the body did')
    return true
  }

  /** Follows where a server sends on, to a bucket or a CDN: where bytes come from is no reason to trust them. */
  async #request(
    url: string,
    headers: Record<string, string>,
    signal: AbortSignal,
    redirects = 0,
  ): Promise<Dispatcher.ResponseData> {
    this.#requests++
    const response = await request(url, { dispatcher: this.#agent, headers, signal })
    const { location } = response.headers
    const passedOn = [301, 302, 307, 308].includes(response.statusCode) && typeof location === 'string'
    if (!passedOn || redirects === maxRedirects) return response
    await response.body.dump({ limit: 16_384 })
    return this.#request(new URL(location, url).href, headers, signal, redirects + 1)
  }

  #accept(path: string, response: Dispatcher.ResponseData, download: Download): boolean {
    const { statusCode } = response
    if (statusCode === 200 || (statusCode === 206 && download.resumes(response.headers))) {
      download.begin(statusCode, response.headers)
      return true
    }
    response.body.on('error', () => undefined).destroy()
    // 403 is how a bucket that may not be listed says that there is no such object.
    if (statusCode === 404 || statusCode === 410 || statusCode === 403) return false
    const problem = `answered with status ${statusCode}`
    if (statusCode === 429 || statusCode >= 500) throw new Error(problem)
    if (statusCode === 206 || statusCode === 416) {
      download.restart()
      throw new Error(`${problem} for a range that does not fit`)
    }
    throw new MachineError('SERVER_REFUSED', `${this.url(path)} ${problem}`, {
      hint: 'is the URL that of a repository?',
    })
  }

  #final(path: string, error: unknown): MachineError {
    if (error instanceof MachineError) return error
    const reason = (error as Error).message || String((error as NodeJS.ErrnoException).code)
    const message = `${this.url(path)} could not be fetched in ${this.#attempts} tries: ${reason}`
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

  /** A range is asked for only of a body that has a strong validator: of another, it could be a piece of another body. */
  resumeHeaders(): Record<string, string> {
    if (this.#received === 0) return {}
    if (this.#etag === undefined) {
      this.restart()
      return {}
    }
    return { range: `bytes=${this.#received}-`, 'if-range': this.#etag }
  }

  resumes(headers: Dispatcher.ResponseData['headers']): boolean {
    if (headers['etag'] !== undefined && headers['etag'] !== this.#etag) return false
    return String(headers['content-range']).startsWith(`bytes ${this.#received}-`)
  }

  begin(statusCode: number, headers: Dispatcher.ResponseData['headers']): void {
    if (statusCode === 200) this.restart()
    const { etag } = headers
    this.#etag = typeof etag === 'string' && etag.startsWith('"') ? etag : undefined
    const length = headers['content-length']
    this.#total = typeof length === 'string' ? this.#received + Number(length) : undefined
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

function backoffMs(attempt: number): number {
  return Math.random() * Math.min(10_000, 250 * 2 ** attempt)
}
