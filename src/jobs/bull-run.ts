import { cancelKey } from './bull-keys.ts'
import type { Lane, LaneJob } from './bull-lane.ts'
import { JobStopped } from './errors.ts'
import type { JobResult } from './job.ts'
import type { LockOptions } from './queue-options.ts'

/** One job in the hands of this worker: its lock, and whether it is to stop. */
export class BullRun {
  readonly lane: Lane
  readonly record: LaneJob
  outcome: Promise<{ readonly result: JobResult }> = Promise.reject(new Error('not begun'))
  readonly #locks: LockOptions
  readonly #controller = new AbortController()
  #renewAt: number
  #isBeating = false

  /** Told when its record is gone, before it is stopped. */
  readonly #onLost: () => void

  constructor(lane: Lane, record: LaneJob, locks: LockOptions, onLost: () => void) {
    this.lane = lane
    this.record = record
    this.#locks = locks
    this.#onLost = onLost
    this.#renewAt = performance.now() + locks.renewMs
    this.outcome.catch(() => undefined)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  get stopped(): JobStopped['why'] | undefined {
    return this.signal.aborted ? (this.signal.reason as JobStopped).why : undefined
  }

  stop(why: JobStopped['why']): void {
    this.#controller.abort(new JobStopped(why))
  }

  /** Throws where it is to stop before it began. */
  async heed(): Promise<void> {
    if (await this.#isCancelled()) this.stop('cancelled')
    this.signal.throwIfAborted()
  }

  /** Called about once a second; in an outage one call lasts as long as that. */
  async beat(): Promise<void> {
    if (this.#isBeating || this.signal.aborted) return
    this.#isBeating = true
    try {
      if (await this.#isCancelled()) this.stop('cancelled')
      else if (performance.now() >= this.#renewAt) await this.#renew()
    } catch {
      // Redis is away: the next beat finds out what is left.
    } finally {
      this.#isBeating = false
    }
  }

  /** Redis is back, and nobody knows what it still has. */
  renewSoon(): void {
    this.#renewAt = 0
  }

  /** Has it wait again, with all its attempts. Whether that was possible. */
  async handBack(): Promise<boolean> {
    // Not declared, though it is there for this.
    const { record } = this
    const movable = record as LaneJob & { moveToDelayed: (until: number) => Promise<void> }
    return movable.moveToDelayed(Date.now() + 1).then(
      () => true,
      () => false,
    )
  }

  /** What failed is not the job: Bull counts one attempt more at once. */
  forgiveAttempt(): void {
    this.record.attemptsMade -= 1
  }

  async #renew(): Promise<void> {
    const { lockMs, renewMs } = this.#locks
    const isHeld = (await this.record.extendLock(lockMs)) === 1
    if (!isHeld) await this.#retake()
    this.#renewAt = performance.now() + renewMs
  }

  /** The lock ran out in an outage: nobody may have noticed, or another worker has the job, or all is gone. */
  async #retake(): Promise<void> {
    if ((await this.lane.client.exists(this.lane.toKey(String(this.record.id)))) === 0) {
      this.#onLost()
      this.stop('lost')
    } else if (!(await this.record.isActive()) || (await this.record.takeLock()) === false)
      this.stop('taken-over')
  }

  async #isCancelled(): Promise<boolean> {
    return (await this.lane.client.exists(cancelKey(this.lane, String(this.record.id)))) === 1
  }
}
