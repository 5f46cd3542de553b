import type { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { request } from 'undici'
import { Backoff, type BackoffOptions } from '../../storage/backoff.ts'
import { StoreUnavailableError } from '../../storage/errors.ts'
import { connectionProblem } from '../client/connection-problem.ts'
import { Connections } from '../client/connections.ts'
import { MachineError } from '../client/errors.ts'
import type { ProxyVariables } from '../client/proxy.ts'
import { traceHeaders } from '../tracing/trace-headers.ts'
import { RemoteError, type RemoteErrorCode } from './errors.ts'
import { problemOf, retryAfterMs } from './read-problem.ts'
import type { TokenSource } from './token-source.ts'

export interface RemoteConnectionOptions {
  /** Ends with a slash. */
  readonly baseUrl: string
  readonly token: TokenSource
  /** The PEM file of the authorities that the server's certificate may be signed by. */
  readonly ca?: string | undefined
  /** Where proxies are named. */
  readonly env?: ProxyVariables | undefined
  readonly userAgent?: string | undefined
  readonly backoff?: BackoffOptions | undefined
}

export interface Ask {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE'
  /** Below the base. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: AskBody | undefined
  /** Whether it is for those only who have a token. */
  readonly needsToken: boolean
  /** Statuses besides 2xx and 3xx that are answers, too. */
  readonly answers?: readonly number[]
  /** How long the server may think. Default: a minute. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal | undefined
}

/** `open` is called once for each try. */
export interface AskBody {
  readonly type: string
  readonly bytes: number
  readonly open: () => Readable | Uint8Array
}

export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Readable
}

/** What went over the wire, by the publisher's own count; bodies of requests alone. */
export interface RemoteTraffic {
  requests: number
  sentBytes: number
  /** By method, and what is before the digests in the path. */
  readonly byRoute: Map<string, number>
}

const maxRedirects = 3
/** A server that wants to be left alone for longer does not mean this run. */
const maxPauseMs = 120_000
const busyStatuses = new Set([408, 429, 500, 502, 503, 504])
/** Of batches, and besides them. */
const connections = 8
const defaultBackoff: BackoffOptions = { attempts: 10, baseDelayMs: 200, maxDelayMs: 10_000 }

/** Requests to one server, each tried again while there is hope. */
export class RemoteConnection implements AsyncDisposable {
  readonly name: string
  readonly backoff: Backoff
  readonly traffic: RemoteTraffic = { requests: 0, sentBytes: 0, byRoute: new Map() }
  readonly #options: RemoteConnectionOptions
  readonly #connections: Connections

  /** Throws TLS_FILES_INVALID and SETTINGS_INVALID. */
  constructor(options: RemoteConnectionOptions) {
    this.name = options.baseUrl
    this.#options = options
    this.backoff = new Backoff({ ...defaultBackoff, ...options.backoff })
    this.#connections = inOurName(
      () =>
        new Connections({
          settings: options.ca === undefined ? {} : { ca: options.ca },
          env: options.env ?? {},
          ownOrigins: [],
          timeoutMs: 30_000,
          connections,
        }),
    )
  }

  /** A reply whose body is to be read. As `once`, tried again. */
  async ask(ask: Ask): Promise<Reply> {
    return this.backoff.retry(async () => this.once(ask), ask.signal)
  }

  /** As `askFor`, with the whole body. */
  async askFor(ask: Ask, maxBytes: number): Promise<Reply & { readonly bytes: Buffer }> {
    return this.backoff.retry(async () => this.onceFor(ask, maxBytes), ask.signal)
  }

  async onceFor(ask: Ask, maxBytes: number): Promise<Reply & { readonly bytes: Buffer }> {
    const reply = await this.once(ask)
    return { ...reply, bytes: await this.#readAll(ask, reply.body, maxBytes) }
  }

  /**
   * One try. Throws a RemoteProblem where trying again is useless, a StoreUnavailableError where it is not, after the
   * pause that the server asks for, and a RemoteError for what ends the whole command.
   */
  async once(ask: Ask): Promise<Reply> {
    const reply = await this.#send(ask)
    const isAnswer = reply.status < 400 || ask.answers?.includes(reply.status) === true
    if (isAnswer) return reply
    const problem = await problemOf(reply)
    if (reply.status === 401 && this.#options.token.forget()) {
      throw this.#unavailable(ask, problem.message, problem)
    }
    if (!busyStatuses.has(reply.status)) throw problem
    const pauseMs = retryAfterMs(reply.headers['retry-after'])
    if (problem.problem === 'QUOTA_EXCEEDED' || pauseMs > maxPauseMs) {
      throw new RemoteError('QUOTA_EXCEEDED', `${this.name}: ${problem.message}`, {
        hint: 'run the same command again later: it goes on where this one ended',
        cause: problem,
      })
    }
    if (pauseMs > 0) await delay(pauseMs, undefined, ask.signal && { signal: ask.signal })
    throw this.#unavailable(ask, problem.message, problem)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connections[Symbol.asyncDispose]()
  }

  async #send(ask: Ask): Promise<Reply> {
    let url = new URL(ask.path, this.#options.baseUrl)
    const headers = await this.#headers(ask)
    for (let redirects = 0; ; redirects++) {
      const reply = await this.#request(url, ask, headers)
      const location = reply.headers['location']
      if (ask.needsToken || reply.status < 301 || reply.status > 308 || typeof location !== 'string')
        return reply
      reply.body.resume()
      if (redirects === maxRedirects) throw this.#unavailable(ask, 'too many redirects')
      url = new URL(location, url)
    }
  }

  async #request(url: URL, ask: Ask, headers: Record<string, string>): Promise<Reply> {
    ask.signal?.throwIfAborted()
    this.#count(ask)
    const timeoutMs = ask.timeoutMs ?? 60_000
    try {
      const {
        statusCode,
        headers: answered,
        body,
      } = await request(url, {
        dispatcher: inOurName(() => this.#connections.dispatcher(url)),
        method: ask.method,
        headers,
        body: ask.body?.open() ?? null,
        signal: ask.signal ?? null,
        headersTimeout: timeoutMs,
        bodyTimeout: timeoutMs,
      } satisfies Parameters<typeof request>[1])
      // Its failure is seen when it is read; until then it must not end the process.
      body.on('error', () => undefined)
      return { status: statusCode, headers: answered, body }
    } catch (error) {
      ask.signal?.throwIfAborted()
      if (error instanceof RemoteError) throw error
      const proxy = this.#connections.proxyOf(url)
      const known = connectionProblem(error, url, proxy)
      if (known !== undefined) throw ours(known)
      throw this.#unavailable(ask, (error as Error).message || 'the connection was cut', error)
    }
  }

  async #headers({ headers, body, needsToken }: Ask): Promise<Record<string, string>> {
    return {
      'user-agent': this.#options.userAgent ?? 'vend',
      'accept-encoding': 'identity',
      ...traceHeaders(),
      ...headers,
      ...(body !== undefined && { 'content-type': body.type, 'content-length': String(body.bytes) }),
      ...(needsToken && { authorization: `Bearer ${await this.#options.token.get()}` }),
    }
  }

  async #readAll(ask: Ask, body: Readable, maxBytes: number): Promise<Buffer> {
    const pieces: Buffer[] = []
    let bytes = 0
    try {
      for await (const piece of body as AsyncIterable<Buffer>) {
        bytes += piece.length
        if (bytes > maxBytes) break
        pieces.push(piece)
      }
    } catch (error) {
      ask.signal?.throwIfAborted()
      throw this.#unavailable(ask, (error as Error).message, error)
    }
    if (bytes <= maxBytes) return Buffer.concat(pieces)
    throw new RemoteError(
      'SERVER_REFUSED',
      `${this.name}${ask.path}: the answer is longer than ${maxBytes} bytes`,
    )
  }

  #count({ method, path, body }: Ask): void {
    const route = `${method} ${routeOf(path)}`
    this.traffic.requests++
    this.traffic.byRoute.set(route, (this.traffic.byRoute.get(route) ?? 0) + 1)
    this.traffic.sentBytes += body?.bytes ?? 0
  }

  #unavailable({ path }: Ask, problem: string, cause?: unknown): StoreUnavailableError {
    return new StoreUnavailableError(this.name, path, problem, { transient: true, cause })
  }
}

function routeOf(path: string): string {
  const names = (path.split('?')[0] ?? '').split('/')
  return names
    .slice(0, names[0] === 'v1' ? 3 : 1)
    .filter((name) => !/^[0-9a-f]{16}/.test(name))
    .join('/')
}

function inOurName<T>(run: () => T): T {
  try {
    return run()
  } catch (error) {
    throw error instanceof MachineError ? ours(error) : error
  }
}

/** The hints of the machine's side name its own commands. */
const hints: Readonly<Partial<Record<string, string>>> = {
  SERVER_CERTIFICATE_INVALID:
    "name the PEM file of its authority with VEND_CA; check this machine's clock, too",
  CLIENT_CERTIFICATE_REFUSED: 'publishing shows a token and no certificate: use a URL that wants none',
  PROXY_REFUSED: 'correct HTTPS_PROXY, or name the host in NO_PROXY',
}

function ours(error: MachineError): RemoteError {
  const { code, message, hint } = error
  return new RemoteError(code as RemoteErrorCode, message, { hint: hints[code] ?? hint, cause: error })
}
