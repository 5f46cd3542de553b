import { digestFromBytes } from '../../manifests/digest.ts'
import { decodeBundle, encodeBundle, maxBundleBytes } from './entry-bundle.ts'
import { LogError } from './errors.ts'
import type { LogHead } from './log-head.ts'
import { leafHash } from './merkle-hash.ts'
import { needObject, type LogObject, type ReadObject } from './read-object.ts'
import { entriesPath, splitTile, tilePath, tileWidth } from './tile.ts'
import { TreeEdge } from './tree-edge.ts'

/**
 * The right edge of a log: what appending to it takes, however long it is. Memory: that of a TreeEdge, and the up to 255
 * entries of the last bundle.
 */
export class LogEdge {
  readonly #tree: TreeEdge
  #entries: Buffer[]

  private constructor(tree: TreeEdge, entries: Buffer[]) {
    this.#tree = tree
    this.#entries = entries
  }

  static empty(): LogEdge {
    return new LogEdge(TreeEdge.empty(), [])
  }

  /**
   * The edge of the log that has this head: one request for each power of 256 in its size, and one for entries. Throws
   * LOG_INVALID unless what it reads is what was signed.
   */
  static async read(head: LogHead, read: ReadObject): Promise<LogEdge> {
    const tree = await TreeEdge.read(head.size, async (tile, maxBytes) => {
      const hashes = splitTile(await needObject(read, tilePath(tile), maxBytes), tile.width)
      if (hashes === undefined) throw damaged(tilePath(tile))
      return hashes
    })
    if (digestFromBytes(tree.root()) !== head.root) {
      const problem = `the tiles at the log's end do not lead to its signed root at ${head.size} entries`
      throw new LogError('LOG_INVALID', problem)
    }
    return new LogEdge(tree, await readLastEntries(tree, read))
  }

  get size(): number {
    return this.#tree.size
  }

  head(origin: string): LogHead {
    return { origin, size: this.size, root: digestFromBytes(this.#tree.root()) }
  }

  /** Returns what is full by it, and so will never change: a bundle of entries and tiles, lowest first. */
  append(entry: Buffer): LogObject[] {
    this.#entries.push(entry)
    const tiles = this.#tree.push(leafHash(entry)).map(({ tile, bytes }) => ({ path: tilePath(tile), bytes }))
    if (this.#entries.length < tileWidth) return tiles
    const path = entriesPath({ index: this.size / tileWidth - 1, width: tileWidth })
    const bytes = encodeBundle(this.#entries)
    this.#entries = []
    return [{ path, bytes }, ...tiles]
  }

  /** The objects that are not full at this size; a log that has them, and the full ones, is complete. */
  partialObjects(): LogObject[] {
    const tiles = this.#tree.partialTiles().map(({ tile, bytes }) => ({ path: tilePath(tile), bytes }))
    const width = this.#entries.length
    if (width === 0) return tiles
    const index = Math.floor(this.size / tileWidth)
    return [{ path: entriesPath({ index, width }), bytes: encodeBundle(this.#entries) }, ...tiles]
  }
}

async function readLastEntries(tree: TreeEdge, read: ReadObject): Promise<Buffer[]> {
  const hashes = tree.lastLeaves()
  if (hashes.length === 0) return []
  const path = entriesPath({ index: Math.floor(tree.size / tileWidth), width: hashes.length })
  const entries = decodeBundle(await needObject(read, path, maxBundleBytes), hashes.length)
  const isRight = entries?.every((entry, i) => hashes[i]?.equals(leafHash(entry)) === true)
  if (entries === undefined || isRight !== true) throw damaged(path)
  return entries
}

function damaged(path: string): LogError {
  return new LogError(
    'LOG_INVALID',
    `log/${path} is damaged: its bytes are not those that the log's head was signed for`,
  )
}
