import { randomBytes } from 'node:crypto'
import { JobStopped } from './errors.ts'
import { InlineEvents } from './inline-events.ts'
import { hasEnded, type Job, type JobEvent, type JobFilter, type KindDepth } from './job.ts'
import { jobKinds } from './job-kinds.ts'
import { contentOf, type JobOrder } from './job-order.ts'
import type { EventOptions, JobQueue, JobWorker, WorkOptions } from './job-queue.ts'
import { processorOf, type Processors } from './processor.ts'
import { defaultQueueOptions, type QueueOptions } from './queue-options.ts'
import { jobUnknown, queueFull } from './queue-refusals.ts'
import { cancelled, failureOf, runOrder } from './run-order.ts'
import { slotsOf } from './schedule-slots.ts'
import { settledWithin } from './settled-within.ts'
import { inSpan, isTraced } from '../tracing/in-span.ts'
import { traceHeaders } from '../tracing/trace-headers.ts'

interface Entry {
  job: Job
  readonly events: InlineEvents
  /** Not before it, by Date.now(). */
  due: number
  /** The span that it was added in, as headers. */
  readonly trace: Readonly<Record<string, string>> | undefined
  controller: AbortController | undefined
}

/** Jobs of one process, in its memory: for one machine, for commands, and the model of the contract. */
export class InlineQueue implements JobQueue {
  readonly name = 'inline:'
  readonly #options: QueueOptions
  /** In the order in which they were added. */
  readonly #entries = new Map<string, Entry>()
  readonly #workers = new Set<InlineWorker>()

  constructor(options: Partial<QueueOptions> = {}) {
    this.#options = { ...defaultQueueOptions, ...options }
  }

  get options(): QueueOptions {
    return this.#options
  }

