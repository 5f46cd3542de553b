import { InterruptedError } from './interrupted-error.ts'

const ending = ['SIGINT', 'SIGTERM'] as const

/** A signal that SIGINT and SIGTERM abort; the second of them ends the process at once, as if we were not there. */
export class Interruption implements Disposable {
  readonly #controller = new AbortController()
  readonly #onSignal = (name: NodeJS.Signals): void => {
    if (this.signal.aborted) {
      this[Symbol.dispose]()
      process.kill(process.pid, name)
      return
    }
    this.abort(new InterruptedError(name))
  }

  constructor() {
    for (const name of ending) process.on(name, this.#onSignal)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  abort(reason: Error): void {
    this.#controller.abort(reason)
  }

  [Symbol.dispose](): void {
    for (const name of ending) process.off(name, this.#onSignal)
  }
}
