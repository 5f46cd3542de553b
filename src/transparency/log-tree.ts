import { LogError } from './errors.ts'
import { emptyRoot, hashBytes, nodeHash, rootOver, splitOf } from './merkle-hash.ts'
import type { ReadObject } from './read-object.ts'
import { splitTile, tilePath, tileWidth, tileWith } from './tile.ts'

const tileHeight = 8
/** Of 8 KiB each; a proof needs two for each power of 256 in the log's size. */
const tilesKept = 32

/**
 * The hashes of a tree of `size` leaves out of its tiles, of which it asks for those it needs. They are taken at their
 * word: what is proved by them is checked against a signed root.
 */
export class LogTree {
  readonly size: number
  readonly #read: ReadObject
  readonly #tiles = new Map<string, Buffer[]>()

  constructor(size: number, read: ReadObject) {
    this.size = size
    this.#read = read
  }

  /** The tree hash of the leaves from `start` to `end` (exclusive), a range that RFC 6962 §2.1 would divide off. */
  async hash(start: number, end: number): Promise<Buffer> {
    const leaves = end - start
    if (leaves === 0) return emptyRoot()
    const height = Math.round(Math.log2(leaves))
    if (2 ** height === leaves) return this.#complete(start, height)
    const middle = start + splitOf(leaves)
    return nodeHash(await this.hash(start, middle), await this.hash(middle, end))
  }

  /** A subtree of 2^height leaves lies within one tile. */
  async #complete(start: number, height: number): Promise<Buffer> {
    const level = Math.floor(height / tileHeight)
    const first = start / tileWidth ** level
    const count = 2 ** (height % tileHeight)
    const offset = first % tileWidth
    return rootOver((await this.#tile(level, first)).slice(offset, offset + count))
  }

  async #tile(level: number, hashIndex: number): Promise<Buffer[]> {
    const tile = tileWith(level, hashIndex, this.size)
    const path = tilePath(tile)
    const known = this.#tiles.get(path)
    if (known !== undefined) return known
    const bytes = await this.#read(path, tile.width * hashBytes)
    if (bytes === undefined) throw new LogError('LOG_INVALID', `log/${path} is missing`)
    const hashes = splitTile(bytes, tile.width)
    if (hashes === undefined) throw new LogError('LOG_INVALID', `log/${path} has ${bytes.length} bytes`)
    this.#keep(path, hashes)
    return hashes
  }

  #keep(path: string, hashes: Buffer[]): void {
    const [oldest] = this.#tiles.keys()
    if (this.#tiles.size === tilesKept && oldest !== undefined) this.#tiles.delete(oldest)
    this.#tiles.set(path, hashes)
  }
}
