import { AsyncLocalStorage } from 'node:async_hooks'
import {
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Context,
  type Span,
  type Tracer,
} from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources'
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node'
import { errorType } from './error-type.ts'
import { headersChannel, spanChannel, type SpanKindName, type SpanMessage } from './span-message.ts'
import { readTraceContext, writeTraceContext } from './trace-context.ts'

export interface TracingOptions {
  /** `vend`, unless OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES say otherwise. */
  readonly service: string
  readonly version: string
}

/** Traces until it is closed, which waits for what is not sent yet. */
export type Tracing = AsyncDisposable

const kinds: Readonly<Record<SpanKindName, SpanKind>> = {
  internal: SpanKind.INTERNAL,
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
}

/**
 * Makes spans of what `inSpan` says and sends them by OTLP over HTTP to where OTEL_EXPORTER_OTLP_ENDPOINT and its
 * like point. Nothing else loads OpenTelemetry, and its globals stay as they are. A collector that does not answer
 * costs spans, and as long as the standard's timeout at the end.
 */
export function startTracing({ service, version }: TracingOptions): Tracing {
  const provider = new NodeTracerProvider({
    resource: defaultResource()
      .merge(resourceFromAttributes({ 'service.name': service, 'service.version': version }))
      .merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
  })
  const unsubscribe = subscribe(provider.getTracer('vend', version))
  return {
    [Symbol.asyncDispose]: async () => {
      unsubscribe()
      await provider.shutdown().catch(() => undefined)
    },
  }
}

function subscribe(tracer: Tracer): () => void {
  const contexts = new AsyncLocalStorage<Context>()
  const spans = new WeakMap<SpanMessage, Span>()
  const [channel, headers] = [spanChannel(), headersChannel()]
  const current = (): Context => contexts.getStore() ?? ROOT_CONTEXT
  const begin = (message: SpanMessage): Context => {
    const parent = contextOf(message, current())
    const { name, kind, attributes } = message
    const span = tracer.startSpan(name, { kind: kinds[kind], attributes: { ...attributes } }, parent)
    spans.set(message, span)
    return trace.setSpan(parent, span)
  }
  const subscribers = {
    start: () => undefined,
    end: () => undefined,
    asyncStart: () => undefined,
    error: () => undefined,
    asyncEnd: (message: SpanMessage & { readonly error?: unknown }) => {
      const span = spans.get(message)
      if (span === undefined) return
      if (message.until === undefined) endSpan(span, message)
      else void message.until.then(() => endSpan(span, message))
    },
  }
  const write = (carrier: unknown): void => {
    const span = trace.getSpanContext(current())
    if (span !== undefined) writeTraceContext(span, carrier as Record<string, string>)
  }
  channel.start.bindStore(contexts, begin)
  channel.subscribe(subscribers)
  headers.subscribe(write)
  return () => {
    channel.start.unbindStore(contexts)
    channel.unsubscribe(subscribers)
    headers.unsubscribe(write)
  }
}

function contextOf({ carrier }: SpanMessage, current: Context): Context {
  if (carrier === undefined) return current
  const remote = readTraceContext(carrier)
  return remote === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, remote)
}

function endSpan(span: Span, message: SpanMessage & { readonly error?: unknown }): void {
  span.setAttributes(message.attributes)
  const isThrown = 'error' in message
  // Without the message, which may name keys, paths and addresses.
  if (isThrown) span.setAttribute('error.type', errorType(message.error))
  if (isThrown || message.failed === true) span.setStatus({ code: SpanStatusCode.ERROR })
  span.end()
}
