import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Principal } from '../../access/principal.ts'
import { hasEnded, type Job, type JobEvent } from '../../jobs/job.ts'
import { jobJson } from '../../jobs/job-json.ts'
import type { JobQueue } from '../../jobs/job-queue.ts'
import { closeSignal } from '../close-signal.ts'
import type { MakePlane, Plane, PlaneContext } from '../plane.ts'
import { ProblemError } from '../problem.ts'
import { openEventStream, sendEvents } from './event-stream.ts'
import { jobProblem } from './job-problem.ts'
import { filterOf, isForJobs, jobRouteOf, refuseQuery } from './job-route.ts'
import { checkOrderBody, readOrderBody } from './order-body.ts'

export interface JobsPlaneOptions {
  readonly queue: JobQueue
  /** Ends the streams, which would keep a closing server open. */
  readonly signal: AbortSignal
  /** Streams of events at once. Default: 200. */
  readonly maxStreams?: number
  /** Default: 15 s. */
  readonly heartbeatMs?: number
}

/** `/v1/jobs`: work that is done elsewhere, asked for, watched and cancelled. */
export function jobsPlane(options: JobsPlaneOptions): MakePlane {
  return (context) => new JobsPlane(options, context)
}

class JobsPlane implements Plane {
  readonly #options: JobsPlaneOptions
  readonly #context: PlaneContext
  #streams = 0

  constructor(options: JobsPlaneOptions, context: PlaneContext) {
    this.#options = options
    this.#context = context
  }

  owns(req: IncomingMessage): boolean {
    return isForJobs(req)
  }

  checkBody(req: IncomingMessage): void {
    if (req.method === 'POST' && jobRouteOf(req).kind === 'jobs') checkOrderBody(req)
    else {
      const headers = { Connection: 'close' }
      throw new ProblemError('BODY_UNEXPECTED', 'send the request without a body', { headers })
    }
  }

  async answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    try {
      await this.#answer(req, res)
    } catch (error) {
      throw jobProblem(error)
    }
  }

  async #answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const route = jobRouteOf(req)
    const way = `${req.method} ${route.kind}`
    if (way === 'GET jobs') await this.#list(req, res)
    else if (way === 'POST jobs') await this.#add(req, res)
    else if (route.kind === 'jobs') throw notAllowed('GET, POST')
    else if (way === 'GET job') send(res, 200, jobJson(await this.#watched(req, route.id)))
    else if (way === 'DELETE job') await this.#cancel(req, res, route.id)
    else if (way === 'GET events') await this.#stream(req, res, route.id)
    else throw notAllowed(route.kind === 'job' ? 'GET, DELETE' : 'GET')
  }

  async #list(req: IncomingMessage, res: ServerResponse): Promise<void> {
    await this.#context.access.require(req, { may: 'watch' })
    const jobs = await this.#options.queue.list(filterOf(req))
    send(res, 200, { jobs: jobs.map(jobJson) })
  }

  async #add(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { access } = this.#context
    const principal = await access.require(req, { may: 'operate' })
    refuseQuery(req)
    const order = await readOrderBody(req)
    const id = await this.#options.queue.add(order, { by: principal.subject })
    await access.record(req, principal, { what: `start ${order.kind}`, target: id, outcome: 'done' })
    const job = await this.#options.queue.get(id)
    res.setHeader('Location', `/v1/jobs/${id}`)
    send(res, 202, job === undefined ? { id } : jobJson(job))
  }

  async #cancel(req: IncomingMessage, res: ServerResponse, id: string): Promise<void> {
    const { access } = this.#context
    const { queue } = this.#options
    const principal = await access.require(req, { may: 'operate' })
    refuseQuery(req)
    const job = await queue.get(id)
    if (job === undefined) throw jobUnknown()
    if (hasEnded(job.state) || !(await queue.cancel(id))) {
      throw new ProblemError('JOB_ENDED', 'the job has ended already')
    }
    await access.record(req, principal, { what: 'cancel a job', target: id, outcome: 'done' })
    send(res, 202, jobJson((await queue.get(id)) ?? { ...job, state: 'cancelled' }))
  }

  async #stream(req: IncomingMessage, res: ServerResponse, id: string): Promise<void> {
    const after = lastEventOf(req)
    await this.#watched(req, id)
    const { queue, maxStreams = 200, heartbeatMs = 15_000, signal: closing } = this.#options
    if (this.#streams >= maxStreams) {
      throw new ProblemError('SERVER_BUSY', 'too many watch jobs at once; try again')
    }
    this.#streams += 1
    try {
      const signal = AbortSignal.any([closing, closeSignal(res)])
      const events = queue.events(id, { after, signal })[Symbol.asyncIterator]()
      // Looked at before there is an answer: a queue that fails is a problem yet, and an end that was told is no stream.
      const first = await events.next()
      if (first.done === true) {
        res.statusCode = 204
        res.setHeader('Cache-Control', 'no-store')
        res.end()
        return
      }
      openEventStream(res)
      const { idleResponseTimeoutMs: idleMs } = this.#context.limits
      await sendEvents(res, from(first.value, events), { heartbeatMs, idleMs })
    } finally {
      this.#streams -= 1
    }
  }

  /** A job, for those who may watch jobs, and for the one who asked for it. */
  async #watched(req: IncomingMessage, id: string): Promise<Job> {
    const { access } = this.#context
    const principal: Principal = await access.authenticate(req)
    refuseQuery(req)
    const job = await this.#options.queue.get(id).catch((error: unknown) => {
      // Whoever may not know of jobs is not told of the queue, either.
      access.allow(req, principal, { may: 'watch' })
      throw error
    })
    if (job === undefined || job.by !== principal.subject) access.allow(req, principal, { may: 'watch' })
    if (job === undefined) throw jobUnknown()
    return job
  }
}

async function* from(
  first: JobEvent,
  rest: AsyncIterator<JobEvent, unknown>,
): AsyncGenerator<JobEvent, void, undefined> {
  try {
    yield first
    for (;;) {
      const next = await rest.next()
      if (next.done === true) return
      yield next.value
    }
  } finally {
    await rest.return?.()
  }
}

function lastEventOf({ headers }: IncomingMessage): string | undefined {
  const id = headers['last-event-id']
  if (id === undefined || id === '') return undefined
  if (typeof id === 'string' && /^\d{1,16}-\d{1,16}$/.test(id)) return id
  throw new ProblemError('REQUEST_INVALID', 'Last-Event-ID is none of ours')
}

function send(res: ServerResponse, status: number, document: object): void {
  const body = JSON.stringify(document)
  res.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
  })
  res.end(body)
}

function jobUnknown(): ProblemError {
  return new ProblemError('JOB_UNKNOWN', 'there is no such job, or it ended long ago')
}

function notAllowed(allow: string): ProblemError {
  return new ProblemError('METHOD_NOT_ALLOWED', `allowed are ${allow}`, { headers: { Allow: allow } })
}
