import { channel, tracingChannel, type Channel, type TracingChannel } from 'node:diagnostics_channel'

/** What is published of a span; whoever traces reads it when the span begins, and again when it ended. */
export interface SpanMessage {
  readonly name: string
  readonly kind: SpanKindName
  readonly attributes: Record<string, SpanValue>
  /** W3C trace context that came from elsewhere, by lower-case header; undefined: the span that one is in. */
  readonly carrier: Carrier | undefined
  /** The span is over no earlier than this is. It never rejects. */
  until?: Promise<void>
  /** Whether what was done failed, where it does not throw. */
  failed?: boolean
}

export type SpanValue = string | number | boolean
export type SpanKindName = 'internal' | 'server' | 'client' | 'producer' | 'consumer'
export type Carrier = Readonly<Record<string, unknown>>

/**
 * Spans go by Node's own channels, which cost next to nothing while nobody listens: so what is traced depends on no
 * tracing library, and none is loaded unless it is wanted (start-tracing.ts).
 */
export function spanChannel(): TracingChannel<unknown, SpanMessage> {
  return tracingChannel('vend:span')
}

/** Its subscribers write the headers into the object that is published. */
export function headersChannel(): Channel {
  return channel('vend:trace-headers')
}
