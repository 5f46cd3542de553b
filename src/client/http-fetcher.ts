import { setTimeout as sleep } from 'node:timers/promises'
import type { ConnectionSettings } from './connection-settings.ts'
import { Connections } from './connections.ts'
import { Download } from './download.ts'
import { MachineError } from './errors.ts'
import { Mirror, RangeUnfitError, SlowError, type Body, type OpenOptions, type Traffic } from './mirror.ts'
import { isMirrorsFault, Mirrors, type LeftMirror, type MirrorReport } from './mirrors.ts'
import type { ProxyVariables } from './proxy.ts'

export interface FetcherOptions {
  /** The repository's base, ending with a slash. */
  readonly baseUrl: string
  /** Further servers, and how all are reached. */
  readonly connection?: ConnectionSettings | undefined
  /** Where proxies are named that the connection does not name. */
  readonly env?: ProxyVariables | undefined
  readonly onMirrorLeft?: ((left: LeftMirror, next: string) => void) | undefined
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

type Sleep = (ms: number, signal: AbortSignal | undefined) => Promise<void>

export interface FetchOptions {
  /** The body is refused when it turns out longer. */
  readonly maxBytes: number
  readonly signal?: AbortSignal | undefined
  /** The only one to ask; it is not left. */
  readonly mirror?: Mirror | undefined
  /** At most those of the fetcher. */
  readonly attempts?: (() => number) | undefined
}

export interface PersistOptions {
  readonly signal?: AbortSignal | undefined
  /** Asked after each; at most those of the fetcher. */
  readonly attempts?: (() => number) | undefined
  /** Whether something was gained since it was last asked. */
  readonly hasAdvanced?: () => boolean
  /** The only one to ask; it is not left. */
  readonly mirror?: Mirror | undefined
}

/** Of a mirror that has another behind it. */
const attemptsBeforeNext = 2

/**
 * Reads objects of a repository by path, with retries that go on where the last try ended. A mirror that fails is left
 * for good, and the next one asked for the same.
 */
export class HttpFetcher implements AsyncDisposable {
  readonly #connections: Connections
  readonly #mirrors: Mirrors
  readonly #traffic: Traffic = { requests: 0, bytes: 0 }
  readonly #attempts: number
  readonly #minBytesPerSecond: number
  readonly #timeoutMs: number
  readonly #sleep: Sleep

