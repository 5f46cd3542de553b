import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { inSpan, isTraced } from '../tracing/in-span.ts'
import { requestIdOf } from './request-id.ts'
import { pathOf } from './request-path.ts'
import { routeClassOf } from './route-class.ts'

/**
 * A span for each request, as a part of the trace that its headers name. It says what kind of thing was asked for and
 * how it was answered; neither path nor query nor who asked. The request's id leads to the log.
 */
export function traceRequests(listener: RequestListener): RequestListener {
  return (req, res) => {
    if (!isTraced()) {
      listener(req, res)
      return
    }
    const method = /^[A-Z]{1,16}$/.exec(req.method ?? '')?.[0] ?? 'other'
    const route = routeClassOf(pathOf(req))
    const attributes = { 'http.request.method': method, 'http.route': route }
    const options = { kind: 'server', carrier: req.headers, attributes } as const
    void inSpan(`${method} ${route}`, options, async (span) => {
      const closed = once(res, 'close')
      listener(req, res)
      await closed
      span.set('http.response.status_code', res.statusCode)
      span.set('vend.request_id', requestIdOf(res))
      if (!res.writableFinished) span.set('vend.aborted', true)
      if (res.statusCode >= 500) span.fail()
    })
  }
}
