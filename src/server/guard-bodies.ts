import type { IncomingMessage, Server } from 'node:http'
import type { ServerLimits } from './limits.ts'
import { planeOf, type Plane } from './plane.ts'

/**
 * Node.js cuts every request that has not arrived within the request timeout, which is one for the whole server. Where
 * a plane takes uploads that may last for hours, and cuts the slow ones itself, all other requests with bodies are held
 * to the timeout here.
 */
export function guardBodies(server: Server, planes: readonly Plane[], limits: ServerLimits): void {
  if (planes.every((plane) => !('guardsUploads' in plane))) return
  server.requestTimeout = 0
  server.prependListener('request', (req: IncomingMessage) => {
    if (req.complete) return
    const timer = setTimeout(() => {
      if (req.complete || planeOf(planes, req)?.guardsUploads?.(req) === true) return
      server.emit('clientError', timeout(), req.socket)
    }, limits.requestTimeoutMs)
    req.once('close', () => clearTimeout(timer))
  })
}

/** As Node.js itself says it. */
function timeout(): Error {
  return Object.assign(new Error('the request did not arrive in time'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' })
}
