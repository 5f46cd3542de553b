import { Agent, buildConnector, Pool, ProxyAgent, type Dispatcher } from 'undici'
import type { ConnectionSettings } from './connection-settings.ts'
import { proxyFor, type Proxy, type ProxyVariables } from './proxy.ts'
import { readTlsFiles, type TlsFiles } from './tls-files.ts'

export interface ConnectionsOptions {
  readonly settings: ConnectionSettings
  readonly env: ProxyVariables
  /** Of the mirrors: only they are shown the client's certificate, and nobody they send on to. */
  readonly ownOrigins: readonly string[]
  /** Of silence. */
  readonly timeoutMs: number
  readonly connections: number
}

/** The connections of one run, by how they are made. */
export class Connections implements AsyncDisposable {
  readonly #options: ConnectionsOptions
  readonly #tls: TlsFiles
  readonly #dispatchers = new Map<string, Dispatcher>()
  readonly #alerts = new Map<string, Error>()

  /** Throws TLS_FILES_INVALID. */
  constructor(options: ConnectionsOptions) {
    this.#options = options
    this.#tls = readTlsFiles(options.settings, new Date())
  }

  /** Throws SETTINGS_INVALID. */
  dispatcher(url: URL): Dispatcher {
    const proxy = this.#proxy(url)
    const isOwn = this.#tls.client !== undefined && this.#options.ownOrigins.includes(url.origin)
    const key = `${url.protocol} ${isOwn} ${proxy?.url}`
    const known = this.#dispatchers.get(key)
    if (known !== undefined) return known
    const made = this.#make(proxy, isOwn)
    this.#dispatchers.set(key, made)
    return made
  }

  /** What requests to `url` go through, without credentials. */
  proxyOf(url: URL): string | undefined {
    return this.#proxy(url)?.url
  }

  /**
   * With what TLS ended a connection to a host after its handshake: how TLS 1.3 refuses a client's certificate. undici
   * says only that the other side closed.
   */
  alertOf({ host }: URL): Error | undefined {
    return this.#alerts.get(host)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const dispatcher of this.#dispatchers.values()) await dispatcher.destroy()
  }

  #proxy(url: URL): Proxy | undefined {
    return proxyFor(url, this.#options.settings.proxy, this.#options.env)
  }

  #make(proxy: Proxy | undefined, isOwn: boolean): Dispatcher {
    const { timeoutMs, connections } = this.#options
    const { ca, client } = this.#tls
    const connect: buildConnector.BuildOptions = {
      timeout: timeoutMs,
      ...(ca !== undefined && { ca }),
      ...(isOwn && client),
    }
    const limits = { connections, headersTimeout: timeoutMs, bodyTimeout: timeoutMs }
    if (proxy === undefined)
      return new Agent({ ...limits, connect: this.#listening(buildConnector(connect)) })
    // What reaches for a proxy, or speaks plain HTTP to it, would wait for minutes otherwise.
    const pool = (origin: string | URL, options: Pool.Options): Pool => {
      const { connect: opener } = options
      const listening = typeof opener === 'function' ? this.#listening(opener) : opener
      return new Pool(origin, {
        ...options,
        ...limits,
        ...(listening !== undefined && { connect: listening }),
      })
    }
    return new ProxyAgent({
      ...limits,
      uri: proxy.url,
      ...(proxy.authorization !== undefined && { token: proxy.authorization }),
      // Proxies tunnel to port 443; what is not encrypted they forward.
      proxyTunnel: false,
      requestTls: connect,
      proxyTls: { timeout: timeoutMs, ...(ca !== undefined && { ca }) },
      clientFactory: pool,
      factory: pool,
    })
  }

  #listening(connect: buildConnector.connector): buildConnector.connector {
    return (options, callback) => {
      connect(options, (...[error, socket]) => {
        socket?.once('error', (alert: Error) => this.#alerts.set(options.host ?? options.hostname, alert))
        if (error === null) callback(null, socket)
        else callback(error, null)
      })
    }
  }
}
