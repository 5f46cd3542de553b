import { Counter, Histogram, type Registry } from 'prom-client'
import type { AnsweredRequest } from '../server/log-requests.ts'

/** Any other method is one that somebody made up. */
const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/** What was asked of the server and how it was answered. */
export function httpMetrics(registry: Registry): (request: AnsweredRequest) => void {
  const registers = [registry]
  const requests = new Counter({
    name: 'vend_http_requests_total',
    help: 'Requests answered, by what was asked for, method and class of status; "aborted" when the client left first.',
    labelNames: ['route', 'method', 'status'],
    registers,
  })
  const seconds = new Histogram({
    name: 'vend_http_request_duration_seconds',
    help: 'From the end of the headers of a request until its answer was sent or cut off.',
    labelNames: ['route'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60],
    registers,
  })
  const bytes = new Counter({
    name: 'vend_http_response_bytes_total',
    help: 'Bytes sent in answers, with their headers.',
    labelNames: ['route'],
    registers,
  })
  return (request) => {
    const { route } = request
    requests.inc({ route, method: methodOf(request), status: statusOf(request) })
    seconds.observe({ route }, request.ms / 1000)
    bytes.inc({ route }, request.bytes)
  }
}

function methodOf({ method }: AnsweredRequest): string {
  return methods.has(method) ? method : 'other'
}

function statusOf({ status, isAborted }: AnsweredRequest): string {
  return isAborted ? 'aborted' : `${Math.floor(status / 100)}xx`
}
