import type { RequestHandler } from 'express'
import { ProblemError, routeUnknown } from './problem.ts'
import { serveObject, type ObjectContext } from './serve-object.ts'
import { servedObject } from './served-object.ts'

const prefixes = /^\/(?:chunks|manifests|packs|deltas|tuf)(?:\/|$)/

/**
 * The repository as it lies: every path is a key. Its paths are checked here and not against openapi.yaml, because a
 * name that no object can have is simply not there (404), and because matching a request with every route of the
 * description costs more than all else that a small answer needs. A test holds the two together.
 */
export function dataPlane(context: ObjectContext): RequestHandler {
  return async (req, res, next) => {
    if (!prefixes.test(req.path)) {
      next()
      return
    }
    const object = servedObject(req.path)
    if (object === undefined) throw routeUnknown()
    if (req.method !== 'GET' && req.method !== 'HEAD') throw onlyRead()
    if (req.url.includes('?')) throw queryUnexpected()
    await serveObject(context, object, req, res)
  }
}

function onlyRead(): ProblemError {
  return new ProblemError('METHOD_NOT_ALLOWED', 'objects are only read here', {
    headers: { Allow: 'GET, HEAD' },
  })
}

/** Refused because each one would be another object to every cache in front of us. */
function queryUnexpected(): ProblemError {
  return new ProblemError('REQUEST_INVALID', 'an object has no query parameters')
}
