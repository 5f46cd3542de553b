import { DigestBuilder } from '../../manifests/digest.ts'
import type { FileEntry } from '../../manifests/entry.ts'
import type { ChunkRef } from '../../manifests/manifest.ts'
import type { CallOptions } from '../../storage/blob-store.ts'
import { RepositoryError } from '../repository/errors.ts'
import type { Repository } from '../repository/repository.ts'

const chunksAhead = 4
const keptChunks = 16
const zeros = Buffer.alloc(1 << 16)

/**
 * The contents of one module's files, to be read in about the order of its manifest: then every chunk is fetched
 * once, and some ahead. Memory: 16 chunks, 1 MiB each at most.
 */
export class ModuleContents {
  readonly #repository: Repository
  readonly #chunkTable: readonly ChunkRef[]
  readonly #options: CallOptions
  /** Where each chunk ends in the content stream. */
  readonly #ends: readonly number[]
  /** By index in the chunk table, the one used last at the end. */
  readonly #chunks = new Map<number, Promise<Buffer>>()
  #frontier = 0

  constructor(repository: Repository, chunkTable: readonly ChunkRef[], options: CallOptions) {
    this.#repository = repository
    this.#chunkTable = chunkTable
    this.#options = options
    let end = 0
    this.#ends = chunkTable.map(({ size }) => (end += size))
  }

  /**
   * A file's bytes, its holes as zeros. Throws REPOSITORY_CORRUPT when they are not what the manifest says.
   */
  async *read(file: FileEntry): AsyncGenerator<Buffer, void, undefined> {
    if (file.sparse === undefined) {
      yield* this.#content(file)
      return
    }
    let [position, extent, inExtent] = [0, 0, 0]
    const { data, size } = file.sparse
    for await (let rest of this.#content(file)) {
      for (let next = data[extent]; rest.length > 0 && next !== undefined; next = data[extent]) {
        const [start, length] = next
        yield* zerosOf(start + inExtent - position)
        const part = rest.subarray(0, length - inExtent)
        yield part
        rest = rest.subarray(part.length)
        inExtent += part.length
        position = start + inExtent
        if (inExtent === length) [extent, inExtent] = [extent + 1, 0]
      }
    }
    yield* zerosOf(size - position)
  }

  async *#content({ offset, size, digest }: FileEntry): AsyncGenerator<Buffer, void, undefined> {
    const built = new DigestBuilder()
    const end = offset + size
    for (let index = this.#indexAt(offset), position = offset; position < end; index++) {
      const chunkEnd = this.#ends[index]
      if (chunkEnd === undefined) break
      const chunk = await this.#chunk(index)
      const piece = chunk.subarray(
        chunk.length - (chunkEnd - position),
        chunk.length - chunkEnd + Math.min(end, chunkEnd),
      )
      built.add(piece)
      position += piece.length
      yield piece
    }
    if (built.finish() === digest) return
    throw new RepositoryError(
      'REPOSITORY_CORRUPT',
      `the file's chunks do not add up to its digest ${digest}`,
      {
        hint: "publish the release's content again under a new version",
      },
    )
  }

  async #chunk(index: number): Promise<Buffer> {
    if (index >= this.#frontier) {
      const last = Math.min(index + chunksAhead, this.#chunkTable.length - 1)
      for (let ahead = Math.max(index, this.#frontier); ahead <= last; ahead++) void this.#fetch(ahead)
      this.#frontier = last + 1
    }
    const chunk = this.#fetch(index)
    for (const [oldest] of this.#chunks) {
      if (this.#chunks.size <= keptChunks) break
      this.#chunks.delete(oldest)
    }
    return chunk
  }

  #fetch(index: number): Promise<Buffer> {
    const known = this.#chunks.get(index)
    this.#chunks.delete(index)
    const ref = this.#chunkTable[index]
    if (ref === undefined) throw new TypeError(`there is no chunk ${index}`)
    const chunk = known ?? this.#repository.chunk(ref, this.#options)
    // Whoever asks for it is told; of one that is only fetched ahead nobody may.
    if (known === undefined) chunk.catch(() => undefined)
    this.#chunks.set(index, chunk)
    return chunk
  }

  /** The chunk that has the byte at `offset`. */
  #indexAt(offset: number): number {
    let [low, high] = [0, this.#ends.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#ends[middle] ?? Infinity) > offset) high = middle
      else low = middle + 1
    }
    return low
  }
}

function* zerosOf(length: number): Generator<Buffer, void, undefined> {
  for (let left = length; left > 0; left -= zeros.length)
    yield zeros.subarray(0, Math.min(left, zeros.length))
}
