import { emptyRoot, hashBytes, rootOver } from './merkle-hash.ts'
import { partialTiles, tileWidth, type Tile } from './tile.ts'

export interface TileBytes {
  readonly tile: Tile
  readonly bytes: Buffer
}

/**
 * The hashes of a tree's tiles that are not full, which is all that it takes to append to it and to know its root.
 * Memory: 8 KiB at most for each power of 256 in its size.
 */
export class TreeEdge {
  #size: number
  readonly #levels: Buffer[][]

  private constructor(size: number, levels: Buffer[][]) {
    this.#size = size
    this.#levels = levels
  }

  static empty(): TreeEdge {
    return new TreeEdge(0, [])
  }

  /** The edge of a tree of `size` leaves out of its partial tiles. `read` throws for what is not there. */
  static async read(
    size: number,
    read: (tile: Tile, maxBytes: number) => Promise<Buffer[]>,
  ): Promise<TreeEdge> {
    const levels: Buffer[][] = []
    for (const tile of partialTiles(size)) {
      while (levels.length < tile.level) levels.push([])
      levels.push(await read(tile, tile.width * hashBytes))
    }
    return new TreeEdge(size, levels)
  }

  get size(): number {
    return this.#size
  }

  root(): Buffer {
    let root: Buffer | undefined
    for (const hashes of this.#levels) {
      const subtrees = root === undefined ? hashes : [...hashes, root]
      if (subtrees.length > 0) root = rootOver(subtrees)
    }
    return root ?? emptyRoot()
  }

  /** Of the lowest tile that is not full. */
  lastLeaves(): readonly Buffer[] {
    return this.#levels[0] ?? []
  }

  /** Returns the tiles that are full by it, lowest first. */
  push(leaf: Buffer): TileBytes[] {
    this.#size += 1
    const full: TileBytes[] = []
    this.#add(0, leaf, full)
    return full
  }

  partialTiles(): TileBytes[] {
    return partialTiles(this.#size).map((tile) => ({
      tile,
      bytes: Buffer.concat(this.#levels[tile.level] ?? []),
    }))
  }

  #add(level: number, hash: Buffer, full: TileBytes[]): void {
    const hashes = (this.#levels[level] ??= [])
    hashes.push(hash)
    if (hashes.length < tileWidth) return
    const index = this.#size / tileWidth ** (level + 1) - 1
    full.push({ tile: { level, index, width: tileWidth }, bytes: Buffer.concat(hashes) })
    this.#levels[level] = []
    this.#add(level + 1, rootOver(hashes), full)
  }
}
