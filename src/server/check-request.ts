import type { Request, RequestHandler } from 'express'
import type { ServerLimits } from './limits.ts'
import { ProblemError } from './problem.ts'

/** Refuses, before anything is looked up, what no route takes. */
export function checkRequest(limits: ServerLimits): RequestHandler {
  return (req, _res, next) => {
    useOriginForm(req)
    if (req.url.length > limits.maxUrlBytes) {
      throw new ProblemError('URL_TOO_LONG', `a URL has at most ${limits.maxUrlBytes} bytes here`)
    }
    if (req.rawHeaders.length / 2 > limits.maxHeaders) {
      throw new ProblemError('HEADERS_TOO_LARGE', `a request has at most ${limits.maxHeaders} headers here`)
    }
    if (countParameters(req.url) > limits.maxQueryParameters) {
      const detail = `a query has at most ${limits.maxQueryParameters} parameters here`
      throw new ProblemError('REQUEST_INVALID', detail)
    }
    if (hasBody(req)) throw bodyUnexpected()
    next()
  }
}

/** A proxy's way to ask, `GET http://host/path`, means the path here. */
function useOriginForm(req: Request): void {
  const origin = /^https?:\/\/[^/?]*/i.exec(req.url)?.[0]
  if (origin === undefined) return
  const rest = req.url.slice(origin.length)
  req.url = rest.startsWith('/') ? rest : `/${rest}`
  req.originalUrl = req.url
}

function countParameters(url: string): number {
  const query = url.indexOf('?')
  return query < 0 ? 0 : url.slice(query).split('&').length
}

function hasBody({ headers }: Request): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0
}

/** Closes the connection rather than read a body of any length to find the next request behind it. */
function bodyUnexpected(): ProblemError {
  return new ProblemError('BODY_UNEXPECTED', 'send the request without a body', {
    headers: { Connection: 'close' },
  })
}
