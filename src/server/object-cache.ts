import type { BlobBody, BlobInfo, ByteRange, CallOptions } from '../../storage/blob-store.ts'
import { resolveRange } from '../../storage/byte-range.ts'
import { BlobNotFoundError, StoreUnavailableError } from '../../storage/errors.ts'
import { destroyOnAbort, orAborted } from '../../storage/abort.ts'
import { isSame, SharedBody } from './object-cache-body.ts'
import type { DirectoryTier } from './object-cache-directory.ts'
import { LatestReads } from './object-cache-latest.ts'
import { SharedRead, type SharedReader, type SharedSource } from './object-cache-shared-read.ts'
import type { ObjectReader } from './serve-object.ts'

/**
 * How a read was answered: out of `memory`, by a read of the store that somebody else had begun (`shared`), out of the
 * `directory`, by a read of the `store`, or by one that is not kept (`passed`: ranges of what is not in memory).
 */
export type CacheOutcome = 'memory' | 'shared' | 'directory' | 'store' | 'passed'

export interface ObjectCacheOptions {
  /** For all that is held, or being read. An object of more than a sixteenth is passed on and not kept. */
  readonly maxBytes: number
  /** Whether what lies under a key never changes. */
  readonly isImmutable: (key: string) => boolean
  readonly directory?: DirectoryTier | undefined
  readonly onRead?: ((outcome: CacheOutcome) => void) | undefined
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number
}

interface Whole {
  readonly info: BlobInfo
  readonly bytes: Uint8Array
}

/** What is held of a read, and since when the store is known to have the same. */
interface Held {
  readonly key: string
  bytes: number
  checkedAt: number
  isInDirectory: boolean
  checking: Promise<boolean> | undefined
}

/** So long what was mended or deleted in the store may still be served as it was. */
export const believedMs = 10 * 60_000
/** When the store could not say whether it still has an object. */
const retryMs = 30_000

/**
 * A store of which each immutable object is read once, however many ask for it at once, and then held in memory for as
 * long as there is room. What is replaced is held by nobody: whoever asks for it gets it as it was after he asked.
 */
export class ObjectCache implements ObjectReader {
  readonly #store: ObjectReader
  readonly #options: ObjectCacheOptions
  readonly #latest: LatestReads<Whole>
  /** Longest unused first. */
  readonly #held = new Map<SharedRead, Held>()
  readonly #reads = new Map<string, SharedRead[]>()
  #usedBytes = 0

  constructor(store: ObjectReader, options: ObjectCacheOptions) {
    this.#store = store
    this.#options = options
    this.#latest = new LatestReads(async (key) => this.#readWhole(key))
  }

  get name(): string {
    return this.#store.name
  }

  /** Held in memory, by reads under way too. */
  get usedBytes(): number {
    return this.#usedBytes
  }

