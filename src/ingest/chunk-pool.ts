import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { Digest } from '../../manifests/digest.ts'
import { defaultCompressionLevel } from '../chunking/chunk-codec.ts'
import type { ChunkingProfile } from '../chunking/profile.ts'
import type { ChunkReply, ChunkTask, ChunkThreadSetup, CutChunk, PackedSketches } from './chunk-messages.ts'
import type { DigestMap } from '../digest-map.ts'

export interface ChunkPoolOptions {
  readonly profile: ChunkingProfile
  /** Complete: what is added to it later is not seen. */
  readonly known: DigestMap
  readonly compressionLevel?: number
  /** Default: one fewer than there are processors; the walk and the store keep one busy. */
  readonly threads?: number
}

const maxInFlightBytes = 32 << 20

interface Job {
  readonly task: ChunkTask
  readonly onChunk: (chunk: CutChunk) => void
  readonly onSketches: (sketches: PackedSketches) => void
  readonly resolve: (digest: Digest) => void
  readonly reject: (error: Error) => void
}

interface Thread {
  readonly worker: Worker
  job: Job | undefined
  dead: boolean
}

/** Threads that cut, hash and compress. Every task settles, also when its thread dies or the pool is disposed of. */
export class ChunkPool implements AsyncDisposable {
  readonly #threads: Thread[]
  readonly #queue: Job[] = []
  readonly #inFlight = new Int32Array(new SharedArrayBuffer(4))

  constructor(options: ChunkPoolOptions) {
    const setup: ChunkThreadSetup = {
      profile: options.profile,
      compressionLevel: options.compressionLevel ?? defaultCompressionLevel,
      known: options.known.share(),
      inFlight: this.#inFlight.buffer,
      maxInFlightBytes,
    }
    const threads = options.threads ?? Math.max(1, availableParallelism() - 1)
    this.#threads = Array.from({ length: threads }, () => this.#start(setup))
  }

  get threads(): number {
    return this.#threads.length
  }

  /**
   * The digest of the task's content. `onChunk` is called for each of its chunks, in order, before; for one with
   * `stored` bytes, call `release` with their number when they are stored. `onSketches` is called at most once, before,
   * with the sketches that the task asked for. Throws ChunkTaskError.
   */
  run(
    task: ChunkTask,
    onChunk: (chunk: CutChunk) => void,
    onSketches: (sketches: PackedSketches) => void = () => undefined,
  ): Promise<Digest> {
    const { promise, resolve, reject } = Promise.withResolvers<Digest>()
    this.#queue.push({ task, onChunk, onSketches, resolve, reject })
    if (this.#threads.some(({ dead }) => dead)) this.#giveUp(new Error('a thread had died before'))
    else this.#dispatch()
    return promise
  }

  release(storedBytes: number): void {
    Atomics.sub(this.#inFlight, 0, storedBytes)
    Atomics.notify(this.#inFlight, 0)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const jobs = [...this.#queue.splice(0), ...this.#threads.flatMap(({ job }) => job ?? [])]
    for (const job of jobs) job.reject(new ChunkTaskError('ABORTED', 'the chunk pool was closed'))
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()))
  }

  #start(setup: ChunkThreadSetup): Thread {
    const worker = new Worker(new URL('chunk-thread.ts', import.meta.url), {
      workerData: setup,
      // What a thread works on lies outside its heap; the default would let the heap alone grow by 100 MB.
      resourceLimits: { maxYoungGenerationSizeMb: 4 },
    })
    const thread: Thread = { worker, job: undefined, dead: false }
    worker.on('message', (reply: ChunkReply) => this.#receive(thread, reply))
    worker.on('error', (error) => this.#died(thread, error))
    worker.on('exit', (code) => this.#died(thread, new Error(`a chunk thread ended with exit code ${code}`)))
    return thread
  }

  #dispatch(): void {
    for (const thread of this.#threads) {
      if (thread.job !== undefined) continue
      const job = this.#queue.shift()
      if (job === undefined) return
      thread.job = job
      const { task } = job
      thread.worker.postMessage(task, task.kind === 'bytes' ? [task.plain.buffer] : [])
    }
  }

  #receive(thread: Thread, reply: ChunkReply): void {
    const { job } = thread
    if (job === undefined) return
    if (reply.kind === 'chunk') {
      job.onChunk(reply.chunk)
      return
    }
    if (reply.kind === 'sketches') {
      job.onSketches(reply.sketches)
      return
    }
    thread.job = undefined
    if (reply.kind === 'done') job.resolve(reply.digest)
    else job.reject(new ChunkTaskError(reply.code, reply.message))
    this.#dispatch()
  }

  #died(thread: Thread, cause: unknown): void {
    thread.dead = true
    thread.job?.reject(new ChunkTaskError('CHUNKING_FAILED', 'a chunk thread died', cause))
    thread.job = undefined
    this.#giveUp(cause)
  }

  #giveUp(cause: unknown): void {
    for (const job of this.#queue.splice(0)) {
      job.reject(new ChunkTaskError('CHUNKING_FAILED', 'a chunk thread died', cause))
    }
  }
}

/** What went wrong in a chunk thread; `code` is that of the error there. */
export class ChunkTaskError extends Error {
  override readonly name = 'ChunkTaskError'
  readonly code: string

  constructor(code: string, message: string, cause?: unknown) {
    super(message, { cause })
    this.code = code
  }
}
