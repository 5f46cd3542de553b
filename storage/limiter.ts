import { orAborted } from './abort.ts'

/** Lets at most `limit` works run at a time; the others wait in line. */
export class Limiter {
  readonly #waiting: (() => void)[] = []
  #free: number

  constructor(limit: number) {
    this.#free = limit
  }

  /** Rejects with the signal's reason when it is aborted before the work's turn. */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    await this.#enter(signal)
    try {
      return await work()
    } finally {
      this.#leave()
    }
  }

  async #enter(signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted()
    if (this.#free > 0) {
      this.#free -= 1
      return
    }
    const turn = Promise.withResolvers<void>()
    this.#waiting.push(turn.resolve)
    try {
      await orAborted(turn.promise, signal)
    } catch (error) {
      this.#giveUp(turn.resolve)
      throw error
    }
  }

  #leave(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#free += 1
    else next()
  }

  #giveUp(place: () => void): void {
    const index = this.#waiting.indexOf(place)
    if (index === -1) this.#leave()
    else this.#waiting.splice(index, 1)
  }
}
