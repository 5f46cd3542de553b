import { setImmediate } from 'node:timers/promises'

/**
 * Runs tasks side by side, `limit` at most. The first failure is remembered, no task is started after it, and every
 * later call throws it.
 */
export class BoundedTasks {
  readonly #limit: number
  readonly #running = new Set<Promise<void>>()
  #waiting = 0
  #failure: { readonly error: unknown } | undefined

  constructor(limit: number) {
    this.#limit = limit
  }

  /** Waits for a free place, starts the task and returns without waiting for its end. */
  async start(task: () => Promise<void>): Promise<void> {
    this.#waiting++
    while (this.#running.size >= this.#limit && this.#failure === undefined) await Promise.race(this.#running)
    this.#waiting--
    this.#throwFailure()
    const running: Promise<void> = this.#run(task).finally(() => this.#running.delete(running))
    this.#running.add(running)
  }

  /** Waits for all tasks to end, also those that still wait for a place. */
  async finish(): Promise<void> {
    await this.settle()
    this.#throwFailure()
  }

  /** Waits for all tasks to end and forgets how: for cleaning up after something else has failed. */
  async settle(): Promise<void> {
    while (this.#running.size > 0 || this.#waiting > 0) {
      await Promise.race(this.#running.size > 0 ? this.#running : [setImmediate()])
    }
  }

  async #run(task: () => Promise<void>): Promise<void> {
    try {
      await task()
    } catch (error) {
      this.#failure ??= { error }
    }
  }

  #throwFailure(): void {
    // oxlint-disable-next-line typescript/only-throw-error -- passed on as it came
    if (this.#failure !== undefined) throw this.#failure.error
  }
}
