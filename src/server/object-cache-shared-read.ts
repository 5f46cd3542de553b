import type { BlobInfo } from '../../storage/blob-store.ts'

export interface SharedSource {
  /** Of the whole object. */
  readonly info: BlobInfo
  /** From where the read was begun to the object's end. Fails when the signal that it was opened with is aborted. */
  readonly pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>
  /** How many bytes may be held at a time; `Infinity`: all of them, and for longer than they are read. */
  readonly windowBytes: number
}

export interface SharedReadOptions {
  /** Where in the object the read begins. */
  readonly from: number
  readonly open: (signal: AbortSignal) => Promise<SharedSource>
  /** All of the object is held now, or nothing any more, since the read is over or failed and all readers are gone. */
  readonly onOver: (read: SharedRead) => void
}

interface Piece {
  readonly start: number
  readonly bytes: Uint8Array
}

/** What a reader gets: bytes, `end`, or `lost` when it was too slow and what it needs next is held no more. */
export type NextBytes = Uint8Array | 'end' | 'lost'

const handedOut = 65_536

/**
 * One read of an object, for any number of readers that each go at their own speed. It goes as fast as the fastest of
 * them: a reader that falls behind by more than the window loses the read, and holds up nobody.
 */
export class SharedRead {
  /** Rejects with what the source could not be opened for. */
  readonly opened: Promise<BlobInfo>
  readonly from: number
  readonly #options: SharedReadOptions
  readonly #controller = new AbortController()
  readonly #readers = new Set<SharedReader>()
  #windowBytes = 0
  #objectBytes = Infinity
  #pieces: Piece[] = []
  #end: number
  #state: 'under way' | 'whole' | 'ended' = 'under way'
  #error: Error | undefined
  #more = Promise.withResolvers<void>()
  #moved = Promise.withResolvers<void>()

  constructor(options: SharedReadOptions) {
    this.#options = options
    this.from = options.from
    this.#end = options.from
    const opened = Promise.withResolvers<BlobInfo>()
    this.opened = opened.promise
    this.opened.catch(() => undefined)
    void this.#run(opened)
  }

  get isWhole(): boolean {
    return this.#state === 'whole'
  }

  get isIdle(): boolean {
    return this.#readers.size === 0
  }

  /** Whether somebody may begin to read here: at the byte `at`, or at any when all are kept. */
  covers(at: number): boolean {
    if (this.#state === 'ended') return false
    if (this.#windowBytes === Infinity) return true
    return at >= this.#start && at <= this.#end
  }

  attach(at: number): SharedReader {
    const reader = new SharedReader(this, at)
    this.#readers.add(reader)
    return reader
  }

  /** All of the object, once it is whole; as one buffer of its own, so that nothing else is held with it. */
  bytes(): Uint8Array {
    const [only] = this.#pieces
    return only?.bytes ?? new Uint8Array(0)
  }

  /** For its readers. */
  async next(reader: SharedReader): Promise<NextBytes> {
    for (;;) {
      if (reader.at < this.#start) return 'lost'
      const bytes = this.#bytesAt(reader.at)
      if (bytes !== undefined) {
        reader.at += bytes.length
        this.#moved.resolve()
        return bytes
      }
      if (this.#error !== undefined) throw this.#error
      if (this.#state !== 'under way') return 'end'
      await this.#more.promise
      if (!this.#readers.has(reader)) return 'end'
    }
  }

  detach(reader: SharedReader): void {
    if (!this.#readers.delete(reader)) return
    this.#moved.resolve()
    if (this.#readers.size > 0 || this.#state === 'whole') return
    // All has come, and its end is about to.
    if (this.#state === 'under way' && this.#end === this.#objectBytes) return
    if (this.#state === 'under way') this.#controller.abort(new DOMException('nobody reads', 'AbortError'))
    this.#state = 'ended'
    this.#options.onOver(this)
  }

  get #start(): number {
    return this.#pieces[0]?.start ?? this.#end
  }

  async #run(opened: PromiseWithResolvers<BlobInfo>): Promise<void> {
    try {
      const { info, pieces, windowBytes } = await this.#options.open(this.#controller.signal)
      this.#windowBytes = windowBytes
      this.#objectBytes = info.bytes
      opened.resolve(info)
      for await (const bytes of pieces) {
        this.#pieces.push({ start: this.#end, bytes })
        this.#end += bytes.length
        this.#wake()
        await this.#room()
      }
      this.#finish()
    } catch (error) {
      this.#error = error as Error
      this.#over('ended')
      opened.reject(error)
    }
  }

  /** Waits while the window is full and nobody is at its end, where more is wanted. */
  async #room(): Promise<void> {
    if (this.#windowBytes === Infinity) return
    for (;;) {
      const slowest = Math.min(this.#end, ...[...this.#readers].map(({ at }) => at))
      while (this.#pieces[0] !== undefined && pieceEnd(this.#pieces[0]) <= slowest) this.#pieces.shift()
      if (this.#end - this.#start < this.#windowBytes || this.#state !== 'under way') return
      if ([...this.#readers].some(({ at }) => at === this.#end)) {
        this.#pieces.shift()
        continue
      }
      this.#moved = Promise.withResolvers()
      await this.#moved.promise
    }
  }

  #finish(): void {
    const isHeld = this.#windowBytes === Infinity
    if (isHeld) this.#pieces = [{ start: 0, bytes: joined(this.#pieces, this.#end) }]
    this.#over(isHeld ? 'whole' : 'ended')
  }

  #over(state: 'whole' | 'ended'): void {
    if (this.#state !== 'under way') return
    this.#state = state
    if (state === 'whole' || this.isIdle) this.#options.onOver(this)
    this.#wake()
  }

  #wake(): void {
    this.#more.resolve()
    this.#more = Promise.withResolvers()
  }

  #bytesAt(at: number): Uint8Array | undefined {
    if (at >= this.#end) return undefined
    let [low, high] = [0, this.#pieces.length - 1]
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.#pieces[middle]?.start ?? 0) <= at) low = middle
      else high = middle - 1
    }
    const piece = this.#pieces[low]
    return piece?.bytes.subarray(at - piece.start, at - piece.start + handedOut)
  }
}

/** One reader's place in a shared read. Must be detached. */
export class SharedReader {
  readonly read: SharedRead
  /** The byte of the object that comes next. */
  at: number

  constructor(read: SharedRead, at: number) {
    this.read = read
    this.at = at
  }

  async next(): Promise<NextBytes> {
    return this.read.next(this)
  }

  detach(): void {
    this.read.detach(this)
  }
}

function pieceEnd({ start, bytes }: Piece): number {
  return start + bytes.length
}

function joined(pieces: readonly Piece[], length: number): Uint8Array {
  // What comes from a socket are parts of larger buffers, which would be held with them.
  const all = Buffer.allocUnsafeSlow(length)
  for (const { start, bytes } of pieces) all.set(bytes, start)
  return all
}