  async stat(
    key: string,
    options?: CallOptions & { readonly anew?: boolean },
  ): Promise<BlobInfo | undefined> {
    if (this.#options.isImmutable(key)) {
      const read = options?.anew === true ? undefined : await this.#wholeRead(key)
      return read === undefined ? this.#store.stat(key, options) : read.opened
    }
    try {
      return (await orAborted(this.#latest.get(key).result, options?.signal)).info
    } catch (error) {
      if (error instanceof BlobNotFoundError) return undefined
      throw error
    }
  }

  async get(key: string, options: CallOptions & { readonly range?: ByteRange } = {}): Promise<BlobBody> {
    if (!this.#options.isImmutable(key)) return this.#getLatest(key, options)
    const { range, signal } = options
    const whole = await this.#wholeRead(key)
    if (range !== undefined && whole === undefined) {
      this.#tell('passed')
      return this.#store.get(key, options)
    }
    return this.#share(key, range, signal)
  }

  async #getLatest(
    key: string,
    { range, signal }: CallOptions & { readonly range?: ByteRange },
  ): Promise<BlobBody> {
    const { result, shared } = this.#latest.get(key)
    this.#tell(shared ? 'shared' : 'store')
    const { info, bytes } = await orAborted(result, signal)
    const { start, end } = resolveRange(this.name, key, range, info.bytes)
    const pieces = [bytes.subarray(start, end)]
    const read = new SharedRead({
      from: start,
      open: async () => Promise.resolve({ info, pieces, windowBytes: Infinity }),
      onOver: () => undefined,
    })
    return { info, stream: destroyOnAbort(this.#body(key, info, read.attach(start), end), signal) }
  }

  async #share(
    key: string,
    range: ByteRange | undefined,
    signal: AbortSignal | undefined,
  ): Promise<BlobBody> {
    for (let isSecond = false; ; isSecond = true) {
      const { reader, began } = this.#attach(key, range?.start ?? 0)
      try {
        const info = await orAborted(reader.read.opened, signal)
        const { end } = resolveRange(this.name, key, range, info.bytes)
        return { info, stream: destroyOnAbort(this.#body(key, info, reader, end), signal) }
      } catch (error) {
        reader.detach()
        // Somebody else's look may have been before what we know of was stored.
        if (isSecond || began || !(error instanceof BlobNotFoundError)) throw error
      }
    }
  }

  #body(key: string, info: BlobInfo, reader: SharedReader, end: number): SharedBody {
    return new SharedBody({
      reader,
      end,
      again: async (at) => {
        const { reader: next } = this.#attach(key, at)
        const found = await next.read.opened.catch(() => undefined)
        if (found !== undefined && isSame(found, info)) return next
        next.detach()
        throw new StoreUnavailableError(this.name, key, 'was replaced while it was read', { transient: true })
      },
    })
  }

  #attach(key: string, at: number): { readonly reader: SharedReader; readonly began: boolean } {
    const read = this.#reads.get(key)?.find((known) => known.covers(at))
    if (read === undefined) {
      const begun = this.#begin(key, at)
      return { reader: begun.attach(at), began: true }
    }
    this.#tell(read.isWhole ? 'memory' : 'shared')
    this.#touch(read)
    return { reader: read.attach(at), began: false }
  }

  #begin(key: string, from: number): SharedRead {
    const read: SharedRead = new SharedRead({
      from,
      open: async (signal) => {
        // Not before `read` is known here.
        await Promise.resolve()
        return this.#open(read, key, signal)
      },
      onOver: (over) => this.#over(over),
    })
    const held = { key, bytes: 0, checkedAt: this.#options.now(), isInDirectory: false, checking: undefined }
    this.#held.set(read, held)
    this.#reads.set(key, [...(this.#reads.get(key) ?? []), read])
    return read
  }

  async #open(read: SharedRead, key: string, signal: AbortSignal): Promise<SharedSource> {
    const stored = read.from === 0 ? await this.#fromDirectory(key, signal) : undefined
    if (stored !== undefined) {
      this.#tell('directory')
      const held = this.#held.get(read)
      if (held !== undefined)
        [held.isInDirectory, held.checkedAt] = [true, this.#options.now() - stored.ageMs]
      return {
        info: stored.info,
        pieces: [stored.bytes],
        windowBytes: this.#reserve(read, stored.info.bytes),
      }
    }
    this.#tell('store')
    const range = read.from === 0 ? undefined : { start: read.from, end: Infinity }
    const { info, stream } = await this.#store.get(key, { signal, ...(range !== undefined && { range }) })
    return { info, pieces: stream, windowBytes: this.#reserve(read, info.bytes) }
  }

  /** The window of a read: all of a small object, a part of a large one, next to nothing where memory is spent. */
  #reserve(read: SharedRead, objectBytes: number): number {
    const window = Math.floor(this.#options.maxBytes / 16)
    const isKept = read.from === 0 && objectBytes <= window
    const bytes = isKept ? objectBytes : window
    const held = this.#held.get(read)
    if (held === undefined || !this.#makeRoom(bytes)) return 1
    held.bytes = bytes
    this.#usedBytes += bytes
    return isKept ? Infinity : window
  }

  #makeRoom(bytes: number): boolean {
    for (const read of this.#held.keys()) {
      if (this.#usedBytes + bytes <= this.#options.maxBytes) break
      if (read.isWhole && read.isIdle) this.#drop(read)
    }
    return this.#usedBytes + bytes <= this.#options.maxBytes
  }

  #over(read: SharedRead): void {
    if (read.isWhole) void this.#keep(read)
    else this.#drop(read)
  }

  #drop(read: SharedRead): void {
    const held = this.#held.get(read)
    if (held === undefined) return
    this.#held.delete(read)
    this.#usedBytes -= held.bytes
    const others = this.#reads.get(held.key)?.filter((other) => other !== read) ?? []
    if (others.length === 0) this.#reads.delete(held.key)
    else this.#reads.set(held.key, others)
  }

  #touch(read: SharedRead): void {
    const held = this.#held.get(read)
    if (held === undefined) return
    this.#held.delete(read)
    this.#held.set(read, held)
  }

  /** The read that holds all of an object which the store is known to have as well. */
  async #wholeRead(key: string): Promise<SharedRead | undefined> {
    const read = this.#reads.get(key)?.find(({ isWhole }) => isWhole)
    const held = read && this.#held.get(read)
    if (read === undefined || held === undefined) return undefined
    if (this.#options.now() - held.checkedAt < believedMs) return read
    held.checking ??= this.#check(read, held)
    return (await held.checking) ? read : undefined
  }

  async #check(read: SharedRead, held: Held): Promise<boolean> {
    const info = await read.opened
    const isThere = await this.#isInStore(info)
    held.checking = undefined
    if (isThere === false) {
      this.#drop(read)
      await this.#options.directory?.remove(held.key)
      return false
    }
    // While the store cannot say, what we have is better than nothing.
    held.checkedAt = this.#options.now() - (isThere === undefined ? believedMs - retryMs : 0)
    if (isThere === true) await this.#options.directory?.confirm(held.key, new Date())
    return true
  }

  /** Undefined: the store cannot say. */
  async #isInStore(info: BlobInfo, options?: CallOptions): Promise<boolean | undefined> {
    try {
      const stored = await this.#store.stat(info.key, options)
      return stored !== undefined && isSame(stored, info)
    } catch (error) {
      if (options?.signal?.aborted === true) throw error
      return undefined
    }
  }

