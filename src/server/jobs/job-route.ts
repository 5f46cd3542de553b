import type { IncomingMessage } from 'node:http'
import { jobStates } from '../../jobs/job.ts'
import type { JobFilter } from '../../jobs/job.ts'
import { jobKinds } from '../../jobs/job-kinds.ts'
import { ProblemError, routeUnknown } from '../problem.ts'
import { pathOf } from '../request-path.ts'

const prefix = '/v1/jobs'

export type JobRoute = { readonly kind: 'jobs' } | { readonly kind: 'job' | 'events'; readonly id: string }

export function isForJobs(req: IncomingMessage): boolean {
  const path = pathOf(req)
  return path === prefix || path.startsWith(`${prefix}/`)
}

/** Throws ROUTE_UNKNOWN. */
export function jobRouteOf(req: IncomingMessage): JobRoute {
  const path = pathOf(req)
  if (path === prefix) return { kind: 'jobs' }
  const [, id, events] = /^\/v1\/jobs\/([a-z0-9-]{1,100})(\/events)?$/.exec(path) ?? []
  if (id === undefined) throw routeUnknown()
  return { kind: events === undefined ? 'job' : 'events', id }
}

const defaultLimit = 50
const maxLimit = 200

/** What of the jobs is asked for. Throws REQUEST_INVALID. */
export function filterOf(req: IncomingMessage): JobFilter {
  const parameters = queryOf(req)
  const { kind, state, limit, ...others } = parameters
  refuseOthers(others)
  const count = limit === undefined ? defaultLimit : Number(limit)
  if (!Number.isInteger(count) || count < 1 || count > maxLimit) {
    throw new ProblemError('REQUEST_INVALID', `limit is a number from 1 to ${maxLimit}`)
  }
  return { kind: oneOf('kind', kind, jobKinds), state: oneOf('state', state, jobStates), limit: count }
}

export function refuseQuery(req: IncomingMessage): void {
  refuseOthers(queryOf(req))
}

function queryOf({ url = '' }: IncomingMessage): Readonly<Record<string, string>> {
  const start = url.indexOf('?')
  return start < 0 ? {} : Object.fromEntries(new URLSearchParams(url.slice(start + 1)))
}

function refuseOthers(others: Readonly<Record<string, string>>): void {
  const [other] = Object.keys(others)
  if (other !== undefined) throw new ProblemError('REQUEST_INVALID', 'the query has a parameter that is none')
}

function oneOf<Name extends string>(
  parameter: string,
  text: string | undefined,
  names: readonly Name[],
): Name | undefined {
  if (text === undefined) return undefined
  const name = names.find((each) => each === text)
  if (name !== undefined) return name
  throw new ProblemError('REQUEST_INVALID', `${parameter} is one of ${names.join(', ')}`)
}
