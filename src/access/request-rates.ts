/** Of one principal. */
interface Bucket {
  tokens: number
  filledAt: number
}

const maxSubjects = 10_000

/**
 * How many requests each principal sent lately: a bucket that holds as many as a minute may have, and fills evenly. In
 * memory: every process counts for itself, so that n of them let n times as many through.
 */
export class RequestRates {
  readonly #now: () => number
  /** The one that asked longest ago first. */
  readonly #buckets = new Map<string, Bucket>()

  /** `now` in milliseconds of a clock that only goes forward. */
  constructor(now: () => number) {
    this.#now = now
  }

  /** Takes so many requests; else says after how many seconds there will be enough. */
  take(subject: string, count: number, perMinute: number): { readonly waitSeconds: number } | undefined {
    const now = this.#now()
    const { tokens, filledAt } = this.#buckets.get(subject) ?? { tokens: perMinute, filledAt: now }
    const held = Math.min(perMinute, tokens + ((now - filledAt) / 60_000) * perMinute)
    const isEnough = held >= count
    this.#buckets.delete(subject)
    this.#buckets.set(subject, { tokens: isEnough ? held - count : held, filledAt: now })
    this.#forgetOldest()
    if (isEnough) return undefined
    return { waitSeconds: perMinute === 0 ? 3600 : Math.ceil(((count - held) / perMinute) * 60) }
  }

  /** Of so many principals, that one's bucket is full again, or nearly. */
  #forgetOldest(): void {
    const [oldest] = this.#buckets.keys()
    if (this.#buckets.size > maxSubjects && oldest !== undefined) this.#buckets.delete(oldest)
  }
}
