import { Readable } from 'node:stream'
import type { Backoff } from './backoff.ts'
import type { BlobBody, ByteRange } from './blob-store.ts'
import { StoreUnavailableError } from './errors.ts'

export interface ResumableRead {
  readonly store: string
  readonly first: BlobBody
  /** Of what `first` streams, both ends inside the blob. */
  readonly range: ByteRange
  readonly reopen: (range: ByteRange) => Promise<BlobBody>
  readonly backoff: Backoff
  readonly signal: AbortSignal | undefined
}

/**
 * A body that goes on where it broke off. Fails when it breaks off too often without a byte of progress, or when the
 * blob was written anew meanwhile.
 */
export class ResumingBody extends Readable {
  readonly #read: ResumableRead
  #position: number
  #failures = 0
  #source: Readable | undefined
  #pieces: AsyncIterator<Uint8Array, undefined> | undefined

  constructor(read: ResumableRead) {
    super()
    this.#read = read
    this.#position = read.range.start
    this.#source = watched(read.first.stream)
  }

  override _read(): void {
    this.#nextPiece().then(
      (piece) => this.push(piece),
      (error: unknown) => this.destroy(error instanceof Error ? error : new Error(String(error))),
    )
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#source?.destroy()
    done(error)
  }

  /** `null` at the end. */
  async #nextPiece(): Promise<Uint8Array | null> {
    while (this.#position < this.#read.range.end && !this.destroyed) {
      try {
        this.#pieces ??= await this.#open()
        const { done, value: piece } = await this.#pieces.next()
        if (done === true) break
        this.#position += piece.byteLength
        this.#failures = 0
        return piece
      } catch (error) {
        this.#pieces = undefined
        this.#source = undefined
        this.#failures += 1
        if (error instanceof ChangedWhileReadError) throw error
        await this.#read.backoff.wait(this.#failures, error, this.#read.signal)
      }
    }
    return null
  }

  async #open(): Promise<AsyncIterator<Uint8Array, undefined>> {
    this.#source ??= watched(await this.#reopen())
    if (this.destroyed) this.#source.destroy()
    return this.#source[Symbol.asyncIterator]() as AsyncIterator<Uint8Array, undefined>
  }

  async #reopen(): Promise<Readable> {
    const { first, range, reopen, store } = this.#read
    const { info, stream } = await reopen({ start: this.#position, end: range.end })
    if (info.etag === first.info.etag) return stream
    stream.destroy()
    throw new ChangedWhileReadError(store, info.key)
  }
}

/** Its failure is seen when it is read; until then it must not end the process as an unhandled one. */
function watched(source: Readable): Readable {
  return source.on('error', () => undefined)
}

/** Worth a whole new read, but not going on with this one. */
class ChangedWhileReadError extends StoreUnavailableError {
  constructor(store: string, key: string) {
    super(store, key, 'was written anew while it was being read', { transient: true })
  }
}
