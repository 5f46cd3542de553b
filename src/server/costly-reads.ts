import { ProblemError } from './problem.ts'

/**
 * Lets only so many answers be made at once of what may be large: whoever comes then is sent away, since a queue of
 * strangers would only be a slower way to refuse.
 */
export class CostlyReads {
  readonly #limit: number
  #running = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  /** Throws SERVER_BUSY. */
  async run<T>(read: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#limit) {
      throw new ProblemError('SERVER_BUSY', `${this.#limit} such requests are being answered; try again`)
    }
    this.#running++
    try {
      return await read()
    } finally {
      this.#running--
    }
  }
}
