import { setTimeout as delay } from 'node:timers/promises'

export interface RateClock {
  /** Milliseconds that only go forward. */
  readonly now: () => number
  readonly sleep: (ms: number, signal: AbortSignal | undefined) => Promise<void>
}

/** What was not used for so long is lost. */
const burstMs = 250

const systemClock: RateClock = {
  now: () => performance.now(),
  sleep: async (ms, signal) => {
    await delay(ms, undefined, signal === undefined ? {} : { signal })
  },
}

/** Lets bytes pass at a rate, whoever asks: everybody waits behind those who came first. */
export class RateLimit {
  readonly #msPerByte: number
  readonly #clock: RateClock
  /** When all that was let pass until now will have passed. */
  #freeMs = -Infinity

  constructor(bytesPerSecond: number, clock: RateClock = systemClock) {
    this.#msPerByte = 1000 / bytesPerSecond
    this.#clock = clock
  }

  async take(bytes: number, signal?: AbortSignal): Promise<void> {
    const now = this.#clock.now()
    this.#freeMs = Math.max(this.#freeMs, now - burstMs) + bytes * this.#msPerByte
    if (this.#freeMs > now) await this.#clock.sleep(this.#freeMs - now, signal)
  }
}
