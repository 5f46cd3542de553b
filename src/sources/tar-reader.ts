import type { SourceEntry } from '../../manifests/entry.ts'
import { ByteReader } from './byte-reader.ts'
import { SourceError, type SourceErrorCode } from './errors.ts'
import { sparseNameOf } from './pax-attributes.ts'
import { blockBytes, headerProblem, isZero, parseHeader, type TarHeader } from './tar-header.ts'
import { dataSizeOf, entryOf, isRegular, type MemberFacts } from './tar-member.ts'
import { PrefaceReader, type Preface } from './tar-preface.ts'
import { paxSparseOf, readDataMap, readOldMap, sparseMapOf, type PaxSparse } from './tar-sparse.ts'

export interface TarMember {
  /** Its path was checked; a hard link's target too, but not that it is there. */
  readonly entry: SourceEntry
  /** Of a file: of a sparse one its data. To be read, or not, before the next member is asked for. */
  readonly content: AsyncIterable<Uint8Array>
}

export interface TarReaderOptions {
  /** The archive, as people named it; for messages. */
  readonly source: string
  /** Told of what a member has and no manifest says in that form; `path` is one character a byte. */
  readonly onLost?: (path: string, what: string) => void
  /** A slash before a name stands for the root of the tree, as in images of containers. Default: it is refused. */
  readonly isRooted?: boolean
  /**
   * It may end after any member, without padding and the blocks of zeros, as umoci writes layers. Only for what is
   * known to be whole by a digest.
   */
  readonly mayLackEnd?: boolean
}

/**
 * The members of a tar archive as they come: ustar, GNU and PAX, with names and values as bytes. Refuses what
 * programs are known to read differently, since what one of them checked another might unpack. Throws SourceError
 * naming the member, or where in the archive its header is; what reading `input` throws. Memory: one header and one
 * piece of content.
 */
export async function* readTar(
  input: AsyncIterable<Uint8Array>,
  options: TarReaderOptions,
): AsyncGenerator<TarMember, void, undefined> {
  const reader = new TarReader(input, options)
  try {
    for (let facts = await reader.next(); facts !== undefined; facts = await reader.next()) {
      yield await reader.member(facts)
      await reader.endMember()
    }
  } finally {
    await reader.close()
  }
}

class TarReader {
  readonly #bytes: ByteReader
  readonly #options: TarReaderOptions
  readonly #prefaces: PrefaceReader
  /** Of the member at hand. */
  #name: string | undefined
  #contentLeft = 0
  #padding = 0

  constructor(input: AsyncIterable<Uint8Array>, options: TarReaderOptions) {
    this.#bytes = new ByteReader(input)
    this.#options = options
    this.#prefaces = new PrefaceReader(this.#bytes, (...what) => this.#error(...what))
  }

  close(): Promise<void> {
    return this.#bytes.close()
  }

