import { Limiter } from '../../../storage/limiter.ts'
import { ProblemError } from '../problem.ts'

/** Lets so many works run at a time, and so many more wait for their turn. */
export class Turns {
  readonly #limiter: Limiter
  readonly #most: number
  #present = 0

  constructor(atOnce: number, maxWaiting: number) {
    this.#limiter = new Limiter(atOnce)
    this.#most = atOnce + maxWaiting
  }

  /** Rejects with SERVER_BUSY when too many wait already. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#present >= this.#most) {
      throw new ProblemError('SERVER_BUSY', 'too many publishers send something at the same time')
    }
    this.#present++
    try {
      return await this.#limiter.run(work)
    } finally {
      this.#present--
    }
  }
}
