import type { RequestHandler } from 'express'
import type { Logger } from 'pino'
import { requestIdOf } from './request-id.ts'

const maxLoggedPath = 1024

/** One line a request, when its response ended or its connection did. Neither query nor headers are logged. */
export function logRequests(logger: Logger): RequestHandler {
  return (req, res, next) => {
    const began = performance.now()
    const { socket, method, path } = req
    const bytesBefore = socket.bytesWritten
    res.once('close', () => {
      const line = {
        requestId: requestIdOf(res),
        method,
        path: path.slice(0, maxLoggedPath),
        status: res.statusCode,
        bytes: socket.bytesWritten - bytesBefore,
        ms: Math.round(performance.now() - began),
        remote: req.ip,
        ...(!res.writableFinished && { aborted: true }),
      }
      if (isProbe(path)) logger.debug(line, 'request')
      else logger.info(line, 'request')
    })
    next()
  }
}

function isProbe(path: string): boolean {
  return path === '/healthz' || path === '/readyz'
}
