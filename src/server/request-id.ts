import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'

const header = 'x-request-id'
const sane = /^[A-Za-z0-9._-]{1,64}$/

/** Names every request, as the proxy in front of us already did if it is a plain name, and says so in the answer. */
export function nameRequest({ headers }: IncomingMessage, res: ServerResponse): void {
  const given = headers[header]
  const id = typeof given === 'string' && sane.test(given) ? given : randomUUID()
  headers[header] = id
  res.setHeader('X-Request-Id', id)
}

/** The id that `nameRequest` gave the request of this response. */
export function requestIdOf(res: ServerResponse): string {
  return String(res.getHeader(header))
}

/** The same, for who has only the request. */
export function idOfRequest({ headers }: IncomingMessage): string {
  return String(headers[header])
}
