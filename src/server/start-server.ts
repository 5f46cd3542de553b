import { once } from 'node:events'
import { createServer, type RequestListener, type Server, type ServerOptions } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, ListenOptions, Socket } from 'node:net'
import type { Logger } from 'pino'
import { answerUnparsable } from './answer-unparsable.ts'
import { Connections } from './connections.ts'
import { createApp, type AppOptions } from './create-app.ts'
import { ServerError } from './errors.ts'
import { guardBodies } from './guard-bodies.ts'
import { defaultLimits, type ServerLimits } from './limits.ts'
import { logRefusals } from './log-refusals.ts'
import { readTlsPair, TlsReloader, type TlsPaths } from './tls-files.ts'

export interface StartOptions extends Omit<AppOptions, 'tls'> {
  /** Port 0: any that is free. */
  readonly listen: { readonly host: string; readonly port: number }
  /** Without it the server speaks plain HTTP, for a proxy in front of it. */
  readonly tls?: TlsPaths | undefined
  /** Whether a proxy in front speaks TLS for us. */
  readonly behindTls?: boolean | undefined
  /** How often the TLS files are compared with those in use. Default: 10 s. */
  readonly tlsReloadMs?: number | undefined
}

export interface RunningServer {
  /** Without a slash at its end. */
  readonly url: string
  /** Lets requests in progress end, for as long as the grace period, and resolves when nothing is left open. */
  close(): Promise<void>
}

/** Serves a repository until it is closed. Throws LISTEN_FAILED or TLS_FILES_INVALID. */
export async function startServer(options: StartOptions): Promise<RunningServer> {
  const { listen, logger } = options
  const limits = { ...defaultLimits, ...options.limits }
  const { handler, packs, planes, access } = createApp({
    ...options,
    tls: options.tls !== undefined || options.behindTls === true,
  })
  const { server, reloader } = await buildServer(options, limits, handler)
  guardBodies(server, planes, limits)
  const connections = new Connections(server)
  await listening(server, listen)
  const url = urlOf(server.address() as AddressInfo, listen.host, options.tls !== undefined)
  logger.info({ url }, 'listening')
  void packs?.prepare()
  let closing: Promise<void> | undefined
  return {
    url,
    close: async () => {
      closing ??= closeAll()
      await closing
    },
  }
  async function closeAll(): Promise<void> {
    await Promise.all([
      connections.close(limits.shutdownGraceMs),
      packs?.close(limits.shutdownGraceMs),
    ]).finally(() => reloader?.[Symbol.dispose]())
    // Not before the last request is answered.
    await Promise.all(planes.map(async (plane) => plane.close?.(limits.shutdownGraceMs)))
    await access.close(limits.shutdownGraceMs)
  }
}

async function buildServer(
  { tls, tlsReloadMs, logger }: StartOptions,
  limits: ServerLimits,
  app: RequestListener,
): Promise<{ readonly server: Server; readonly reloader: TlsReloader | undefined }> {
  if (tls === undefined) {
    return { server: hardened(createServer(serverOptions(limits), app), limits, logger), reloader: undefined }
  }
  const pair = await readTlsPair(tls)
  const handshakeTimeout = limits.headersTimeoutMs
  const server = createTlsServer({ ...serverOptions(limits), ...pair, handshakeTimeout }, app)
  const intervalMs = tlsReloadMs ?? 10_000
  const reloader = new TlsReloader(server, { paths: tls, pair, logger, intervalMs })
  return { server: hardened(server, limits, logger), reloader }
}

function serverOptions(limits: ServerLimits): ServerOptions {
  return {
    maxHeaderSize: limits.maxHeaderBytes,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionsCheckingInterval: Math.min(1000, limits.headersTimeoutMs),
  }
}

function hardened(server: Server, limits: ServerLimits, logger: Logger): Server {
  server.maxConnections = limits.maxConnections
  server.maxRequestsPerSocket = limits.maxRequestsPerSocket
  // One more than are allowed, since Node drops what is above this silently.
  server.maxHeadersCount = limits.maxHeaders + 1
  server.on('clientError', (error, socket) => answerUnparsable(error, socket as Socket))
  // Without a "100 Continue": whoever takes large bodies says so when the request was found good.
  server.on('checkContinue', (req, res) => server.emit('request', req, res))
  logRefusals(server, logger)
  return server
}

/** A fleet that wakes up connects all at once; Node's own 511 would have the kernel drop the rest for a second or more. */
const backlog = 4096

async function listening(server: Server, listen: ListenOptions): Promise<void> {
  server.listen({ ...listen, backlog })
  try {
    await once(server, 'listening')
  } catch (cause) {
    throw new ServerError(
      'LISTEN_FAILED',
      `cannot listen on ${listen.host}, port ${listen.port}: ${(cause as Error).message}`,
      { hint: 'name another address with --listen or VEND_LISTEN', cause },
    )
  }
}

function urlOf({ port }: AddressInfo, host: string, tls: boolean): string {
  return `${tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`
}
