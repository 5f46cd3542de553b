import { setTimeout as delay } from 'node:timers/promises'
import { StoreUnavailableError } from './errors.ts'

export interface BackoffOptions {
  /** In all, the first one included. Default 5. */
  readonly attempts?: number
  /** The longest wait after the first failure; it doubles with each further one. Default 100. */
  readonly baseDelayMs?: number
  /** The longest wait after any failure. Default 5,000. */
  readonly maxDelayMs?: number
  /** From 0 to 1, as Math.random. */
  readonly random?: () => number
  readonly sleep?: (ms: number, signal: AbortSignal | undefined) => Promise<void>
}

/** When to try again: after transient failures only, and after a random part of an exponentially growing time. */
export class Backoff {
  readonly #attempts: number
  readonly #baseDelayMs: number
  readonly #maxDelayMs: number
  readonly #random: () => number
  readonly #sleep: (ms: number, signal: AbortSignal | undefined) => Promise<void>

  constructor(options: BackoffOptions = {}) {
    this.#attempts = options.attempts ?? 5
    this.#baseDelayMs = options.baseDelayMs ?? 100
    this.#maxDelayMs = options.maxDelayMs ?? 5_000
    this.#random = options.random ?? Math.random
    this.#sleep = options.sleep ?? sleepFor
  }

  /** Does the work until it succeeds; throws its error when that is not transient or was the last attempt's. */
  async retry<T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    for (let failures = 1; ; failures += 1) {
      try {
        return await work()
      } catch (error) {
        await this.wait(failures, error, signal)
      }
    }
  }

  /** Waits before the next attempt, or throws the error when there is to be none. */
  async wait(failures: number, error: unknown, signal: AbortSignal | undefined): Promise<void> {
    if (!isTransient(error) || failures >= this.#attempts) throw error
    signal?.throwIfAborted()
    const longestMs = Math.min(this.#maxDelayMs, this.#baseDelayMs * 2 ** (failures - 1))
    await this.#sleep(this.#random() * longestMs, signal)
    signal?.throwIfAborted()
  }
}

export function isTransient(error: unknown): boolean {
  return error instanceof StoreUnavailableError && error.transient
}

async function sleepFor(ms: number, signal: AbortSignal | undefined): Promise<void> {
  // An abort is the caller's to report, with the signal's own reason.
  await delay(ms, undefined, signal === undefined ? {} : { signal }).catch((error: unknown) => {
    if (signal?.aborted !== true) throw error
  })
}
