import type { IncomingMessage } from 'node:http'
import type { ServerLimits } from './limits.ts'
import { planeOf, type Plane } from './plane.ts'
import { ProblemError } from './problem.ts'

/** Refuses, before anything is looked up, what no route takes. Only requests for some of the planes have bodies. */
export function checkRequest(limits: ServerLimits, planes: readonly Plane[]): (req: IncomingMessage) => void {
  return (req) => {
    const { url = '', rawHeaders } = req
    if (url.length > limits.maxUrlBytes) {
      throw new ProblemError('URL_TOO_LONG', `a URL has at most ${limits.maxUrlBytes} bytes here`)
    }
    if (rawHeaders.length / 2 > limits.maxHeaders) {
      throw new ProblemError('HEADERS_TOO_LARGE', `a request has at most ${limits.maxHeaders} headers here`)
    }
    if (countParameters(url) > limits.maxQueryParameters) {
      const detail = `a query has at most ${limits.maxQueryParameters} parameters here`
      throw new ProblemError('REQUEST_INVALID', detail)
    }
    if (!hasBody(req)) return
    const plane = planeOf(planes, req)
    if (plane?.checkBody !== undefined) plane.checkBody(req)
    else throw bodyUnexpected()
  }
}

function countParameters(url: string): number {
  const query = url.indexOf('?')
  return query < 0 ? 0 : url.slice(query).split('&').length
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0
}

/** Closes the connection rather than read a body of any length to find the next request behind it. */
function bodyUnexpected(): ProblemError {
  return new ProblemError('BODY_UNEXPECTED', 'send the request without a body', {
    headers: { Connection: 'close' },
  })
}
