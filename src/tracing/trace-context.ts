import { createTraceState, isSpanContextValid, type SpanContext } from '@opentelemetry/api'
import type { Carrier } from './span-message.ts'

const form =
  /^(?!ff)[0-9a-f]{2}-(?<traceId>[0-9a-f]{32})-(?<spanId>[0-9a-f]{16})-(?<flags>[0-9a-f]{2})(?<more>-.*)?$/
/** W3C Trace Context §3.3.1.5: what is longer need not be passed on. */
const maxTraceState = 512

/** The span that headers name (W3C Trace Context §3.2); undefined when they name none. */
export function readTraceContext(carrier: Carrier): SpanContext | undefined {
  const { traceparent, tracestate } = carrier
  if (typeof traceparent !== 'string') return undefined
  const groups = form.exec(traceparent)?.groups
  if (groups === undefined) return undefined
  const { traceId = '', spanId = '', flags = '', more } = groups
  if (more !== undefined && traceparent.startsWith('00')) return undefined
  const isStateKept = typeof tracestate === 'string' && tracestate.length <= maxTraceState
  const context: SpanContext = {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16) & 1,
    isRemote: true,
    ...(isStateKept && { traceState: createTraceState(tracestate) }),
  }
  return isSpanContextValid(context) ? context : undefined
}

export function writeTraceContext(context: SpanContext, carrier: Record<string, string>): void {
  const { traceId, spanId, traceFlags, traceState } = context
  carrier['traceparent'] = `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`
  const state = traceState?.serialize() ?? ''
  if (state !== '') carrier['tracestate'] = state
}