  async add(order: JobOrder, { by }: { readonly by?: string | undefined } = {}): Promise<string> {
    const content = contentOf(order)
    for (const [id, { job, due }] of this.#entries) {
      const isScheduled = due > Date.now() && job.failures === 0
      if (!hasEnded(job.state) && !isScheduled && contentOf(job.order) === content) return id
    }
    const waiting = [...this.#entries.values()].filter(({ job }) => job.state === 'waiting')
    if (waiting.length >= this.#options.maxWaiting) throw queueFull()
    const id = `${order.kind}-${randomBytes(8).toString('hex')}`
    this.#enter(id, order, { by, due: 0 })
    return Promise.resolve(id)
  }

  /** As `add`, but of a given id, once, and not before it is due. */
  addDue(id: string, order: JobOrder, due: number): void {
    if (!this.#entries.has(id)) this.#enter(id, order, { by: undefined, due })
  }

  async get(id: string): Promise<Job | undefined> {
    this.#forgetOld()
    return Promise.resolve(this.#entries.get(id)?.job)
  }

  async list({ kind, state, limit }: JobFilter): Promise<Job[]> {
    this.#forgetOld()
    const jobs = [...this.#entries.values()].map(({ job }) => job).reverse()
    const wanted = jobs.filter(
      (job) => (kind ?? job.order.kind) === job.order.kind && (state ?? job.state) === job.state,
    )
    return Promise.resolve(wanted.slice(0, limit))
  }

  async cancel(id: string): Promise<boolean> {
    const entry = this.#entries.get(id)
    if (entry === undefined || hasEnded(entry.job.state)) return Promise.resolve(false)
    if (entry.controller !== undefined) entry.controller.abort(new JobStopped('cancelled'))
    else {
      this.#entries.delete(id)
      entry.events.state('cancelled', { failure: cancelled })
    }
    return Promise.resolve(true)
  }

  async *events(id: string, options: EventOptions = {}): AsyncGenerator<JobEvent, void, undefined> {
    const entry = this.#entries.get(id)
    if (entry === undefined) throw jobUnknown(id)
    yield* entry.events.from(options)
  }

  async depth(): Promise<KindDepth[]> {
    const now = Date.now()
    const entries = [...this.#entries.values()]
    const depths = jobKinds.map((kind) => {
      const ofKind = entries.filter(({ job }) => job.order.kind === kind)
      const waiting = ofKind.filter(({ job, due }) => job.state === 'waiting' && due <= now)
      const running = ofKind.filter(({ job }) => job.state === 'running')
      const since = Math.min(now, ...waiting.map(({ job }) => job.addedAt.getTime()))
      return { kind, waiting: waiting.length, running: running.length, oldestWaitingMs: now - since }
    })
    return Promise.resolve(depths)
  }

  work(processors: Processors, options: WorkOptions): JobWorker {
    const worker = new InlineWorker(this, processors, options)
    this.#workers.add(worker)
    worker.look()
    return worker
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#workers].map(async (worker) => worker.close(0)))
  }

  /** The first that waits, is due, and is of one of the kinds. */
  next(processors: Processors): Entry | undefined {
    const now = Date.now()
    return [...this.#entries.values()].find(
      ({ job, due }) =>
        job.state === 'waiting' && due <= now && processorOf(processors, job.order.kind) !== undefined,
    )
  }

  wake(): void {
    for (const worker of this.#workers) worker.look()
  }

  #enter(
    id: string,
    order: JobOrder,
    { by, due }: { readonly by: string | undefined; readonly due: number },
  ): void {
    this.#forgetOld()
    const events = new InlineEvents(this.#options.maxEvents)
    const job: Job = { id, order, state: 'waiting', by, addedAt: new Date(), failures: 0 }
    const trace = isTraced() ? traceHeaders() : undefined
    this.#entries.set(id, { job, events, due, trace, controller: undefined })
    events.state('waiting')
    this.wakeAt(due)
  }

  /** By the clock of the day, which timers do not follow. */
  wakeAt(due: number): void {
    const ms = due - Date.now()
    if (ms <= 0) queueMicrotask(() => this.wake())
    else setTimeout(() => this.wakeAt(due), Math.min(ms, 2 ** 31 - 1)).unref()
  }

  #forgetOld(): void {
    const { maxEnded, keepEndedMs } = this.#options
    const ended = [...this.#entries.values()].map(({ job }) => job).filter(({ state }) => hasEnded(state))
    const since = Date.now() - keepEndedMs
    ended
      .sort((a, b) => (b.endedAt?.getTime() ?? 0) - (a.endedAt?.getTime() ?? 0))
      .filter(({ endedAt }, i) => i >= maxEnded || (endedAt?.getTime() ?? 0) < since)
      .forEach(({ id }) => this.#entries.delete(id))
  }
}

class InlineWorker implements JobWorker {
  readonly #queue: InlineQueue
  readonly #processors: Processors
  readonly #options: WorkOptions
  readonly #running = new Map<Entry, Promise<void>>()
  readonly #stopSchedules = new AbortController()
  #isClosing = false

  constructor(queue: InlineQueue, processors: Processors, options: WorkOptions) {
    this.#queue = queue
    this.#processors = processors
    this.#options = options
    const { signal } = this.#stopSchedules
    for (const schedule of options.schedules ?? []) {
      void slotsOf(schedule, signal, async (id, due) => {
        queue.addDue(id, schedule.order, due)
        return Promise.resolve()
      })
    }
  }

  /** Takes what waits, as far as there is room. */
  look(): void {
    while (!this.#isClosing && this.#running.size < this.#options.concurrency) {
      const entry = this.#queue.next(this.#processors)
      if (entry === undefined) return
      this.#begin(entry)
    }
  }

  async close(graceMs: number): Promise<void> {
    this.#isClosing = true
    this.#stopSchedules.abort()
    const ended = Promise.all(this.#running.values())
    await settledWithin(ended, graceMs)
    for (const { controller } of this.#running.keys()) controller?.abort(new JobStopped('handed-back'))
    await ended
  }

  #begin(entry: Entry): void {
    entry.controller = new AbortController()
    entry.job = { ...entry.job, state: 'running', startedAt: new Date(), progress: undefined }
    entry.events.state('running')
    this.#running.set(
      entry,
      this.#run(entry, entry.controller.signal).finally(() => {
        this.#running.delete(entry)
        this.#queue.wake()
      }),
    )
  }

  async #run(entry: Entry, signal: AbortSignal): Promise<void> {
    const { onEvent } = this.#options
    const { id, order } = entry.job
    const about = { id, job: order.kind }
    const began = performance.now()
    onEvent?.({ kind: 'started', ...about })
    try {
      const span = { kind: 'consumer', carrier: entry.trace } as const
      const result = await inSpan(`job ${order.kind}`, span, async () =>
        runOrder(this.#processors, order, {
          signal,
          options: this.#queue.options,
          sink: {
            progress: (progress) => {
              entry.job = { ...entry.job, progress }
              entry.events.progress(progress)
            },
            line: (text) => entry.events.log(text),
          },
        }),
      )
      this.#end(entry, { state: 'completed', result })
      onEvent?.({ kind: 'ended', ...about, ms: performance.now() - began })
    } catch (error) {
      if (error instanceof JobStopped) onEvent?.({ kind: 'stopped', ...about, why: error.why })
      else onEvent?.({ kind: 'failed', ...about, ms: performance.now() - began, error })
      this.#fail(entry, error)
    }
  }

  #fail(entry: Entry, error: unknown): void {
    const { attempts, backoffMs } = this.#queue.options
    const failure = failureOf(error)
    if (error instanceof JobStopped) {
      if (error.why === 'cancelled') this.#end(entry, { state: 'cancelled', failure })
      else this.#putBack(entry, 0)
      return
    }
    const failures = entry.job.failures + 1
    entry.job = { ...entry.job, failures }
    if (failures >= attempts || this.#options.retryHelps?.(error) === false) {
      this.#end(entry, { state: 'failed', failure })
    } else {
      this.#putBack(entry, backoffMs * 2 ** (failures - 1))
      entry.events.state('waiting', { failure })
      this.#queue.wakeAt(entry.due)
    }
  }

  #putBack(entry: Entry, afterMs: number): void {
    entry.controller = undefined
    entry.due = Date.now() + afterMs
    entry.job = { ...entry.job, state: 'waiting' }
  }

  #end(entry: Entry, how: Pick<Job, 'state' | 'result' | 'failure'>): void {
    entry.controller = undefined
    entry.job = { ...entry.job, ...how, endedAt: new Date() }
    entry.events.state(how.state, how)
  }
}