  async #fromDirectory(
    key: string,
    signal: AbortSignal,
  ): Promise<(Whole & { readonly ageMs: number }) | undefined> {
    const { directory } = this.#options
    const stored = await directory?.read(key)
    if (directory === undefined || stored === undefined) return undefined
    const { info, bytes, checkedAt } = stored
    const ageMs = Date.now() - checkedAt.getTime()
    if (ageMs >= 0 && ageMs < believedMs) return { info, bytes, ageMs }
    const isThere = await this.#isInStore(info, { signal })
    if (isThere === false) {
      await directory.remove(key)
      return undefined
    }
    if (isThere === true) await directory.confirm(key, new Date())
    return { info, bytes, ageMs: isThere === true ? 0 : believedMs - retryMs }
  }

  async #keep(read: SharedRead): Promise<void> {
    const { directory } = this.#options
    const held = this.#held.get(read)
    if (directory === undefined || held === undefined || held.isInDirectory) return
    await directory.write(held.key, await read.opened, read.bytes())
  }

  async #readWhole(key: string): Promise<Whole> {
    const { info, stream } = await this.#store.get(key)
    const pieces: Uint8Array[] = []
    for await (const piece of stream as AsyncIterable<Uint8Array>) pieces.push(piece)
    return { info, bytes: Buffer.concat(pieces) }
  }

  #tell(outcome: CacheOutcome): void {
    this.#options.onRead?.(outcome)
  }
}
