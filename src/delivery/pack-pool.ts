import { Worker } from 'node:worker_threads'
import type { BatchReply, BatchTask } from './pack-messages.ts'

interface Job {
  readonly task: BatchTask
  readonly onReply: (reply: Exclude<BatchReply, { kind: 'done' | 'failed' }>) => void
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

interface Thread {
  readonly worker: Worker
  job: Job | undefined
}

/** Threads that make batches. Every task settles, also when its thread dies or the pool is disposed of. */
export class PackPool implements AsyncDisposable {
  readonly #limit: number
  readonly #threads: Thread[] = []
  readonly #queue: Job[] = []
  #isClosed = false

  constructor(threads: number) {
    this.#limit = threads
  }

  get threads(): number {
    return this.#limit
  }

  /** Resolves when all of the batch was given to `onReply`. */
  run(task: BatchTask, onReply: Job['onReply']): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#queue.push({ task, onReply, resolve, reject })
    this.#dispatch()
    return promise
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    const jobs = [...this.#queue.splice(0), ...this.#threads.flatMap(({ job }) => job ?? [])]
    for (const job of jobs) job.reject(new Error('the pack pool was closed'))
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()))
  }

  #dispatch(): void {
    while (this.#queue.length > 0 && !this.#isClosed) {
      const thread = this.#threads.find(({ job }) => job === undefined) ?? this.#startAnother()
      if (thread === undefined) return
      const job = this.#queue.shift() as Job
      thread.job = job
      thread.worker.postMessage(job.task)
    }
  }

  #startAnother(): Thread | undefined {
    if (this.#threads.length >= this.#limit) return undefined
    const worker = new Worker(new URL('pack-thread.ts', import.meta.url))
    const thread: Thread = { worker, job: undefined }
    worker.on('message', (reply: BatchReply) => {
      this.#receive(thread, reply)
    })
    worker.on('error', (error) => {
      this.#lose(thread, error)
    })
    worker.on('exit', (code) => {
      this.#lose(thread, new Error(`a pack thread ended with exit code ${code}`))
    })
    this.#threads.push(thread)
    return thread
  }

  #receive(thread: Thread, reply: BatchReply): void {
    const { job } = thread
    if (job === undefined) return
    if (reply.kind === 'content' || reply.kind === 'group') {
      job.onReply(reply)
      return
    }
    thread.job = undefined
    if (reply.kind === 'done') job.resolve()
    else job.reject(new Error(reply.message))
    this.#dispatch()
  }

  #lose(thread: Thread, cause: unknown): void {
    const index = this.#threads.indexOf(thread)
    if (index >= 0) this.#threads.splice(index, 1)
    thread.job?.reject(new Error('a pack thread died', { cause }))
    thread.job = undefined
    this.#dispatch()
  }
}
