import { closeSync, fstatSync, ftruncateSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { PackError } from '../pack/errors.ts'
import { decodePackHeader, packHeaderLength, packLength, preambleBytes } from '../pack/pack-header.ts'
import type { PackHeader } from '../pack/pack-header.ts'
import { PackReader } from '../pack/pack-reader.ts'
import { FileView } from './file-view.ts'
import type { HttpFetcher } from './http-fetcher.ts'
import { RangeUnfitError, SlowError, type Body, type BodyStart, type Mirror } from './mirror.ts'
import { readIfThere } from './read-if-there.ts'
import { refusePack, type WantedPack } from './refuse-pack.ts'

export interface PackDownloadRequest extends WantedPack {
  readonly fetcher: HttpFetcher
  readonly signal?: AbortSignal | undefined
}

/** For a pack of which nothing has come yet: there are the chunks, too. */
const firstAttempts = 2
const attempts = 5
/** Less than that in a try is no progress. */
const progressBytes = 64 << 10
const minBytesPerSecond = 1000
const graceMs = 30_000

/**
 * A pack on its way into a file, where it stays for a later run to go on with. Not a byte more is taken than the
 * header declares. Whatever is wrong with it is a PackError; nobody's fault but the network's is a MachineError.
 */
export class PackDownload implements AsyncDisposable {
  readonly #request: PackDownloadRequest
  readonly #fd: number
  readonly #stopping = new AbortController()
  #header: PackHeader | undefined
  #length: number | undefined
  #received = 0
  /** The most there ever was: a body that begins anew is progress only beyond it. */
  #most = 0
  #counted = 0
  #etag: string | undefined
  #total: number | undefined
  #end: { readonly error: unknown } | undefined
  #changed = Promise.withResolvers<undefined>()
  #work: Promise<void> = Promise.resolve()
  /** Whether some mirror had it in this run. */
  #isBegun = false
  /** Whom all that is there is of; undefined when it is of several, or of an earlier run. */
  #source: Mirror | undefined

  private constructor(request: PackDownloadRequest) {
    this.#request = request
    this.#fd = openSync(request.path.part, 'a+')
    this.#resume()
  }

  /** Undefined when the repository has no such pack; otherwise what comes has its header, and goes on coming. */
  static async begin(request: PackDownloadRequest): Promise<PackDownload | undefined> {
    const download = new PackDownload(request)
    try {
      const isThere = await download.#start()
      if (isThere) return download
    } catch (error) {
      await download.abandon(error)
      throw error
    }
    await download.abandon()
    return undefined
  }

  get header(): PackHeader {
    if (this.#header === undefined) throw new TypeError('a pack without a header')
    return this.#header
  }

  /** Of the whole pack, in bytes. */
  get length(): number {
    return this.#length ?? 0
  }

  get received(): number {
    return this.#received
  }

  /** The mirror is left that gave the pack, if it was one alone: other bytes are needed than it has. */
  blame(error: PackError): void {
    if (this.#source !== undefined) this.#request.fetcher.leave(this.#source, error)
  }

  /** A reader of what is there. Throws a PackError when the pack was begun anew, and is not what it was. */
  reader(): PackReader {
    return new PackReader(FileView.borrowedFile(this.#fd))
  }

  /**
   * Waits until so many bytes are there as `bytesOf` says when the header is: it is asked again when the pack turns out
   * to be another one meanwhile. Throws a PackError or a MachineError.
   */
  async until(bytesOf: (download: this) => number, onBytes?: (received: number) => void): Promise<void> {
    for (;;) {
      onBytes?.(this.#received)
      if (this.#header !== undefined && this.#received >= bytesOf(this)) return
      if (this.#end !== undefined) throw this.#end.error
      await this.#changed.promise
    }
  }

  /** Stops, and removes the file if that is what went wrong, or nothing did. */
  async abandon(error?: unknown): Promise<void> {
    await this[Symbol.asyncDispose]()
    if (error === undefined || error instanceof PackError) this.#remove()
  }

  /** Stops; what is there stays there. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#stopping.signal.aborted) return
    this.#stopping.abort(new Error('stopped'))
    await this.#work
    closeSync(this.#fd)
  }

  #remove(): void {
    rmSync(this.#request.path.part, { force: true })
    rmSync(this.#request.path.validator, { force: true })
  }

  /** Goes on where an earlier run ended. */
  #resume(): void {
    const { size } = fstatSync(this.#fd)
    const etag = readIfThere(this.#request.path.validator)?.toString('utf8')
    if (etag === undefined || !/^"[!#-~]*"$/.test(etag)) return this.#restart()
    this.#etag = etag
    this.#received = size
    try {
      this.#readHeader()
    } catch (error) {
      if (!(error instanceof PackError)) throw error
      this.#restart()
    }
    this.#most = this.#received
    if (this.#length !== undefined && this.#received > this.#length) this.#restart()
  }

  #restart(): void {
    ftruncateSync(this.#fd, 0)
    this.#received = 0
    this.#header = undefined
    this.#length = undefined
    this.#etag = undefined
    this.#total = undefined
    this.#source = undefined
  }

  /** Resolves when the header is there: to false when there is no pack. */
  async #start(): Promise<boolean> {
    if (this.#isComplete) return true
    const isThere = Promise.withResolvers<boolean>()
    this.#work = this.#fetch(isThere.resolve)
      .then(
        () => undefined,
        (error: unknown) => {
          this.#end = { error }
          isThere.reject(error)
          this.#announce()
        },
      )
      .finally(() => isThere.resolve(false))
    if (!(await isThere.promise)) return false
    await this.until(() => 0)
    return true
  }

  get #isComplete(): boolean {
    return this.#length !== undefined && this.#received === this.#length
  }

  async #fetch(answer: (isThere: boolean) => void): Promise<void> {
    const { fetcher, path, signal } = this.#request
    const either =
      signal === undefined ? this.#stopping.signal : AbortSignal.any([signal, this.#stopping.signal])
    const options = {
      signal: either,
      attempts: () => (this.#most > 0 ? attempts : firstAttempts),
      hasAdvanced: () => this.#hasAdvanced(),
    }
    for (;;) {
      const refused = await fetcher.persist(path.url, options, async (mirror) => {
        const body = await this.#open(mirror, either)
        // Not every mirror has every pack.
        if (body === undefined) return this.#isBegun ? noMore() : undefined
        this.#isBegun = true
        answer(true)
        return this.#takeOrRefuse(body)
      })
      if (!this.#isBegun) answer(false)
      if (refused === undefined) return
      if (!this.#mayGoOn(refused)) throw refused
      this.#restart()
    }
  }

  /** Whether it was the mirror's fault, and there is another one to ask. */
  #mayGoOn(refused: PackError): boolean {
    if (refused.code !== 'PACK_CORRUPT' || this.#source === undefined) return false
    return this.#request.fetcher.leave(this.#source, refused)
  }

  /** What is wrong with the pack itself no other try betters. */
  async #takeOrRefuse(body: Body): Promise<PackError | undefined> {
    try {
      await this.#take(body)
      return undefined
    } catch (error) {
      if (error instanceof PackError) return error
      throw error
    }
  }

  #hasAdvanced(): boolean {
    const hasAdvanced = this.#most - this.#counted >= progressBytes
    this.#counted = this.#most
    return hasAdvanced
  }

  async #open(mirror: Mirror, signal: AbortSignal): Promise<Body | undefined> {
    try {
      return await mirror.open(this.#request.path.url, { resume: this.#resumeAt(), signal })
    } catch (error) {
      if (error instanceof RangeUnfitError) this.#restart()
      throw error
    }
  }

  #resumeAt(): BodyStart | undefined {
    if (this.#received > 0 && this.#etag !== undefined) return { at: this.#received, etag: this.#etag }
    this.#restart()
    return undefined
  }

  async #take(body: Body): Promise<void> {
    if (body.start === 0) this.#restart()
    this.#source = this.#received === 0 || body.mirror === this.#source ? body.mirror : undefined
    this.#remember(body.etag)
    this.#total = body.total
    this.#checkLength()
    const started = performance.now()
    const before = this.#received
    for await (const piece of body.pieces) {
      this.#write(piece)
      this.#announce()
      const ms = performance.now() - started
      if (ms > graceMs + ((this.#received - before) / minBytesPerSecond) * 1000)
        throw new SlowError('too slow')
    }
    if (this.#isComplete) return
    if (this.#total !== undefined && this.#received === this.#total) {
      throw new PackError('PACK_CORRUPT', `the pack ends after ${this.#received} bytes, inside itself`)
    }
    throw new Error('the connection ended before the pack did')
  }

  /** The validator is there before the first byte that it is of. */
  #remember(etag: string | undefined): void {
    this.#etag = etag
    if (etag === undefined) rmSync(this.#request.path.validator, { force: true })
    else writeFileSync(this.#request.path.validator, etag)
  }

  #write(piece: Buffer): void {
    const room = (this.#length ?? Infinity) - this.#received
    if (piece.length > room) throw tooLong()
    try {
      for (let done = 0; done < piece.length;) done += writeSync(this.#fd, piece, done)
    } catch (cause) {
      throw new PackError('PACK_TOO_LARGE', `the pack cannot be kept: ${(cause as Error).message}`, { cause })
    }
    this.#received += piece.length
    this.#most = Math.max(this.#most, this.#received)
    if (this.#header === undefined) this.#readHeader()
  }

  /** As soon as it is there. */
  #readHeader(): void {
    if (this.#received < preambleBytes) return
    const file = FileView.borrowedFile(this.#fd)
    const headerLength = packHeaderLength(file.readAt(0, preambleBytes))
    if (this.#received < headerLength) return
    const header = decodePackHeader(file.readAt(0, headerLength))
    const length = packLength(header, headerLength)
    refusePack({ header, length, received: this.#received }, this.#request)
    this.#header = header
    this.#length = length
    this.#checkLength()
    if (this.#received > length) throw tooLong()
  }

  #checkLength(): void {
    if (this.#length === undefined || this.#total === undefined || this.#length === this.#total) return
    throw new PackError('PACK_CORRUPT', `the pack declares ${this.#length} bytes and has ${this.#total}`)
  }

  #announce(): void {
    this.#changed.resolve(undefined)
    this.#changed = Promise.withResolvers()
  }
}

function noMore(): PackError {
  return new PackError('PACK_CORRUPT', 'the pack went away while it came')
}

function tooLong(): PackError {
  return new PackError('PACK_CORRUPT', 'the pack goes on behind its declared end')
}
