import { randomBytes } from 'node:crypto'
import { BullEvents } from './bull-events.ts'
import { cancelKey, contentKey } from './bull-keys.ts'
import { closeLane, laneOfKind, openLane, type Lane, type LaneName } from './bull-lane.ts'
import { jobOfRecord } from './bull-record.ts'
import { BullWorker } from './bull-worker.ts'
import { JobError } from './errors.ts'
import { jobUnknown, queueFull } from './queue-refusals.ts'
import { isTraced } from '../tracing/in-span.ts'
import { traceHeaders } from '../tracing/trace-headers.ts'
import type { Job, JobEvent, JobFilter, JobState, KindDepth } from './job.ts'
import { jobKinds, type JobKind } from './job-kinds.ts'
import { contentOf, type JobOrder } from './job-order.ts'
import type { EventOptions, JobQueue, JobWorker, WorkOptions } from './job-queue.ts'
import { laneJobOptions } from './lane-job-options.ts'
import type { Processors } from './processor.ts'
import { defaultQueueOptions, locksFor, type LockOptions, type QueueOptions } from './queue-options.ts'
import { nameOfQueue, type RedisPlace } from './queue-url.ts'
import { cancelled } from './run-order.ts'

export interface BullQueueOptions {
  readonly queue?: Partial<QueueOptions> | undefined
  readonly locks?: Partial<LockOptions> | undefined
}

/** A cancellation is known for so long, should the worker be away. */
const cancelSeconds = 86_400

/** Jobs of any number of processes, in Redis. */
export class BullQueue implements JobQueue {
  readonly name: string
  readonly #place: RedisPlace
  readonly #options: QueueOptions
  readonly #locks: LockOptions
  readonly #lanes: Readonly<Record<LaneName, Lane>>
  readonly #workers = new Set<BullWorker>()