  /** All that stands before the next member's data; undefined at the end of the archive. */
  async next(): Promise<MemberFacts | undefined> {
    this.#name = undefined
    const preface: Preface = {}
    for (;;) {
      const header = await this.#header()
      if (header === undefined) {
        if (Object.keys(preface).length > 0)
          throw this.#error('SOURCE_DAMAGED', 'ends after an extended header')
        return undefined
      }
      if (!(await this.#prefaces.take(header, preface))) return this.#factsOf(header, preface)
    }
  }

  async member(facts: MemberFacts): Promise<TarMember> {
    this.#name = facts.name
    const { attributes } = facts
    this.#contentLeft = facts.size
    this.#padding = (blockBytes - (facts.size % blockBytes)) % blockBytes
    const sparse = await this.#sparseOf(facts)
    const entry = this.#attempt(() => entryOf(facts, { sparse }))
    for (const what of attributes.lost) this.#options.onLost?.(entry.path, what)
    return { entry, content: this.#content() }
  }

  async endMember(): Promise<void> {
    await this.#skip(this.#contentLeft)
    this.#contentLeft = 0
    if (this.#options.mayLackEnd === true) await this.#bytes.skip(this.#padding)
    else await this.#skip(this.#padding)
    this.#padding = 0
  }

  async *#content(): AsyncGenerator<Buffer, void, undefined> {
    while (this.#contentLeft > 0) {
      const piece = await this.#bytes.readSome(this.#contentLeft)
      if (piece.length === 0) throw this.#cutOff()
      this.#contentLeft -= piece.length
      yield piece
    }
  }

  async #skip(bytes: number): Promise<void> {
    if (bytes > 0 && (await this.#bytes.skip(bytes)) < bytes) throw this.#cutOff()
  }

  /** Undefined after the two blocks of zeros that end an archive. */
  async #header(): Promise<TarHeader | undefined> {
    const place = this.#bytes.position
    const block = Buffer.from(await this.#bytes.read(blockBytes))
    if (block.length === 0 && this.#options.mayLackEnd === true) return undefined
    if (block.length < blockBytes) {
      const problem =
        block.length === 0 ? 'without the blocks of zeros that end an archive' : 'in the middle of a header'
      throw this.#error('SOURCE_DAMAGED', `is cut off at byte ${place}, ${problem}`)
    }
    if (isZero(block)) {
      await this.#end(place)
      return undefined
    }
    const problem = headerProblem(block)
    if (problem !== undefined) throw this.#error('SOURCE_DAMAGED', `the header at byte ${place} ${problem}`)
    return parseHeader(block)
  }

  async #end(place: number): Promise<void> {
    const second = await this.#bytes.read(blockBytes)
    if (second.length < blockBytes) {
      throw this.#error(
        'SOURCE_DAMAGED',
        `is cut off at byte ${place}, within the blocks of zeros that end it`,
      )
    }
    if (!isZero(second))
      throw this.#error('SOURCE_DAMAGED', `has a single block of zeros in its middle, at byte ${place}`)
    for await (const piece of this.#bytes.rest()) {
      if (!isZero(piece)) {
        const problem = `goes on after its end at byte ${place}; if archives were put together, publish each of them`
        throw this.#error('SOURCE_REFUSED', problem)
      }
    }
  }

  #factsOf(header: TarHeader, { longName, longLink, pax }: Preface): MemberFacts {
    const attributes = pax ?? this.#prefaces.globalAttributes()
    this.#name = attributes.path ?? longName ?? header.name
    return this.#attempt(() => {
      refuseDifferent('name', attributes.path, longName)
      refuseDifferent('link text', attributes.linkPath, longLink)
      this.#name = sparseNameOf(attributes) ?? this.#name ?? ''
      return {
        header,
        attributes,
        name: this.#name,
        linkName: attributes.linkPath ?? longLink ?? header.linkName,
        size: dataSizeOf(header, attributes.size),
        isRooted: this.#options.isRooted ?? false,
      }
    })
  }

  async #sparseOf(facts: MemberFacts): Promise<ReturnType<typeof sparseMapOf>> {
    const sparse = this.#attempt(() => paxSparseOf(facts.attributes.sparse))
    if (facts.header.type === 'S') {
      if (sparse !== undefined) throw this.#error('SOURCE_REFUSED', 'has two maps of holes')
      return this.#oldSparse(facts)
    }
    if (sparse === undefined) return undefined
    if (!isRegular(facts)) throw this.#error('SOURCE_REFUSED', 'has a map of holes, and is no file')
    return this.#paxSparse(sparse)
  }

  async #oldSparse(facts: MemberFacts): Promise<ReturnType<typeof sparseMapOf>> {
    const { map, size } = await this.#attemptAsync(() => readOldMap(facts.header.block, () => this.#block()))
    return this.#attempt(() => sparseMapOf(size, map, facts.size))
  }

  async #paxSparse(sparse: PaxSparse): Promise<ReturnType<typeof sparseMapOf>> {
    let { map } = sparse
    if (map === undefined) {
      const read = await this.#attemptAsync(() => readDataMap(() => this.#block(), this.#contentLeft))
      map = read.map
      this.#contentLeft -= read.bytes
    }
    const extents = map
    return this.#attempt(() => sparseMapOf(sparse.size, extents, this.#contentLeft))
  }

  async #block(): Promise<Buffer> {
    const block = await this.#bytes.read(blockBytes)
    if (block.length < blockBytes) throw this.#cutOff()
    return block
  }

  #attempt<R>(action: () => R): R {
    try {
      return action()
    } catch (error) {
      throw this.#refusal(error)
    }
  }

  async #attemptAsync<R>(action: () => Promise<R>): Promise<R> {
    try {
      return await action()
    } catch (error) {
      throw this.#refusal(error)
    }
  }

  #refusal(error: unknown): unknown {
    if (error instanceof SourceError || !(error instanceof Error) || 'code' in error) return error
    return this.#error('SOURCE_REFUSED', error.message, error)
  }

  #cutOff(): SourceError {
    return this.#error('SOURCE_DAMAGED', `is cut off at byte ${this.#bytes.position}`)
  }

  #error(code: SourceErrorCode, problem: string, cause?: unknown): SourceError {
    return new SourceError(code, { source: this.#options.source, member: this.#name }, problem, cause)
  }
}

function refuseDifferent(what: string, byPax: string | undefined, byGnu: string | undefined): void {
  if (byPax === undefined || byGnu === undefined || byPax === byGnu) return
  throw new Error(`has one ${what} by PAX and another by GNU tar`)
}
