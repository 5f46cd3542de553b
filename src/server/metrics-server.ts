import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, ListenOptions } from 'node:net'
import type { Logger } from 'pino'
import { ServerError } from './errors.ts'
import { notReadyParts, type Readiness } from './readiness.ts'
import { pathOf } from './request-path.ts'

export interface MetricsServerOptions {
  readonly listen: { readonly host: string; readonly port: number }
  readonly metrics: { readonly contentType: string; read(): Promise<string> }
  readonly readiness: Readiness
  readonly logger: Logger
}

export interface RunningMetricsServer extends AsyncDisposable {
  /** Without a slash at its end. */
  readonly url: string
}

/**
 * Metrics, and whether the process is alive and ready, on an address of their own: they are for those who run it, who
 * choose by the address who they are. Throws LISTEN_FAILED.
 */
export async function startMetricsServer(options: MetricsServerOptions): Promise<RunningMetricsServer> {
  const { listen, logger } = options
  const server = createServer({ headersTimeout: 5000, requestTimeout: 5000, maxHeaderSize: 8192 })
  server.maxConnections = 64
  server.on('request', (req, res) => {
    answer(options, req, res).catch((err: unknown) => {
      logger.error({ err }, 'metrics could not be read')
      send(res, 500, 'text/plain', 'the log says why\n')
    })
  })
  await listening(server.listen(listen), listen)
  const { port } = server.address() as AddressInfo
  const url = `http://${listen.host.includes(':') ? `[${listen.host}]` : listen.host}:${port}`
  logger.info({ url }, 'metrics')
  return {
    url,
    [Symbol.asyncDispose]: async () => {
      server.close()
      server.closeAllConnections()
      if (server.listening) await once(server, 'close')
    },
  }
}

async function answer(
  { metrics, readiness }: MetricsServerOptions,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const path = pathOf(req)
  if (req.method !== 'GET' && req.method !== 'HEAD') send(res, 405, 'text/plain', 'GET\n')
  else if (path === '/metrics') send(res, 200, metrics.contentType, await metrics.read())
  else if (path === '/healthz') sendJson(res, 200, { status: 'ok' })
  else if (path === '/readyz') {
    const notReady = await notReadyParts(readiness)
    const isReady = notReady.length === 0
    sendJson(res, isReady ? 200 : 503, isReady ? { status: 'ready' } : { status: 'not ready', notReady })
  } else send(res, 404, 'text/plain', 'there are /metrics, /healthz and /readyz\n')
}

function sendJson(res: ServerResponse, status: number, body: object): void {
  send(res, status, 'application/json; charset=utf-8', JSON.stringify(body))
}

function send(res: ServerResponse, status: number, contentType: string, body: string): void {
  if (res.headersSent) return
  res.writeHead(status, {
    'Content-Type': contentType,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
  })
  res.end(res.req.method === 'HEAD' ? undefined : body)
}

async function listening(
  server: ReturnType<typeof createServer>,
  { host, port }: ListenOptions,
): Promise<void> {
  try {
    await once(server, 'listening')
  } catch (cause) {
    throw new ServerError(
      'LISTEN_FAILED',
      `cannot listen for metrics on ${host}, port ${port}: ${(cause as Error).message}`,
      { hint: 'name another address with --metrics or VEND_METRICS', cause },
    )
  }
}
