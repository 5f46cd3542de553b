import { randomBytes } from 'node:crypto'
import type { BlobStore } from '../../storage/blob-store.ts'
import { BoundedTasks } from '../bounded-tasks.ts'
import { joinUsage } from './join-usage.ts'

export interface DailyUsageOptions {
  readonly store: BlobStore
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number
  /** Of day and hour. */
  readonly clock: () => Date
  /** How often what was counted is stored, and what others counted is read. Default: 15 s. */
  readonly flushMs?: number | undefined
  /** Told of usage that could not be stored; it is kept for the next try. */
  readonly onFailure: (error: unknown) => void
}

interface Counted {
  day: string
  /** Counted here, and as much of it as is stored. */
  own: number
  stored: number
  /** Counted elsewhere, as it was known when `joinedAt` was. */
  others: number
  joinedAt: number
  usedAt: number
}

const maxJoins = 4

/**
 * The bytes that principals take in a day at all processes together. Every process knows what it counted itself, and
 * what the others had stored `flushMs` ago: together they give at most what they give in that time too much, and one
 * that dies forgets no more.
 */
export class DailyUsage {
  readonly #options: DailyUsageOptions
  readonly #flushMs: number
  readonly #counter = randomBytes(8).toString('hex')
  readonly #counted = new Map<string, Counted>()
  readonly #joining = new Map<string, Promise<void>>()
  readonly #timer: NodeJS.Timeout

  constructor(options: DailyUsageOptions) {
    this.#options = options
    this.#flushMs = options.flushMs ?? 15_000
    this.#timer = setInterval(() => void this.flush(), this.#flushMs).unref()
  }

  /** Learns what others counted, if that is not known of late. Throws what `joinUsage` throws. */
  async prepare(subject: string): Promise<void> {
    const { joinedAt } = this.#countedOf(subject)
    if (this.#options.now() - joinedAt >= this.#flushMs) await this.#join(subject)
  }

  /** False, and nothing is counted, where it would be more than `perDay`. */
  spend(subject: string, bytes: number, perDay: number): boolean {
    const counted = this.#countedOf(subject)
    if (counted.own + counted.others + bytes > perDay) return false
    counted.own += bytes
    return true
  }

  /** Seconds until the next day of UTC. */
  get secondsLeft(): number {
    const now = this.#options.clock().getTime()
    return Math.ceil((86_400_000 - (now % 86_400_000)) / 1000)
  }

  /** Never rejects. */
  async flush(): Promise<void> {
    const failures: unknown[] = []
    const joins = new BoundedTasks(maxJoins)
    for (const [subject, { own, stored, usedAt }] of this.#counted) {
      if (own === stored) {
        if (this.#options.now() - usedAt > 4 * this.#flushMs) this.#counted.delete(subject)
        continue
      }
      await joins.start(async () =>
        this.#join(subject).catch((error: unknown) => {
          failures.push(error)
        }),
      )
    }
    await joins.finish()
    if (failures.length > 0) this.#options.onFailure(failures[0])
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    // What is under way may have begun before the last bytes were counted.
    await Promise.allSettled(this.#joining.values())
    await this.flush()
  }

  #countedOf(subject: string): Counted {
    const day = this.#options.clock().toISOString().slice(0, 10)
    const usedAt = this.#options.now()
    let counted = this.#counted.get(subject)
    if (counted === undefined || counted.day < day) {
      counted = { day, own: 0, stored: 0, others: 0, joinedAt: -Infinity, usedAt }
      this.#counted.set(subject, counted)
    }
    counted.usedAt = usedAt
    return counted
  }

  async #join(subject: string): Promise<void> {
    const joining = this.#joining.get(subject) ?? this.#joinNow(subject)
    this.#joining.set(subject, joining)
    await joining.finally(() => this.#joining.delete(subject))
  }

  async #joinNow(subject: string): Promise<void> {
    const counted = this.#countedOf(subject)
    const { day, own } = counted
    const joinedAt = this.#options.now()
    const { counts, day: latest } = await joinUsage(this.#options.store, {
      subject,
      day,
      counter: this.#counter,
      bytes: own,
    })
    const mine = counts.get(this.#counter) ?? 0
    // Another process's clock is ahead, and yesterday is over there; or we had forgotten what we counted.
    counted.own += latest > day ? mine - own : Math.max(0, mine - own)
    counted.day = latest
    counted.stored = mine
    counted.others = [...counts.values()].reduce((sum, bytes) => sum + bytes, 0) - mine
    counted.joinedAt = joinedAt
  }
}
