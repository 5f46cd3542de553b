import type { IncomingMessage, ServerResponse } from 'node:http'
import { formatInstant } from '../../../manifests/fields.ts'
import type { Principal } from '../../access/principal.ts'
import type { Plane, PlaneContext } from '../plane.ts'
import { ProblemError } from '../problem.ts'
import { pathOf } from '../request-path.ts'

const path = '/v1/whoami'

/** `GET /v1/whoami`: what whoever asks may do. */
export function whoamiPlane({ access }: Pick<PlaneContext, 'access'>): Plane {
  return {
    owns: (req) => pathOf(req) === path,
    answer: async (req, res) => {
      refuseOtherForms(req)
      sendJson(res, describePrincipal(await access.authenticate(req)))
    },
  }
}

function refuseOtherForms({ method, url }: IncomingMessage): void {
  if (method !== 'GET') {
    throw new ProblemError('METHOD_NOT_ALLOWED', 'allowed is GET', { headers: { Allow: 'GET' } })
  }
  if (url !== path) throw new ProblemError('REQUEST_INVALID', 'it has no query parameters')
}

function describePrincipal({ subject, name, grants, limits, expires }: Principal): object {
  return { subject, name, grants, limits, ...(expires && { expires: formatInstant(expires) }) }
}

function sendJson(res: ServerResponse, body: object): void {
  const text = JSON.stringify(body)
  res.setHeader('Content-Type', 'application/json; charset=utf-8')
  res.setHeader('Cache-Control', 'no-store')
  res.setHeader('Content-Length', Buffer.byteLength(text))
  res.end(text)
}
