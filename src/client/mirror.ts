import { request, type Dispatcher } from 'undici'
import { connectionProblem } from './connection-problem.ts'
import type { Connections } from './connections.ts'
import { MachineError } from './errors.ts'

/** How many servers may pass a request on. */
const maxRedirects = 3

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
  readonly mirror: Mirror
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

/** Bytes come, and too few of them. */
export class SlowError extends Error {
  override readonly name = 'SlowError'
}

/** What was asked for and what came. */
export interface Traffic {
  requests: number
  /** Bytes of bodies, before decompression. */
  bytes: number
}

/** One server that has the repository, or says so. Each call is one try. */
export class Mirror {
  readonly baseUrl: string
  readonly #connections: Connections
  readonly #headers: Readonly<Record<string, string>>
  readonly #traffic: Traffic

  /** `baseUrl` ends with a slash. */
  constructor(
    baseUrl: string,
    context: { readonly connections: Connections; readonly userAgent: string; readonly traffic: Traffic },
  ) {
    this.baseUrl = baseUrl
    this.#connections = context.connections
    this.#headers = { 'user-agent': context.userAgent }
    this.#traffic = context.traffic
  }

  /** Where an object lies. */
  url(path: string): string {
    return new URL(path, this.baseUrl).href
  }

  /**
   * An object, from `resume` on if the server has the same; undefined when it says that there is none. Throws a
   * MachineError when trying again is useless, RangeUnfitError when only the whole object is left to ask for.
   * `pieces` must be read to their end or returned.
   */
  async open(path: string, { resume, signal }: OpenOptions): Promise<Body | undefined> {
    const range: Record<string, string> =
      resume === undefined ? {} : { range: `bytes=${resume.at}-`, 'if-range': resume.etag }
    const response = await this.#request('GET', this.url(path), { ...this.#headers, ...range }, signal)
    if (!this.#accept(path, response, resume)) return undefined
    const start = response.statusCode === 206 && resume !== undefined ? resume.at : 0
    const { etag, 'content-length': length } = response.headers
    return {
      mirror: this,
      start,
      // Of a body with a weak validator, or none, another range could be a piece of another body.
      etag: typeof etag === 'string' && etag.startsWith('"') ? etag : undefined,
      total: typeof length === 'string' ? start + Number(length) : undefined,
      pieces: this.#counted(response.body),
    }
  }

  /** How many bytes an object has; undefined when there is none, or the server does not say. */
  async size(path: string, signal?: AbortSignal): Promise<number | undefined> {
    const response = await this.#request('HEAD', this.url(path), this.#headers, signal)
    response.body.on('error', () => undefined).destroy()
    if (response.statusCode === 403) return this.#sizeByRange(path, signal)
    const length = response.headers['content-length']
    return response.statusCode === 200 && typeof length === 'string' ? Number(length) : undefined
  }

  /** A cache may answer HEAD out of its GET (RFC 9110 §9.3.1), with a redirect that is signed for GET alone. */
  async #sizeByRange(path: string, signal: AbortSignal | undefined): Promise<number | undefined> {
    const headers = { ...this.#headers, range: 'bytes=0-0' }
    const response = await this.#request('GET', this.url(path), headers, signal)
    response.body.on('error', () => undefined).destroy()
    const { 'content-range': range, 'content-length': length } = response.headers
    const total = response.statusCode === 206 ? /\/(\d+)$/.exec(String(range))?.[1] : length
    const isThere = response.statusCode === 206 || response.statusCode === 200
    return isThere && typeof total === 'string' ? Number(total) : undefined
  }

  async *#counted(body: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
    for await (const piece of body) {
      this.#traffic.bytes += piece.length
      yield piece
    }
  }

  /** Follows where a server sends on, to a bucket or a CDN: where bytes come from is no reason to trust them. */
  async #request(
    method: 'GET' | 'HEAD',
    href: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal | undefined,
    redirects = 0,
  ): Promise<Dispatcher.ResponseData> {
    const url = new URL(href)
    const response = await this.#ask(method, url, headers, signal)
    const { location } = response.headers
    const passedOn = [301, 302, 307, 308].includes(response.statusCode) && typeof location === 'string'
    if (!passedOn || redirects === maxRedirects) return response
    await response.body.dump({ limit: 16_384 })
    const next = redirected(url, location)
    return this.#request(method, next.href, headers, signal, redirects + 1)
  }

  async #ask(
    method: 'GET' | 'HEAD',
    url: URL,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal | undefined,
  ): Promise<Dispatcher.ResponseData> {
    this.#traffic.requests++
    try {
      const dispatcher = this.#connections.dispatcher(url)
      return await request(url, { method, dispatcher, headers, signal: signal ?? null })
    } catch (error) {
      signal?.throwIfAborted()
      const proxy = this.#connections.proxyOf(url)
      const alert = this.#connections.alertOf(url)
      throw connectionProblem(error, url, proxy) ?? connectionProblem(alert, url, proxy) ?? error
    }
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
    const url = new URL(this.url(path))
    const hint = hintOf(statusCode, url, this.#connections.proxyOf(url))
    throw new MachineError('SERVER_REFUSED', `${url.href} ${problem}`, { hint })
  }
}

/** Throws SERVER_REFUSED for a place that would show to others what only the server was to see. */
function redirected(from: URL, location: string): URL {
  const to = URL.canParse(location, from.href) ? new URL(location, from) : undefined
  const isWeb = to?.protocol === 'https:' || to?.protocol === 'http:'
  const isPlain = isWeb && to.username === '' && to.password === ''
  const leavesTls = from.protocol === 'https:' && to?.protocol === 'http:'
  if (isPlain && !leavesTls) return to
  const problem = leavesTls ? 'away from HTTPS' : 'to what is no URL of a web server'
  throw new MachineError('SERVER_REFUSED', `${from.origin}${from.pathname} redirects ${problem}`, {
    hint: 'tell its operator; nothing was sent there',
  })
}

function hintOf(status: number, { protocol }: URL, proxy: string | undefined): string {
  // nginx asks for a certificate with a 400.
  if (status === 400 && protocol === 'https:') {
    return 'does it want a client certificate? "vend-client connection set --client-certificate FILE --client-key FILE"'
  }
  if (status === 401 && proxy !== undefined) return `does the proxy ${proxy} know the user and the password?`
  return 'is the URL that of a repository?'
}

function resumes(headers: Dispatcher.ResponseData['headers'], resume: BodyStart | undefined): boolean {
  if (resume === undefined) return false
  if (headers['etag'] !== undefined && headers['etag'] !== resume.etag) return false
  return String(headers['content-range']).startsWith(`bytes ${resume.at}-`)
}