  /** Throws TLS_FILES_INVALID and SETTINGS_INVALID. */
  constructor(options: FetcherOptions) {
    this.#timeoutMs = options.timeoutMs ?? 30_000
    const bases = [...new Set([options.baseUrl, ...(options.connection?.mirrors ?? [])])]
    this.#connections = new Connections({
      settings: options.connection ?? {},
      env: options.env ?? {},
      ownOrigins: bases.map((base) => new URL(base).origin),
      timeoutMs: this.#timeoutMs,
      connections: options.connections ?? 16,
    })
    const [connections, traffic] = [this.#connections, this.#traffic]
    const context = { connections, traffic, userAgent: options.userAgent ?? 'vend-client' }
    this.#mirrors = new Mirrors(
      bases.map((base) => new Mirror(base, context)),
      options.onMirrorLeft,
    )
    this.#attempts = options.attempts ?? 5
    this.#minBytesPerSecond = options.minBytesPerSecond ?? 1000
    this.#sleep = options.sleep ?? ((ms, signal) => sleep(ms, undefined, { signal }))
  }

  get transferred(): Readonly<Traffic> {
    return { ...this.#traffic }
  }

  get mirrors(): MirrorReport {
    return this.#mirrors.report
  }

  get currentMirror(): Mirror {
    return this.#mirrors.current
  }

  /** The mirrors that would be asked if the current one failed. */
  get otherMirrors(): readonly Mirror[] {
    return this.#mirrors.others
  }

  /** Where an object lies. */
  url(path: string): string {
    return this.#mirrors.current.url(path)
  }

  /**
   * The whole object, as a mirror has it; undefined when that one says that there is none. Throws a MachineError:
   * SERVER_UNREACHABLE after the last try, SERVER_REFUSED for an answer that no retry can better, and what
   * `connectionProblem` names.
   */
  async fetch(path: string, options: FetchOptions): Promise<Buffer | undefined> {
    const download = new Download(options.maxBytes)
    const from = await this.#fetchInto(path, download, options)
    return from.isThere ? download.bytes() : undefined
  }

  /**
   * What `read` makes of an object that signed metadata promises; undefined when no mirror has it. A MachineError that
   * `read` throws is the mirror's fault, and the next one is asked; the last one is asked twice. Throws as `fetch` does.
   */
  async fetchChecked<T>(
    path: string,
    options: Omit<FetchOptions, 'mirror'>,
    read: (bytes: Buffer) => T | Promise<T>,
  ): Promise<T | undefined> {
    const download = new Download(options.maxBytes)
    for (let isLastTry = false; ;) {
      const { isThere, mirror } = await this.#fetchInto(path, download, options)
      if (!isThere) {
        if (!this.#mirrors.leave(mirror, lacks(path))) return undefined
        continue
      }
      try {
        return await read(download.bytes())
      } catch (error) {
        if (!(error instanceof MachineError)) throw error
        const { source } = download
        download.restart()
        // What came from several mirrors, each may be innocent of.
        if (source === undefined || this.#mirrors.leave(source, error)) continue
        if (isLastTry) throw this.#mirrors.failure(error)
        isLastTry = true
      }
    }
  }

  /** Does work with one mirror after the other until it fails in no way that is the mirror's. */
  async overMirrors<T>(work: (mirror: Mirror) => Promise<T>): Promise<T> {
    for (;;) {
      const mirror = this.#mirrors.current
      try {
        return await work(mirror)
      } catch (error) {
        if (!(error instanceof MachineError) || !isMirrorsFault(error)) throw error
        if (!this.#mirrors.leave(mirror, error)) throw this.#mirrors.failure(error)
      }
    }
  }

  /** Asks a mirror no more. False: there is no other. */
  leave(mirror: Mirror, error: Error): boolean {
    return this.#mirrors.leave(mirror, error)
  }

  /**
   * Tries `work` again until it succeeds, fails for good (a MachineError), or has failed `attempts` times in a row
   * without `hasAdvanced`; then with the next mirror. Throws as `fetch` does.
   */
  async persist<T>(path: string, options: PersistOptions, work: (mirror: Mirror) => Promise<T>): Promise<T> {
    const { signal, hasAdvanced } = options
    for (let attempt = 1, asked: Mirror | undefined; ; attempt++) {
      const mirror = options.mirror ?? this.#mirrors.current
      if (mirror !== asked) [attempt, asked] = [1, mirror]
      try {
        return await work(mirror)
      } catch (error) {
        signal?.throwIfAborted()
        // Someone else has left it meanwhile.
        if (options.mirror === undefined && mirror !== this.#mirrors.current) continue
        if (hasAdvanced?.() === true) attempt = 0
        const attempts = this.#patience(error, options)
        if (!(error instanceof MachineError) && attempt < attempts) {
          await this.#sleep(backoffMs(attempt), signal)
          continue
        }
        const failure = finalError(mirror.url(path), error, Math.max(1, attempt), this.#connections)
        if (options.mirror !== undefined) throw failure
        if (!this.#mirrors.leave(mirror, failure)) throw this.#mirrors.failure(failure)
      }
    }
  }

  /** How many bytes an object has, in one try; undefined when there is none, or the server does not say. */
  async size(path: string, signal?: AbortSignal): Promise<number | undefined> {
    return this.#mirrors.current.size(path, signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connections[Symbol.asyncDispose]()
  }

  #patience(error: unknown, options: PersistOptions): number {
    const attempts = Math.min(options.attempts?.() ?? this.#attempts, this.#attempts)
    const { current, others } = this.#mirrors
    const hasNext = others.length > 0 || (options.mirror ?? current) !== current
    if (!hasNext) return attempts
    return isLasting(error) ? 0 : Math.min(attempts, attemptsBeforeNext)
  }

  async #fetchInto(
    path: string,
    download: Download,
    options: FetchOptions,
  ): Promise<{ readonly isThere: boolean; readonly mirror: Mirror }> {
    return this.persist(path, options, async (mirror) => ({
      isThere: await this.#try(mirror, path, download, options.signal),
      mirror,
    }))
  }

  /** False: there is no such object. Throws a MachineError when trying again is useless. */
  async #try(
    mirror: Mirror,
    path: string,
    download: Download,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const deadline = AbortSignal.timeout(
      this.#timeoutMs + (download.maxBytes / this.#minBytesPerSecond) * 1000,
    )
    const body = await openOrRestart(mirror, path, download, {
      resume: download.resume,
      signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
    })
    if (body === undefined) return false
    download.begin(body)
    for await (const piece of body.pieces) {
      if (!download.add(piece)) {
        throw new MachineError(
          'SERVER_REFUSED',
          `${mirror.url(path)}: longer than ${download.maxBytes} bytes`,
        )
      }
    }
    if (!download.complete) throw new Error('the connection ended before the body did')
    return true
  }
}

async function openOrRestart(
  mirror: Mirror,
  path: string,
  download: Download,
  options: OpenOptions,
): Promise<Body | undefined> {
  try {
    return await mirror.open(path, options)
  } catch (error) {
    if (error instanceof RangeUnfitError) download.restart()
    throw error
  }
}

function lacks(path: string): MachineError {
  return new MachineError('OBJECT_MISSING', `it lacks ${path}`)
}

const lastingCodes = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
])

/** Whether a try took so long, or failed in such a way, that another mirror is the better choice at once. */
function isLasting(error: unknown): boolean {
  if (error instanceof SlowError) return true
  const { name, code } = error as NodeJS.ErrnoException
  return name === 'TimeoutError' || lastingCodes.has(code ?? '')
}

function finalError(url: string, error: unknown, tries: number, connections: Connections): MachineError {
  if (error instanceof MachineError) return error
  const reason = (error as Error).message || String((error as NodeJS.ErrnoException).code)
  const proxy = connections.proxyOf(new URL(url))
  const by = proxy === undefined ? '' : ` (through the proxy ${proxy})`
  const times = tries === 1 ? '1 try' : `${tries} tries`
  return new MachineError('SERVER_UNREACHABLE', `${url} could not be fetched in ${times}: ${reason}${by}`, {
    hint:
      proxy === undefined
        ? 'check the network and the URL; the same command goes on where this one ended'
        : 'check the network, the URL and the proxy; the same command goes on where this one ended',
    cause: error,
  })
}

function backoffMs(attempt: number): number {
  return Math.random() * Math.min(10_000, 250 * 2 ** attempt)
}
