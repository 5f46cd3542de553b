import type { JobProgress } from './job.ts'
import type { QueueOptions } from './queue-options.ts'

/** Where a report goes; what it does may fail, and is waited for by nobody. */
export interface ReportSink {
  readonly progress: (progress: JobProgress) => void
  readonly line: (text: string) => void
}

/** Hands on what a processor says, in bounds: progress now and then, lines cut to a length. */
export class JobReport implements Disposable {
  readonly #sink: ReportSink
  readonly #options: Pick<QueueOptions, 'progressMs' | 'maxLineLength'>
  #latest: JobProgress | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(sink: ReportSink, options: Pick<QueueOptions, 'progressMs' | 'maxLineLength'>) {
    this.#sink = sink
    this.#options = options
  }

  /** The first at once, the newest of those that follow when it is time. */
  progress(progress: JobProgress): void {
    this.#latest = progress
    if (this.#timer !== undefined) return
    this.#flush()
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#flush()
    }, this.#options.progressMs).unref()
  }

  note(text: string): void {
    const { maxLineLength } = this.#options
    for (const line of text.trimEnd().split('\n')) {
      this.#sink.line(line.length > maxLineLength ? `${line.slice(0, maxLineLength - 1)}…` : line)
    }
  }

  /** Tells where it ended. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
    this.#flush()
  }

  #flush(): void {
    if (this.#latest !== undefined) this.#sink.progress(this.#latest)
    this.#latest = undefined
  }
}
