import { setTimeout as sleep } from 'node:timers/promises'
import { BullEvents } from './bull-events.ts'
import {
  closeLane,
  laneNames,
  laneOfKind,
  openLane,
  stopTaking,
  type Lane,
  type LaneJob,
  type LaneName,
} from './bull-lane.ts'
import { errorOfFailure, failureOfReason, jobOfRecord } from './bull-record.ts'
import { BullRun } from './bull-run.ts'
import type { Job, JobResult } from './job.ts'
import { jobKinds } from './job-kinds.ts'
import type { JobWorker, WorkOptions } from './job-queue.ts'
import { laneJobOptions } from './lane-job-options.ts'
import { processorOf, type Processors } from './processor.ts'
import type { LockOptions, QueueOptions } from './queue-options.ts'
import type { RedisPlace } from './queue-url.ts'
import { failureOf, runOrder } from './run-order.ts'
import { inSpan } from '../tracing/in-span.ts'
import { slotsOf } from './schedule-slots.ts'

export interface BullWorkerOptions extends WorkOptions {
  readonly queue: QueueOptions
  readonly locks: LockOptions
}

/** A cancellation reaches a job within about so long. */
const beatMs = 1000
/** Before a job begins again whose record was lost while it ran here: longer than its processor takes to stop. */
const putBackMs = 5000
/** After it was told to stop, a processor has so long. */
const stopMs = 10_000

/** Takes jobs out of Redis. It outlives Redis: it waits until it is back, and puts back what was lost while it ran here. */
export class BullWorker implements JobWorker {
  readonly #processors: Processors
  readonly #options: BullWorkerOptions
  readonly #lanes = new Map<LaneName, Lane>()
  readonly #runs = new Map<string, BullRun>()
  readonly #ending = new AbortController()
  #isRedisThere = true
  #closed: Promise<void> | undefined

