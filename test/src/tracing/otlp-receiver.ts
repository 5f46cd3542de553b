import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'

export interface ReceivedSpan {
  readonly service: string
  readonly name: string
  readonly kind: number
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string | undefined
  readonly attributes: Readonly<Record<string, unknown>>
  readonly isError: boolean
  readonly ms: number
}

interface Attribute {
  readonly key: string
  readonly value: Readonly<Record<string, unknown>>
}

interface OtlpSpan {
  readonly name: string
  readonly kind: number
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly attributes: readonly Attribute[]
  readonly status?: { readonly code?: number }
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
}

interface OtlpTraces {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] }
    readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[]
  }[]
}

/** Takes traces by OTLP over HTTP, in JSON (https://opentelemetry.io/docs/specs/otlp/#otlphttp), on a free port. */
export class OtlpReceiver implements AsyncDisposable {
  readonly spans: ReceivedSpan[] = []
  /** All that came, as it came. */
  readonly bodies: string[] = []
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
  }

  static async start(): Promise<OtlpReceiver> {
    const server = createServer()
    const receiver = new OtlpReceiver(server)
    server.on('request', (req, res) => {
      void receiver.#answer(req, res)
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    return receiver
  }

  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  named(name: string): ReceivedSpan[] {
    return this.spans.filter((span) => span.name === name)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close()
    this.#server.closeAllConnections()
    await once(this.#server, 'close')
  }

  async #answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const body = Buffer.concat((await req.toArray()) as Uint8Array[])
    const isPacked = req.headers['content-encoding'] === 'gzip'
    if (req.method === 'POST' && req.url === '/v1/traces') {
      this.#take((isPacked ? gunzipSync(body) : body).toString())
    }
    res.writeHead(200, { 'Content-Type': 'application/json' }).end('{}')
  }

  #take(body: string): void {
    this.bodies.push(body)
    for (const { resource, scopeSpans } of (JSON.parse(body) as OtlpTraces).resourceSpans) {
      const service = String(valuesOf(resource.attributes)['service.name'])
      for (const span of scopeSpans.flatMap(({ spans }) => spans)) this.spans.push(spanOf(service, span))
    }
  }
}

function spanOf(service: string, span: OtlpSpan): ReceivedSpan {
  const { name, kind, traceId, spanId, parentSpanId } = span
  const ms = Number(BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano)) / 1e6
  return {
    service,
    name,
    kind,
    traceId,
    spanId,
    parentSpanId: parentSpanId === '' ? undefined : parentSpanId,
    attributes: valuesOf(span.attributes),
    isError: span.status?.code === 2,
    ms,
  }
}

function valuesOf(attributes: readonly Attribute[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))
}
