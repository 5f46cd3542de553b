import type { IncomingMessage, ServerResponse } from 'node:http'
import type { PackDemand } from './pack-demand.ts'
import { ProblemError, routeUnknown } from './problem.ts'
import { sendRedirect, type Redirects } from './redirects.ts'
import { pathOf } from './request-path.ts'
import { serveObject, type ObjectContext } from './serve-object.ts'
import { SharedAbsences } from './shared-absences.ts'
import { servedObject, type ServedObject } from './served-object.ts'

const prefixes = /^\/(?:chunks|manifests|packs|deltas|tuf|log)(?:\/|$)/

/** Whether a request is for the repository's objects, and not for what is said about them. */
export function isForDataPlane(req: IncomingMessage): boolean {
  return prefixes.test(pathOf(req))
}

export interface DataPlaneContext extends ObjectContext {
  /** Without it a pack that is not there is nothing but that. */
  readonly packs: PackDemand | undefined
  /** Without it everything is served here. */
  readonly redirects?: Redirects | undefined
}

/**
 * The repository as it lies: every path is a key. Its paths are checked here and not against openapi.yaml, because a
 * name that no object can have is simply not there (404), and because matching a request with every route of the
 * description costs more than all else that a small answer needs. A test holds the two together. Rejects with the
 * problem to answer with.
 */
export function dataPlane(
  context: DataPlaneContext,
): (req: IncomingMessage, res: ServerResponse) => Promise<void> {
  const packContext = { ...context, store: new SharedAbsences(context.store) }
  return async (req, res) => {
    const object = servedObject(pathOf(req))
    if (object === undefined) throw routeUnknown()
    if (req.method !== 'GET' && req.method !== 'HEAD') throw onlyRead()
    if (req.url?.includes('?') === true) throw queryUnexpected()
    const awaited = context.packs?.awaited(object)
    if (awaited !== undefined) throw awaited
    try {
      const elsewhere = req.method === 'GET' ? await context.redirects?.find(object) : undefined
      if (elsewhere !== undefined) {
        sendRedirect(elsewhere, res)
        return
      }
      await serveObject(object.pack === undefined ? context : packContext, object, req, res)
    } catch (error) {
      throw await explainAbsence(context, object, error)
    }
  }
}

/** A pack that is not there may be one that is built for whoever asks; HEAD asks as GET does, so that both say the same. */
async function explainAbsence(
  { packs }: DataPlaneContext,
  { pack }: ServedObject,
  error: unknown,
): Promise<unknown> {
  const isAbsent = error instanceof ProblemError && error.code === 'OBJECT_UNKNOWN'
  if (!isAbsent || packs === undefined || pack === undefined) return error
  return (await packs.ask(pack)) ?? error
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
