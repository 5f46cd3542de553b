import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Logger } from 'pino'
import { remoteOf, type TrustProxy } from './remote-of.ts'
import { isReport } from './receive-reports.ts'
import { requestIdOf } from './request-id.ts'
import { pathOf } from './request-path.ts'

const maxLoggedPath = 1024

/**
 * One line a request, when its response ended or its connection did. Neither query nor headers are logged, and of a
 * report not whose it is.
 */
export function logRequests(
  logger: Logger,
  trust: TrustProxy,
): (req: IncomingMessage, res: ServerResponse) => void {
  return (req, res) => {
    const began = performance.now()
    const { socket, method } = req
    const path = pathOf(req)
    const remote = isReport(req) ? undefined : remoteOf(req, trust)
    const bytesBefore = socket.bytesWritten
    res.once('close', () => {
      const line = {
        requestId: requestIdOf(res),
        method,
        path: path.slice(0, maxLoggedPath),
        status: res.statusCode,
        bytes: socket.bytesWritten - bytesBefore,
        ms: Math.round(performance.now() - began),
        remote,
        ...(!res.writableFinished && { aborted: true }),
      }
      if (isProbe(path)) logger.debug(line, 'request')
      else logger.info(line, 'request')
    })
  }
}

function isProbe(path: string): boolean {
  return path === '/healthz' || path === '/readyz'
}
