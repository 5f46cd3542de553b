import type { Digest } from '../../manifests/digest.ts'
import { packKey } from '../repository/layout.ts'

/** One end of a pack: a manifest, as a release names it, and the bytes of its module's contents. */
export interface PackEnd {
  readonly digest: Digest
  readonly bytes: number
  readonly contentBytes: number
}

/** Makes a pack and stores it, unless it is there. An aborted signal makes it reject soon. */
export type BuildPack = (
  from: PackEnd | undefined,
  to: PackEnd,
  signal: AbortSignal,
) => Promise<{ readonly bytes: number; readonly isNew: boolean }>

/** What building packs for whoever asks may cost. Sizes are in bytes, times in milliseconds. */
export interface PackRequestLimits {
  /** How many packs are built at once. */
  readonly concurrency: number
  /** How many wait behind those. */
  readonly maxWaiting: number
  /** The contents of both manifests together, which time and memory of a build grow with. */
  readonly maxContentBytes: number
  /** What strangers can have stored in a day, since each pair of manifests is a pack of its own. */
  readonly maxStoredBytesPerDay: number
  readonly maxBuildMs: number
  /** How long a pair is let rest that could not be built: doubled each time, up to an hour. */
  readonly retryMs: number
}

export const defaultPackRequestLimits: PackRequestLimits = {
  concurrency: 1,
  maxWaiting: 64,
  maxContentBytes: 16e9,
  maxStoredBytesPerDay: 64e9,
  maxBuildMs: 3_600_000,
  retryMs: 60_000,
}

export type PackVerdict =
  /** It runs, or waits for its turn. */
  | { readonly kind: 'building' }
  /** `retryMs`: when it may be otherwise; absent where waiting does not help. */
  | { readonly kind: 'refused'; readonly reason: PackRefusal; readonly retryMs?: number }

export type PackRefusal =
  | 'too-large' // more content than `maxContentBytes`
  | 'failed' // the last try did, a short while ago
  | 'queue-full'
  | 'day-full' // `maxStoredBytesPerDay` were stored
  | 'store' // the store takes nothing
  | 'closed'

/** For the log. */
export type PackBuildEvent =
  | { readonly kind: 'started'; readonly key: string; readonly waiting: number }
  | { readonly kind: 'built'; readonly key: string; readonly ms: number; readonly bytes: number }
  /** Another process had built it meanwhile. */
  | { readonly kind: 'there'; readonly key: string; readonly ms: number }
  | { readonly kind: 'failed'; readonly key: string; readonly ms: number; readonly error: unknown }
  | { readonly kind: 'aborted'; readonly key: string; readonly ms: number }

export interface PackRequestsOptions {
  readonly build: BuildPack
  readonly limits?: Partial<PackRequestLimits> | undefined
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number
  readonly onEvent: (event: PackBuildEvent) => void
}

interface Wanted {
  readonly from: PackEnd | undefined
  readonly to: PackEnd
}

interface Failure {
  readonly times: number
  readonly until: number
}

/** The oldest are forgotten first: at worst a pair is tried once more. */
const maxFailures = 1000
const maxRetryMs = 3_600_000
const dayMs = 86_400_000
/** About how long until something has moved in a full queue. */
const fullQueueRetryMs = 10_000

/**
 * Has packs built that are asked for and not there: each once however many ask, few at a time, as many waiting as the
 * limits say. Asking never waits.
 */
export class PackRequests {
  readonly #options: PackRequestsOptions
  readonly #limits: PackRequestLimits
  /** In the order in which they came. */
  readonly #waiting = new Map<string, Wanted>()
  readonly #running = new Map<string, Promise<void>>()
  readonly #failures = new Map<string, Failure>()
  readonly #closing = new AbortController()
  #day = { stored: 0, ends: -Infinity }
  #storeRestsUntil = -Infinity

  constructor(options: PackRequestsOptions) {
    this.#options = options
    this.#limits = { ...defaultPackRequestLimits, ...options.limits }
  }

