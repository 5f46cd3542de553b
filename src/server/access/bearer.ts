import type { IncomingMessage } from 'node:http'
import { ProblemError, type ProblemCode } from '../problem.ts'

const form = /^bearer +([A-Za-z0-9\-._~+/]+=*) *$/i

/** Of RFC 6750, §3.1. */
export type BearerError = 'invalid_token' | 'insufficient_scope'

/** What a request has in `Authorization: Bearer …` (RFC 6750, §2.1). Throws UNAUTHENTICATED. */
export function bearerTokenOf(req: IncomingMessage): string {
  const header = req.headers.authorization
  // Who shows nothing is told the way, and of no error (§3.1).
  if (header === undefined) {
    throw bearerProblem('UNAUTHENTICATED', 'send a token, as "Authorization: Bearer …"', { req })
  }
  const token = form.exec(header)?.[1]
  if (token === undefined) {
    const detail = 'Authorization is not "Bearer", a space and a token'
    throw bearerProblem('UNAUTHENTICATED', detail, { req, error: 'invalid_token' })
  }
  return token
}

/** With the challenge that belongs to it. `detail` goes into a quoted string of the header too. */
export function bearerProblem(
  code: ProblemCode,
  detail: string,
  {
    req,
    error,
    scope,
  }: { readonly req: IncomingMessage; readonly error?: BearerError; readonly scope?: string },
): ProblemError {
  const parameters = [
    'realm="vend"',
    ...(error === undefined ? [] : [`error="${error}"`, `error_description="${quotable(detail)}"`]),
    ...(scope === undefined ? [] : [`scope="${scope}"`]),
  ]
  return new ProblemError(code, detail, {
    headers: { 'WWW-Authenticate': `Bearer ${parameters.join(', ')}`, ...closingUnread(req) },
  })
}

/** No body of any length is read to find the next request behind it. */
export function closingUnread({ headers, complete }: IncomingMessage): { readonly Connection?: 'close' } {
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
  return hasBody && !complete ? { Connection: 'close' } : {}
}

/** Without what ends it, and in the characters that the RFC allows. */
function quotable(text: string): string {
  return text.replaceAll('"', "'").replaceAll(/[^\x20-\x5b\x5d-\x7e]/g, '?')
}
