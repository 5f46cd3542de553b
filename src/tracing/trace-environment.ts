import { traceHeaders } from './trace-headers.ts'

/** What makes a process that is started with it a part of the span that the caller is in. Empty without tracing. */
export function traceEnvironment(): Record<string, string> {
  const { traceparent, tracestate } = traceHeaders()
  if (traceparent === undefined) return {}
  return { TRACEPARENT: traceparent, ...(tracestate !== undefined && { TRACESTATE: tracestate }) }
}
