import type { JobEvent, JobFailure, JobProgress, JobResult, JobState } from './job.ts'
import { hasEnded } from './job.ts'
import type { EventOptions } from './job-queue.ts'

type KeptEvent = Exclude<JobEvent, { readonly kind: 'progress' }>

/** What happened to one job: the newest states and lines, and how far it is. */
export class InlineEvents {
  readonly #max: number
  readonly #kept: KeptEvent[] = []
  #count = 0
  #progress: JobProgress | undefined
  #changed = Promise.withResolvers<void>()

  constructor(max: number) {
    this.#max = max
  }

  state(
    state: JobState,
    {
      failure,
      result,
    }: { readonly failure?: JobFailure | undefined; readonly result?: JobResult | undefined } = {},
  ): void {
    this.#keep({ kind: 'state', id: this.#nextId(), state, failure, result })
  }

  log(text: string): void {
    this.#keep({ kind: 'log', id: this.#nextId(), text })
  }

  progress(progress: JobProgress): void {
    this.#progress = progress
    this.#tell()
  }

  async *from({ after, signal }: EventOptions): AsyncGenerator<JobEvent, void, undefined> {
    let seen = after === undefined ? 0 : Number(after.split('-')[0])
    let shown: JobProgress | undefined
    const isStopped = (): boolean => signal?.aborted === true
    while (!isStopped()) {
      const changed = this.#changed.promise
      const next = this.#kept.find(({ id }) => Number(id.split('-')[0]) > seen)
      if (next !== undefined) {
        seen = Number(next.id.split('-')[0])
        yield next
        continue
      }
      const last = this.#kept.at(-1)
      if (last?.kind === 'state' && hasEnded(last.state)) return
      if (this.#progress !== shown && this.#progress !== undefined) {
        shown = this.#progress
        yield { kind: 'progress', progress: shown }
      } else await Promise.race([changed, abortOf(signal)])
    }
  }

  /** As a stream in Redis has them. */
  #nextId(): string {
    this.#count += 1
    return `${this.#count}-0`
  }

  #keep(event: KeptEvent): void {
    this.#kept.push(event)
    if (this.#kept.length > this.#max) this.#kept.shift()
    this.#tell()
  }

  #tell(): void {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers()
  }
}

async function abortOf(signal: AbortSignal | undefined): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  if (signal?.aborted === true) resolve()
  else signal?.addEventListener('abort', () => resolve(), { once: true })
  return promise
}