  constructor(place: RedisPlace, { queue, locks }: BullQueueOptions = {}) {
    this.name = nameOfQueue(place)
    this.#place = place
    this.#options = { ...defaultQueueOptions, ...queue }
    this.#locks = { ...locksFor(place.lockMs), ...locks }
    const open = (name: LaneName): Lane =>
      openLane(name, place, { locks: this.#locks, isPatient: false, onError: () => undefined })
    this.#lanes = { work: open('work'), signing: open('signing') }
  }

  async add(order: JobOrder, { by }: { readonly by?: string | undefined } = {}): Promise<string> {
    return this.#asking(async () => {
      const lane = this.#lanes[laneOfKind(order.kind)]
      const named = contentKey(lane, contentOf(order))
      if ((await lane.count()) >= this.#options.maxWaiting) {
        const there = await lane.client.get(named)
        if (there === null) throw queueFull()
        return there
      }
      const [id, isNew] = await this.#addOnce(lane, order, by)
      if (isNew || (await lane.getJob(id)) !== null) return id
      // Its record is gone, which nothing of ours does: whoever evicts keys, or deletes them by hand.
      await lane.client.del(named)
      return (await this.#addOnce(lane, order, by))[0]
    })
  }

  async get(id: string): Promise<Job | undefined> {
    return this.#asking(async () => {
      const lane = this.#laneOf(id)
      const record = await lane?.getJob(id)
      if (record === undefined || record === null) return undefined
      return jobOfRecord(record, record.finishedOn === undefined && (await record.isActive()))
    })
  }

  async list({ kind, state, limit }: JobFilter): Promise<Job[]> {
    return this.#asking(async () => {
      const sets = bullStates.filter(({ holds }) => state === undefined || holds.includes(state))
      // Of a kind that is rare there may be none among the newest of all.
      const depth = kind === undefined && state === undefined ? limit : this.#options.maxEnded
      const found = await Promise.all(
        Object.values(this.#lanes).flatMap((lane) =>
          sets.map(async ({ name }) => {
            const records = await lane.getJobs([name], 0, depth - 1, false)
            return records.map((record) => jobOfRecord(record, name === 'active'))
          }),
        ),
      )
      return found
        .flat()
        .filter((job): job is Job => job !== undefined)
        .filter((job) => (kind ?? job.order.kind) === job.order.kind && (state ?? job.state) === job.state)
        .sort((a, b) => b.addedAt.getTime() - a.addedAt.getTime())
        .slice(0, limit)
    })
  }

  async cancel(id: string): Promise<boolean> {
    return this.#asking(async () => {
      const lane = this.#laneOf(id)
      const record = await lane?.getJob(id)
      if (lane === undefined || record === undefined || record === null) return false
      if (record.finishedOn !== undefined) return false
      // First, so that a worker that takes it at this moment sees it.
      await lane.client.set(cancelKey(lane, id), '1', 'EX', cancelSeconds)
      if (await record.isActive()) return true
      const isRemoved = await record.remove().then(
        () => true,
        () => false,
      )
      if (isRemoved)
        await this.#eventsOf(lane).keep(id, { kind: 'state', state: 'cancelled', failure: cancelled })
      return true
    })
  }

  async *events(id: string, options: EventOptions = {}): AsyncGenerator<JobEvent, void, undefined> {
    const lane = this.#laneOf(id)
    if (lane === undefined) throw jobUnknown(id)
    const events = this.#eventsOf(lane).from(id, this.#locks.watchMs, options)
    try {
      yield* events
    } catch (error) {
      throw unavailable(this.name, error)
    }
  }

  async depth(): Promise<KindDepth[]> {
    return this.#asking(async () =>
      Promise.all(jobKinds.map(async (kind) => depthOf(this.#lanes[laneOfKind(kind)], kind))),
    )
  }

  work(processors: Processors, options: WorkOptions): JobWorker {
    const worker = new BullWorker(this.#place, processors, {
      ...options,
      queue: this.#options,
      locks: this.#locks,
    })
    this.#workers.add(worker)
    return worker
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#workers].map(async (worker) => worker.close(0)))
    await Promise.all(Object.values(this.#lanes).map(closeLane))
  }

  async #addOnce(
    lane: Lane,
    order: JobOrder,
    by: string | undefined,
  ): Promise<readonly [id: string, isNew: boolean]> {
    const jobId = `${order.kind}-${randomBytes(8).toString('hex')}`
    const { id } = await lane.add(
      order.kind,
      {
        details: order.details,
        ...(by !== undefined && { by }),
        ...(isTraced() && { trace: traceHeaders() }),
      },
      { ...laneJobOptions(this.#options), jobId, debounce: { id: contentOf(order) } },
    )
    if (id !== jobId) return [String(id), false]
    await this.#eventsOf(lane).keep(jobId, { kind: 'state', state: 'waiting' })
    return [jobId, true]
  }

  #laneOf(id: string): Lane | undefined {
    const kind = jobKinds.find((each) => id.startsWith(`${each}-`))
    return kind === undefined ? undefined : this.#lanes[laneOfKind(kind)]
  }

  #eventsOf(lane: Lane): BullEvents {
    return new BullEvents(lane, this.#options)
  }

  async #asking<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw unavailable(this.name, error)
    }
  }
}

interface BullState {
  readonly name: 'waiting' | 'delayed' | 'active' | 'completed' | 'failed'
  readonly holds: readonly JobState[]
}

const bullStates: readonly BullState[] = [
  { name: 'waiting', holds: ['waiting'] },
  { name: 'delayed', holds: ['waiting'] },
  { name: 'active', holds: ['running'] },
  { name: 'completed', holds: ['completed'] },
  { name: 'failed', holds: ['failed', 'cancelled'] },
]

/** What comes of Redis is told in its words alone: its errors hold the command, and that may be the password's. */
function unavailable(name: string, error: unknown): JobError {
  if (error instanceof JobError) return error
  const problem = error instanceof Error ? error.message : String(error)
  return new JobError('QUEUE_UNAVAILABLE', `${name}: ${problem}`, {
    hint: 'see that Redis can be reached, then try again',
  })
}

/** Ids begin with the kind, and the oldest are at the end of Bull's list. */
async function depthOf(lane: Lane, kind: JobKind): Promise<KindDepth> {
  const isOfKind = (id: string): boolean => id.startsWith(`${kind}-`)
  const waiting = (await lane.client.lrange(lane.toKey('wait'), 0, -1)).filter(isOfKind)
  const running = (await lane.client.lrange(lane.toKey('active'), 0, -1)).filter(isOfKind)
  const oldest = waiting.at(-1)
  const since = oldest === undefined ? null : await lane.client.hget(lane.toKey(oldest), 'timestamp')
  return {
    kind,
    waiting: waiting.length,
    running: running.length,
    oldestWaitingMs: since === null ? 0 : Math.max(0, Date.now() - Number(since)),
  }
}
