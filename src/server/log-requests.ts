import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Logger } from 'pino'
import { remoteOf, type TrustProxy } from './remote-of.ts'
import { isReport } from './receive-reports.ts'
import { requestIdOf } from './request-id.ts'
import { pathOf } from './request-path.ts'
import { routeClassOf, type RouteClass } from './route-class.ts'

const maxLoggedPath = 1024

/** A request as it went: nothing of it that a stranger could make up without end but the method. */
export interface AnsweredRequest {
  readonly route: RouteClass
  readonly method: string
  readonly status: number
  /** Sent on the connection for it, with headers. */
  readonly bytes: number
  readonly ms: number
  /** Whether the client left, or was cut off, before it had its answer. */
  readonly isAborted: boolean
}

/**
 * One line a request, when its response ended or its connection did. Neither query nor headers are logged, and of a
 * report not whose it is. `onAnswered` is told at the same time.
 */
export function logRequests(
  logger: Logger,
  trust: TrustProxy,
  onAnswered?: (request: AnsweredRequest) => void,
): (req: IncomingMessage, res: ServerResponse) => void {
  return (req, res) => {
    const began = performance.now()
    const { socket, method } = req
    const path = pathOf(req)
    const remote = isReport(req) ? undefined : remoteOf(req, trust)
    const bytesBefore = socket.bytesWritten
    res.once('close', () => {
      const [bytes, ms] = [socket.bytesWritten - bytesBefore, performance.now() - began]
      const isAborted = !res.writableFinished
      const line = {
        requestId: requestIdOf(res),
        method,
        path: path.slice(0, maxLoggedPath),
        status: res.statusCode,
        bytes,
        ms: Math.round(ms),
        remote,
        ...(isAborted && { aborted: true }),
      }
      const route = routeClassOf(path)
      if (route === 'health') logger.debug(line, 'request')
      else logger.info(line, 'request')
      onAnswered?.({ route, method: method ?? '', status: res.statusCode, bytes, ms, isAborted })
    })
  }
}
