import { watch, type FSWatcher } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'

/** Editors write a file in several steps, and version control many files. */
const quietMs = 300

/** Tells when something below a directory, or a file beside it, changed. */
export class ChangeWatch implements Disposable {
  readonly #watchers: FSWatcher[]
  #changedMs: number | undefined
  #wake: (() => void) | undefined
  #failure: { readonly error: unknown } | undefined

  constructor(directory: string, file: string) {
    const name = basename(file)
    this.#watchers = [
      watch(directory, { recursive: true }, () => this.#notice()),
      // The directory, because editors put another file in the place of the one there was.
      watch(dirname(resolve(file)), (_, changed) => {
        if (changed === name) this.#notice()
      }),
    ]
    for (const watcher of this.#watchers) {
      watcher.on('error', (error) => {
        this.#failure = { error }
        this.#wake?.()
      })
    }
  }

  /**
   * Waits for a change after the last call's return, and until nothing changed for a moment. False: the signal was
   * aborted. Throws what keeps the system from watching.
   */
  async next(signal: AbortSignal): Promise<boolean> {
    const onAbort = (): void => this.#wake?.()
    signal.addEventListener('abort', onAbort)
    try {
      for (;;) {
        if (signal.aborted) return false
        // oxlint-disable-next-line typescript/only-throw-error -- passed on as it came
        if (this.#failure !== undefined) throw this.#failure.error
        const since = this.#changedMs
        const waitMs = since === undefined ? undefined : since + quietMs - performance.now()
        if (waitMs !== undefined && waitMs <= 0) break
        await this.#sleep(waitMs)
      }
      this.#changedMs = undefined
      return true
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  #notice(): void {
    this.#changedMs = performance.now()
    this.#wake?.()
  }

  async #sleep(ms: number | undefined): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((wake) => {
      this.#wake = wake
      if (ms !== undefined) timer = setTimeout(wake, ms)
    })
    clearTimeout(timer)
    this.#wake = undefined
  }

  [Symbol.dispose](): void {
    for (const watcher of this.#watchers) watcher.close()
  }
}
