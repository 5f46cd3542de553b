import { setTimeout as sleep } from 'node:timers/promises'
import { eventsKey } from './bull-keys.ts'
import type { Lane } from './bull-lane.ts'
import { endOf, progressOf } from './bull-record.ts'
import { JobError } from './errors.ts'
import { jobUnknown } from './queue-refusals.ts'
import {
  hasEnded,
  type JobEvent,
  type JobFailure,
  type JobProgress,
  type JobResult,
  type JobState,
} from './job.ts'
import type { EventOptions } from './job-queue.ts'
import type { QueueOptions } from './queue-options.ts'

type Kept =
  | {
      readonly kind: 'state'
      readonly state: JobState
      readonly failure?: JobFailure | undefined
      readonly result?: JobResult | undefined
    }
  | { readonly kind: 'log'; readonly text: string }

/** A page of a stream; what a watcher is given at once. */
const pageSize = 200
/** How often a job that has ended is looked at once more for the event that says so. */
const patience = 4

/**
 * What happened to jobs, each in a Redis stream of its own, which is as long as the options say and goes when nobody
 * has written to it for as long as ended jobs are kept.
 */
export class BullEvents {
  readonly #lane: Lane
  readonly #options: QueueOptions

  constructor(lane: Lane, options: QueueOptions) {
    this.#lane = lane
    this.#options = options
  }

  async keep(id: string, event: Kept): Promise<void> {
    const { maxEvents, keepEndedMs } = this.#options
    const key = eventsKey(this.#lane, id)
    await this.#lane.client
      .multi()
      .xadd(key, 'MAXLEN', '~', maxEvents, '*', 'event', JSON.stringify(event))
      .pexpire(key, keepEndedMs)
      .exec()
  }

  async *from(id: string, watchMs: number, { after, signal }: EventOptions): AsyncGenerator<JobEvent> {
    let last = after ?? '0-0'
    let shown = ''
    let looks = 0
    let isKnown = false
    const isStopped = (): boolean => signal?.aborted === true
    while (!isStopped()) {
      const { events, job } = await this.#look(id, last)
      for (const event of events) {
        last = event.id
        yield event
        if (event.kind === 'state' && hasEnded(event.state)) return
      }
      if (events.length > 0) {
        isKnown = true
        continue
      }
      if (job === undefined) throw await this.#missing(id, isKnown)
      isKnown = true
      if (job.end !== undefined && (await this.#isToldUpTo(id, last))) return
      if (job.end !== undefined && (looks += 1) > patience) {
        yield { kind: 'state', id: idBehind(last), ...job.end }
        return
      }
      if (job.progress !== undefined && job.shown !== shown) {
        shown = job.shown
        yield { kind: 'progress', progress: job.progress }
      }
      await sleep(watchMs, undefined, { signal }).catch(() => undefined)
    }
  }

  async #look(id: string, last: string): Promise<Look> {
    const answers = await this.#lane.client
      .pipeline()
      .xrange(eventsKey(this.#lane, id), `(${last}`, '+', 'COUNT', pageSize)
      .hmget(this.#lane.toKey(id), 'name', 'finishedOn', 'returnvalue', 'failedReason', 'progress')
      .exec()
    const [entries, record] = (answers ?? []).map(([error, value]) => {
      if (error !== null) throw error
      return value
    }) as [[string, string[]][], (string | null)[]]
    return { events: entries.map(eventOf), job: jobOf(record) }
  }

  /** Whether the newest event that is kept says that the job has ended, and was told already. */
  async #isToldUpTo(id: string, last: string): Promise<boolean> {
    const [newest] = (await this.#lane.client.xrevrange(eventsKey(this.#lane, id), '+', '-', 'COUNT', 1)).map(
      eventOf,
    )
    return newest?.id === last && newest.kind === 'state' && hasEnded(newest.state)
  }

  async #missing(id: string, isKnown: boolean): Promise<JobError> {
    const isKept = (await this.#lane.client.exists(eventsKey(this.#lane, id))) === 1
    if (!isKnown && !isKept) return jobUnknown(id)
    return new JobError('JOB_LOST', `the queue has lost the job ${id}`, { hint: 'ask for the same again' })
  }
}

interface Look {
  readonly events: Exclude<JobEvent, { readonly kind: 'progress' }>[]
  readonly job:
    | {
        readonly end: ReturnType<typeof endOf>
        readonly progress: JobProgress | undefined
        readonly shown: string
      }
    | undefined
}

function eventOf([id, fields]: [string, string[]]): Look['events'][number] {
  return { id, ...(JSON.parse(fields[1] ?? '') as Kept) }
}

function jobOf([name, finishedOn, returnvalue, failedReason, progress]: (string | null)[]): Look['job'] {
  if (name === null || name === undefined) return undefined
  return {
    end: endOf({
      finishedOn: finishedOn === null ? undefined : Number(finishedOn),
      returnvalue: typeof returnvalue === 'string' ? (JSON.parse(returnvalue) as unknown) : undefined,
      ...(typeof failedReason === 'string' && { failedReason }),
    }),
    progress: progressOf(typeof progress === 'string' ? (JSON.parse(progress) as unknown) : undefined),
    shown: progress ?? '',
  }
}

/** The id that a stream could give to what comes next. */
function idBehind(id: string): string {
  const [ms, sequence] = id.split('-')
  return `${ms}-${Number(sequence) + 1}`
}