  /** Asks for a pack that is not in the store. */
  request(from: PackEnd | undefined, to: PackEnd): PackVerdict {
    const key = packKey(from?.digest, to.digest)
    if (this.#running.has(key) || this.#waiting.has(key)) return { kind: 'building' }
    const refusal = this.#refusal(key, { from, to })
    if (refusal !== undefined) return { kind: 'refused', ...refusal }
    this.#waiting.set(key, { from, to })
    this.#startNext()
    return { kind: 'building' }
  }

  /** Aborts what runs, forgets what waits, and resolves when the last build has ended. */
  async close(): Promise<void> {
    this.#waiting.clear()
    this.#closing.abort()
    await Promise.all(this.#running.values())
  }

  #refusal(
    key: string,
    { from, to }: Wanted,
  ): { readonly reason: PackRefusal; readonly retryMs?: number } | undefined {
    const now = this.#options.now()
    const failure = this.#failures.get(key)
    if (this.#closing.signal.aborted) return { reason: 'closed' }
    if ((from?.contentBytes ?? 0) + to.contentBytes > this.#limits.maxContentBytes) {
      return { reason: 'too-large' }
    }
    if (now < this.#storeRestsUntil) return { reason: 'store', retryMs: this.#storeRestsUntil - now }
    if (failure !== undefined && now < failure.until) {
      return { reason: 'failed', retryMs: failure.until - now }
    }
    if (now < this.#day.ends && this.#day.stored >= this.#limits.maxStoredBytesPerDay) {
      return { reason: 'day-full', retryMs: this.#day.ends - now }
    }
    const isFull = this.#waiting.size >= this.#limits.maxWaiting && !this.#hasFreePlace()
    return isFull ? { reason: 'queue-full', retryMs: fullQueueRetryMs } : undefined
  }

  #hasFreePlace(): boolean {
    return this.#running.size < this.#limits.concurrency
  }

  #startNext(): void {
    for (const [key, wanted] of this.#waiting) {
      if (!this.#hasFreePlace()) return
      this.#waiting.delete(key)
      // Later, so that whoever asks is answered before anything is done.
      const run = Promise.resolve().then(async () => this.#run(key, wanted))
      this.#running.set(key, run)
    }
  }

  async #run(key: string, { from, to }: Wanted): Promise<void> {
    const { build, now, onEvent } = this.#options
    const began = now()
    const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(this.#limits.maxBuildMs)])
    onEvent({ kind: 'started', key, waiting: this.#waiting.size })
    try {
      const { bytes, isNew } = await build(from, to, signal)
      this.#failures.delete(key)
      if (isNew) this.#countStored(bytes)
      const ms = now() - began
      onEvent(isNew ? { kind: 'built', key, ms, bytes } : { kind: 'there', key, ms })
    } catch (error) {
      if (this.#closing.signal.aborted) onEvent({ kind: 'aborted', key, ms: now() - began })
      else this.#fail(key, began, error)
    } finally {
      this.#running.delete(key)
      this.#startNext()
    }
  }

  #countStored(bytes: number): void {
    const now = this.#options.now()
    if (now >= this.#day.ends) this.#day = { stored: 0, ends: now + dayMs }
    this.#day.stored += bytes
  }

  #fail(key: string, began: number, error: unknown): void {
    const now = this.#options.now()
    this.#options.onEvent({ kind: 'failed', key, ms: now - began, error })
    if (storeTakesNothing(error)) {
      this.#storeRestsUntil = now + this.#limits.retryMs
      this.#waiting.clear()
      return
    }
    const times = (this.#failures.get(key)?.times ?? 0) + 1
    const restMs = Math.min(this.#limits.retryMs * 2 ** (times - 1), maxRetryMs)
    // Anew, so that it comes last.
    this.#failures.delete(key)
    this.#failures.set(key, { times, until: now + restMs })
    const [oldest] = this.#failures.keys()
    if (this.#failures.size > maxFailures && oldest !== undefined) this.#failures.delete(oldest)
  }
}

/** Then no other pack can be stored either, and every try would be work for nothing. */
function storeTakesNothing(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return code === 'STORE_DENIED' || code === 'STORE_FULL'
}
