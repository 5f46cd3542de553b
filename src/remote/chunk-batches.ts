import { Readable } from 'node:stream'
import type { Digest } from '../../manifests/digest.ts'
import { isTransient } from '../../storage/backoff.ts'
import { Limiter } from '../../storage/limiter.ts'
import {
  digestBytes,
  frameHead,
  frameHeadBytes,
  readDigests,
  writeDigests,
  type ChunkFrame,
} from './chunk-frames.ts'
import { RemoteProblem } from './errors.ts'
import type { RemoteConnection } from './remote-connection.ts'

export interface ChunkBatchesOptions {
  readonly connection: RemoteConnection
  /** Whether chunks that the server has are to be written anew. */
  readonly isMended: () => boolean
  readonly maxBytes?: number | undefined
}

interface Waiting {
  readonly frame: ChunkFrame
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** Two of them are on their way while a third is gathered: more bytes the chunk pool does not let wait. */
const defaultMaxBytes = 12 << 20
const batchesAtOnce = 3
const maxChunks = 4000
/** While everything is missing, so many batches go without a question at the most, and each time so many times more. */
const maxUnasked = 20
const growth = 4

/**
 * Gathers chunks, and sends them many at once. Of a batch whose connection was cut only that is sent again which the
 * server does not have by then. Chunks that the server has from elsewhere are found out by asking before a batch is
 * sent: always while some are found, ever more seldom while none are.
 */
export class ChunkBatches {
  readonly #options: ChunkBatchesOptions
  readonly #limiter = new Limiter(batchesAtOnce)
  #waiting: Waiting[] = []
  #waitingBytes = 0
  #unasked = 0
  #mayPass = 0

  constructor(options: ChunkBatchesOptions) {
    this.#options = options
  }

  /** Resolves when the server has stored it. */
  async add(frame: ChunkFrame, signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const bytes = frame.stored.length + frameHeadBytes
    const { maxBytes = defaultMaxBytes } = this.#options
    if (this.#waitingBytes + bytes > maxBytes || this.#waiting.length === maxChunks) this.send(signal)
    this.#waiting.push({ frame, resolve, reject })
    this.#waitingBytes += bytes
    await promise
  }

  /** What waits, now. */
  send(signal: AbortSignal | undefined): void {
    if (this.#waiting.length === 0) return
    const batch = this.#waiting
    this.#waiting = []
    this.#waitingBytes = 0
    const frames = batch.map(({ frame }) => frame)
    this.#limiter
      .run(async () => this.#sendBatch(frames, signal), signal)
      .then(
        () => batch.forEach(({ resolve }) => resolve()),
        (error: unknown) => batch.forEach(({ reject }) => reject(error)),
      )
  }

  async #sendBatch(frames: readonly ChunkFrame[], signal: AbortSignal | undefined): Promise<void> {
    const { connection } = this.#options
    let left = this.#isToAsk() ? await this.#lacking(frames, signal) : frames
    if (left !== frames) this.#learn(frames.length - left.length)
    for (let failures = 1; left.length > 0; failures++) {
      try {
        await this.#sendOnce(left, signal)
        return
      } catch (error) {
        if (!isTransient(error)) throw error
        const isAnswer = (error as Error).cause instanceof RemoteProblem
        const before = left.length
        if (!isAnswer && !this.#options.isMended()) left = await this.#lacking(left, signal)
        if (left.length < before) failures = 1
        await connection.backoff.wait(failures, error, signal)
      }
    }
  }

  #isToAsk(): boolean {
    if (this.#options.isMended()) return false
    if (this.#unasked >= this.#mayPass) return true
    this.#unasked++
    return false
  }

  #learn(found: number): void {
    this.#unasked = 0
    this.#mayPass = found > 0 ? 0 : Math.min(maxUnasked, (this.#mayPass + 1) * growth)
  }

  async #sendOnce(frames: readonly ChunkFrame[], signal: AbortSignal | undefined): Promise<void> {
    const { connection, isMended } = this.#options
    const bytes = frames.reduce((sum, { stored }) => sum + frameHeadBytes + stored.length, 0)
    await connection.onceFor(
      {
        method: 'POST',
        path: `v1/chunks${isMended() ? '?mend=yes' : ''}`,
        body: { type: 'application/octet-stream', bytes, open: () => Readable.from(framed(frames)) },
        needsToken: true,
        // All of them may have to be stored yet when the last has arrived.
        timeoutMs: 300_000,
        signal,
      },
      maxAnswerBytes,
    )
  }

  async #lacking(
    frames: readonly ChunkFrame[],
    signal: AbortSignal | undefined,
  ): Promise<readonly ChunkFrame[]> {
    const asked = writeDigests(frames.map(({ digest }) => digest))
    const { bytes } = await this.#options.connection.askFor(
      {
        method: 'POST',
        path: 'v1/chunks/missing',
        body: { type: 'application/octet-stream', bytes: asked.length, open: () => asked },
        needsToken: true,
        signal,
      },
      frames.length * digestBytes,
    )
    const missing = new Set<Digest>(bytes.length === 0 ? [] : readDigests(bytes, frames.length))
    return frames.filter(({ digest }) => missing.has(digest))
  }
}

const maxAnswerBytes = 64 << 10

function* framed(frames: readonly ChunkFrame[]): Generator<Buffer, void, undefined> {
  for (const frame of frames) yield Buffer.concat([frameHead(frame), frame.stored])
}