  constructor(place: RedisPlace, processors: Processors, options: BullWorkerOptions) {
    this.#processors = processors
    this.#options = options
    const kinds = jobKinds.filter((kind) => processorOf(processors, kind) !== undefined)
    for (const name of laneNames.filter((each) => kinds.some((kind) => laneOfKind(kind) === each))) {
      const onError = (error: Error): void => this.#noteError(error)
      const lane = openLane(name, place, { locks: options.locks, isPatient: true, onError })
      lane.client.on('ready', () => this.#noteBack())
      this.#lanes.set(name, lane)
      this.#take(lane, name === 'signing' ? 1 : options.concurrency)
    }
    void this.#keepRuns()
    for (const schedule of options.schedules ?? []) this.#keepSchedule(schedule)
  }

  async close(graceMs: number): Promise<void> {
    this.#closed ??= this.#close(graceMs)
    return this.#closed
  }

  #take(lane: Lane, concurrency: number): void {
    lane.on('stalled', ({ id }) => this.#options.onEvent?.({ kind: 'stalled', id: String(id) }))
    lane.on('completed', (job) => this.#tellEnd(lane, job))
    lane.on('failed', (job) => this.#tellEnd(lane, job))
    lane
      .process('*', concurrency, async (job) => this.#process(lane, job) as Promise<void>)
      .catch((error: unknown) => this.#noteError(error as Error))
  }

  /** What Bull keeps as the result, or an error with the failure. Never settles for a job that was handed back. */
  async #process(lane: Lane, record: LaneJob): Promise<{ readonly result: JobResult } | undefined> {
    const job = jobOfRecord(record, true)
    if (job === undefined) {
      // Another version's: one of its workers takes it at the next attempt.
      if (isWhole(record))
        throw errorOfFailure({ code: 'JOB_INVALID', message: 'it is no job of this version' })
      // It was removed at the moment at which it was taken: what is left of its record is to go, too.
      record.opts.removeOnComplete = true
      return undefined
    }
    // The other place has it already where a lock was late, and both ends are one.
    const there = this.#runs.get(job.id)
    if (there !== undefined) return there.outcome
    const run = new BullRun(lane, record, this.#options.locks, () => void this.#putBack(lane, record))
    this.#runs.set(job.id, run)
    run.outcome = this.#run(run, job).finally(() => this.#runs.delete(job.id))
    return run.outcome
  }

  async #run(run: BullRun, job: Job): Promise<{ readonly result: JobResult }> {
    const { onEvent, retryHelps, queue } = this.#options
    const about = { id: job.id, job: job.order.kind }
    const began = performance.now()
    const events = new BullEvents(run.lane, queue)
    try {
      if (this.#ending.signal.aborted) run.stop('handed-back')
      await run.heed()
      onEvent?.({ kind: 'started', ...about })
      void events.keep(job.id, { kind: 'state', state: 'running' }).catch(() => undefined)
      const span = { kind: 'consumer', carrier: run.record.data.trace } as const
      const result = await inSpan(`job ${job.order.kind}`, span, async () =>
        runOrder(this.#processors, job.order, {
          signal: run.signal,
          options: queue,
          sink: {
            progress: (progress) => void run.record.progress(progress).catch(() => undefined),
            line: (text) => void events.keep(job.id, { kind: 'log', text }).catch(() => undefined),
          },
        }),
      )
      onEvent?.({ kind: 'ended', ...about, ms: performance.now() - began })
      return { result }
    } catch (error) {
      const why = run.stopped
      if (why === undefined) onEvent?.({ kind: 'failed', ...about, ms: performance.now() - began, error })
      else onEvent?.({ kind: 'stopped', ...about, why })
      if (why === 'handed-back' && (await run.handBack())) await this.#forget(job.id)
      if (why === 'lost' || why === 'taken-over' || why === 'handed-back') run.forgiveAttempt()
      if (why === 'cancelled' || retryHelps?.(error) === false) await run.record.discard()
      throw errorOfFailure(failureOf(error))
    }
  }

  /** Never settles: the job is nobody's here any more, and what Bull did at its end would be done to another's. */
  async #forget(id: string): Promise<never> {
    this.#runs.delete(id)
    return new Promise(() => undefined)
  }

  #tellEnd(lane: Lane, record: LaneJob | null): void {
    if (record === null) return
    const { finishedOn, id } = record
    const job = jobOfRecord(record, false)
    if (job === undefined) return
    const { state, failure, result } = job
    const event =
      finishedOn === undefined
        ? ({ kind: 'state', state: 'waiting', failure: failureOfReason(record.failedReason) } as const)
        : ({ kind: 'state', state, failure, result } as const)
    new BullEvents(lane, this.#options.queue).keep(String(id), event).catch(() => undefined)
  }

  /** Renews locks, and hears of cancellations, of all that runs here. */
  async #keepRuns(): Promise<void> {
    const { signal } = this.#ending
    const { renewMs } = this.#options.locks
    while (!signal.aborted || this.#runs.size > 0) {
      await sleep(Math.min(beatMs, renewMs), undefined, { ref: false })
      await Promise.all([...this.#runs.values()].map(async (run) => run.beat()))
      if (this.#closed !== undefined && this.#runs.size === 0) return
    }
  }

  /** Redis was emptied: the job is asked for again, under its own name, for those who watch it. */
  async #putBack(lane: Lane, record: LaneJob): Promise<void> {
    const { debounce } = record.opts
    const events = new BullEvents(lane, this.#options.queue)
    await lane
      .add(record.name, record.data, {
        ...laneJobOptions(this.#options.queue),
        jobId: record.id,
        ...(debounce !== undefined && { debounce }),
        delay: putBackMs,
      })
      .then(async () => events.keep(String(record.id), { kind: 'state', state: 'waiting' }))
      .catch(() => undefined)
  }

  #keepSchedule(schedule: NonNullable<WorkOptions['schedules']>[number]): void {
    const lane = this.#lanes.get(laneOfKind(schedule.order.kind))
    if (lane === undefined) return
    void slotsOf(schedule, this.#ending.signal, async (jobId, due) => {
      const { kind, details } = schedule.order
      const delay = Math.max(1, due - Date.now())
      await lane.add(kind, { details }, { ...laneJobOptions(this.#options.queue), jobId, delay })
    })
  }

  async #close(graceMs: number): Promise<void> {
    this.#ending.abort()
    const lanes = [...this.#lanes.values()]
    await Promise.all(lanes.map(stopTaking))
    await this.#runsEnded(graceMs)
    for (const run of this.#runs.values()) run.stop('handed-back')
    await this.#runsEnded(stopMs)
    await Promise.all(lanes.map(closeLane))
  }

  async #runsEnded(ms: number): Promise<void> {
    const deadline = performance.now() + ms
    while (this.#runs.size > 0 && performance.now() < deadline) await sleep(20)
  }

  /** Bull says the same of what is no outage: a job that another worker has by now. */
  #noteError({ message }: Error): void {
    const isThere = [...this.#lanes.values()].every(({ client }) => client.status === 'ready')
    if (isThere || !this.#isRedisThere || this.#closed !== undefined) return
    this.#isRedisThere = false
    this.#options.onEvent?.({ kind: 'queue-lost', problem: message })
  }

  #noteBack(): void {
    for (const run of this.#runs.values()) run.renewSoon()
    if (this.#isRedisThere) return
    this.#isRedisThere = true
    this.#options.onEvent?.({ kind: 'queue-back' })
  }
}

function isWhole({ data }: LaneJob): boolean {
  return (data as Partial<LaneJob['data']> | undefined)?.details !== undefined
}
