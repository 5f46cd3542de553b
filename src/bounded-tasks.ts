/**
 * Runs tasks side by side, `limit` at most, in the order in which they came. The first failure is remembered, no
 * task is started after it, and every later call throws it.
 */
export class BoundedTasks {
  readonly #limit: number
  readonly #waiting: (() => void)[] = []
  #running = 0
  #idle: PromiseWithResolvers<void> | undefined
  #failure: { readonly error: unknown } | undefined

  constructor(limit: number) {
    this.#limit = limit
  }

  /** Waits for a free place, starts the task and returns without waiting for its end. */
  async start(task: () => Promise<void>): Promise<void> {
    if (this.#running < this.#limit) this.#running++
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    if (this.#failure !== undefined) this.#leave()
    this.#throwFailure()
    void this.#run(task)
  }

  /** Waits for all tasks to end, also those that still wait for a place. */
  async finish(): Promise<void> {
    await this.settle()
    this.#throwFailure()
  }

  /** Waits for all tasks to end and forgets how: for cleaning up after something else has failed. */
  async settle(): Promise<void> {
    if (this.#running === 0) return
    this.#idle ??= Promise.withResolvers()
    await this.#idle.promise
  }

  async #run(task: () => Promise<void>): Promise<void> {
    try {
      await task()
    } catch (error) {
      this.#failure ??= { error }
    } finally {
      this.#leave()
    }
  }

  /** Hands the place to whoever has waited longest. */
  #leave(): void {
    const next = this.#waiting.shift()
    if (next !== undefined) {
      next()
      return
    }
    this.#running--
    if (this.#running > 0) return
    this.#idle?.resolve()
    this.#idle = undefined
  }

  #throwFailure(): void {
    // oxlint-disable-next-line typescript/only-throw-error -- passed on as it came
    if (this.#failure !== undefined) throw this.#failure.error
  }
}
