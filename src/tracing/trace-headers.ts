import { headersChannel } from './span-message.ts'

const headers = headersChannel()

/**
 * What makes a span elsewhere a part of the one that the caller is in: W3C trace context, as headers of a request or
 * as a part of a job. Empty without tracing.
 */
export function traceHeaders(): Record<string, string> {
  const carrier: Record<string, string> = {}
  if (headers.hasSubscribers) headers.publish(carrier)
  return carrier
}
