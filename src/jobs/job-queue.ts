import type { Job, JobEvent, JobFilter, KindDepth } from './job.ts'
import type { JobOrder } from './job-order.ts'
import type { Processors } from './processor.ts'

/**
 * Where jobs wait for workers. The store is the truth: a queue may be lost with all that is in it, and what has to be
 * done is asked for again. What both implementations guarantee, and their contract suite proves sentence by sentence
 * (test/src/jobs/job-queue-contract.ts):
 *
 *  1. `add` of an order that waits or runs already answers with the id of that job; an order whose job has ended makes
 *     a new one.
 *  2. Jobs of one kind of worker begin in the order in which they were added.
 *  3. A worker runs at most as many jobs at once as it was told.
 *  4. A processor that rejects is tried again after a time that doubles, as often as the queue was told; then the job
 *     is failed. One that no retry can help fails at once.
 *  5. `cancel` of a job that waits removes it; of one that runs it aborts the processor's signal, wherever that runs,
 *     and the job is cancelled when the processor has rejected.
 *  6. A job that is cancelled is tried no more.
 *  7. `events` tells what was, in order, and then what comes, and ends with the job. With `after` it begins behind the
 *     event of that id. Progress is told as it stands.
 *  8. Log lines and the number of them that are kept are bounded; the oldest are forgotten.
 *  9. Jobs that have ended are kept for a bounded time and number, and what is asked of others is `undefined`.
 * 10. A schedule that is set any number of times, by any number of workers, runs once an interval.
 * 11. A worker that closes takes no job any more, lets those that run end within the grace, and hands the others back:
 *     they wait again, and no attempt was lost.
 * 12. More orders than may wait are refused with QUEUE_FULL.
 *
 * Of a queue on Redis, moreover: a job whose worker was killed is taken over by another one. Any call may reject with
 * QUEUE_UNAVAILABLE.
 */
export interface JobQueue extends AsyncDisposable {
  /** For messages: its URL without the password. */
  readonly name: string
  /** The id of the job that does this. Throws QUEUE_FULL. */
  add(order: JobOrder, options?: { readonly by?: string | undefined }): Promise<string>
  get(id: string): Promise<Job | undefined>
  /** The newest first. */
  list(filter: JobFilter): Promise<Job[]>
  /** False where the job has ended, or there is none. */
  cancel(id: string): Promise<boolean>
  /** Throws JOB_UNKNOWN; JOB_LOST when the job is gone before its end was told. */
  events(id: string, options?: EventOptions): AsyncIterable<JobEvent>
  /** Of every kind. */
  depth(): Promise<KindDepth[]>
  /** Takes jobs of the kinds that there are processors for, until it is closed. */
  work(processors: Processors, options: WorkOptions): JobWorker
}

export interface EventOptions {
  /** Only what came after the event with this id. */
  readonly after?: string | undefined
  /** Ends the iteration without an error. */
  readonly signal?: AbortSignal | undefined
}

export interface WorkOptions {
  /** How many jobs run at once at most. */
  readonly concurrency: number
  /** Whether trying again may help against an error. Default: always. */
  readonly retryHelps?: ((error: unknown) => boolean) | undefined
  readonly schedules?: readonly Schedule[] | undefined
  readonly onEvent?: ((event: WorkerEvent) => void) | undefined
}

/** An order that comes back. */
export interface Schedule {
  readonly order: JobOrder
  readonly everyMs: number
}

export interface JobWorker {
  /** As the eleventh sentence says; resolves when nothing runs here any more. */
  close(graceMs: number): Promise<void>
}

/** For the log. */
export type WorkerEvent =
  | { readonly kind: 'started'; readonly id: string; readonly job: JobOrder['kind'] }
  | { readonly kind: 'ended'; readonly id: string; readonly job: JobOrder['kind']; readonly ms: number }
  | {
      readonly kind: 'failed'
      readonly id: string
      readonly job: JobOrder['kind']
      readonly ms: number
      readonly error: unknown
    }
  | { readonly kind: 'stopped'; readonly id: string; readonly job: JobOrder['kind']; readonly why: string }
  /** Its worker did not renew the lock in time: it is dead, or cut off. */
  | { readonly kind: 'stalled'; readonly id: string }
  | { readonly kind: 'queue-lost'; readonly problem: string }
  | { readonly kind: 'queue-back' }
