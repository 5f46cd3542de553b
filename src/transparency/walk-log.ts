import { digestFromBytes, type Digest } from '../../manifests/digest.ts'
import { decodeBundle, maxBundleBytes } from './entry-bundle.ts'
import { LogError } from './errors.ts'
import type { LogHead } from './log-head.ts'
import { emptyRoot, hashBytes, leafHash } from './merkle-hash.ts'
import type { ReadObject } from './read-object.ts'
import { entriesPath, splitTile, tilePath, tileWidth, tileWith } from './tile.ts'
import { TreeEdge, type TileBytes } from './tree-edge.ts'

export interface LogFinding {
  /** `log/tile/0/000`, `entry 17`, `channels/stable.json` */
  readonly what: string
  readonly problem: string
}

/** A head that the log is to have had. */
export interface Milestone {
  readonly head: LogHead
  readonly onOther: () => void
}

/** A tree out of entries or tiles, and the roots that it had at the sizes of milestones. */
interface Side {
  readonly tree: TreeEdge
  readonly roots: Map<number, Digest>
  /** Paths of the higher tiles that are stored otherwise. */
  readonly mismatched: string[]
}

function newSide(): Side {
  return { tree: TreeEdge.empty(), roots: new Map(), mismatched: [] }
}

/** Entries one after another, as far as they can be read. */
export interface WalkedEntries {
  readonly first: number
  readonly entries: readonly Buffer[]
}

export interface WalkOptions {
  readonly milestones?: readonly Milestone[]
  /** Where to end in a log that is longer; what leads to its head is then unknown. Default: its head. */
  readonly maxEntries?: number
}

/** Of a head that somebody invented, whatever it says of its size, nothing is there. */
const maxFindings = 1000

/**
 * Reads a log from its first entry to its head, and finds all that does not lead there: entries that are not those of
 * the lowest tiles, tiles that are not those over the tiles below, a root that is not the head's, milestones that are no
 * prefixes. Memory does not grow with the log; each object is read once. It ends early where next to nothing is right.
 */
export class LogWalk {
  readonly findings: LogFinding[] = []
  readonly #head: LogHead
  readonly #read: ReadObject
  readonly #maxEntries: number
  readonly #milestones = new Map<number, Milestone[]>()
  /** Bundles that say something else than the tiles over them; which of the two is wrong shows at the end. */
  readonly #differing: { readonly bundle: string; readonly tile: string; readonly entry: number }[] = []
  #byEntries: Side | undefined = newSide()
  #byTiles: Side | undefined = newSide()

  constructor(
    head: LogHead,
    read: ReadObject,
    { milestones = [], maxEntries = Number.POSITIVE_INFINITY }: WalkOptions = {},
  ) {
    this.#head = head
    this.#read = read
    this.#maxEntries = maxEntries
    for (const milestone of milestones) {
      const { size } = milestone.head
      this.#milestones.set(size, [...(this.#milestones.get(size) ?? []), milestone])
    }
  }

  async *entries(): AsyncGenerator<WalkedEntries, void, undefined> {
    for (let first = 0; first < this.#head.size; first += tileWidth) {
      if (this.#endsAt(first)) return
      const entries = await this.#bundle(first)
      if (entries !== undefined) yield { first, entries }
    }
    await this.#compareTiles(this.#byEntries?.tree.partialTiles(), this.#byTiles?.tree.partialTiles())
    this.#conclude()
  }

  #endsAt(first: number): boolean {
    const { size } = this.#head
    const isTooWrong = this.findings.length + this.#differing.length >= maxFindings
    if (!isTooWrong && first < this.#maxEntries) return false
    const why = isTooWrong ? 'too much of it is missing or wrong' : 'it is longer than is to be believed'
    this.findings.push({ what: 'the log', problem: `was read to entry ${first} of ${size} only: ${why}` })
    return true
  }

  async #bundle(first: number): Promise<Buffer[] | undefined> {
    const tile = tileWith(0, first, this.#head.size)
    const [bundle, hashes] = [entriesPath(tile), tilePath(tile)]
    const found = await this.#object(bundle, maxBundleBytes, (bytes) => decodeBundle(bytes, tile.width))
    const leaves = await this.#object(hashes, tile.width * hashBytes, (bytes) => splitTile(bytes, tile.width))
    const byEntries = found?.map(leafHash)
    if (byEntries !== undefined && leaves !== undefined) {
      const at = byEntries.findIndex((hash, i) => leaves[i]?.equals(hash) !== true)
      if (at >= 0) this.#differing.push({ bundle, tile: hashes, entry: first + at })
    }
    const entryTiles = this.#extend(this.#byEntries, byEntries)
    const leafTiles = this.#extend(this.#byTiles, leaves ?? byEntries)
    if (entryTiles === undefined) this.#byEntries = undefined
    if (leafTiles === undefined) this.#byTiles = undefined
    await this.#compareTiles(entryTiles, leafTiles)
    return found
  }

  /** The tiles that are full by these leaves. A side that lacks some ends there. */
  #extend(side: Side | undefined, leaves: readonly Buffer[] | undefined): TileBytes[] | undefined {
    if (side === undefined || leaves === undefined) return undefined
    const { tree, roots } = side
    return leaves.flatMap((leaf) => {
      const full = tree.push(leaf)
      if (this.#milestones.has(tree.size)) roots.set(tree.size, digestFromBytes(tree.root()))
      return full
    })
  }

  /** Higher tiles as they are stored against those that each side makes. */
  async #compareTiles(
    entryTiles: readonly TileBytes[] | undefined,
    leafTiles: readonly TileBytes[] | undefined,
  ): Promise<void> {
    for (const { tile, bytes } of leafTiles ?? entryTiles ?? []) {
      if (tile.level === 0) continue
      const path = tilePath(tile)
      const stored = await this.#object(path, bytes.length, (found) => found)
      if (stored === undefined) continue
      for (const [side, tiles] of [
        [this.#byEntries, entryTiles],
        [this.#byTiles, leafTiles],
      ] as const) {
        const made = tiles?.find((each) => tilePath(each.tile) === path)
        if (made !== undefined && !stored.equals(made.bytes)) side?.mismatched.push(path)
      }
    }
  }

  #conclude(): void {
    const [byEntries, byTiles] = [this.#leads(this.#byEntries), this.#leads(this.#byTiles)]
    for (const { bundle, tile, entry } of this.#differing) {
      if (byEntries)
        this.findings.push({ what: `log/${tile}`, problem: `does not have the hash of entry ${entry}` })
      else
        this.findings.push({
          what: `log/${bundle}`,
          problem: `entry ${entry} is not the one that log/${tile} has`,
        })
    }
    if (!byEntries && !byTiles && this.#byTiles !== undefined) {
      const { size, root } = this.#head
      this.findings.push({
        what: 'the log',
        problem: `does not lead to the head at ${size} entries, ${root}`,
      })
    }
    const right = byEntries ? this.#byEntries : byTiles ? this.#byTiles : undefined
    for (const path of (right ?? this.#byTiles)?.mismatched ?? []) {
      this.findings.push({ what: `log/${path}`, problem: 'does not have the hashes of the tiles below it' })
    }
    this.#judgeMilestones(right)
  }

  /** By what leads to the head. Where nothing does, no other head can be told from a right one. */
  #judgeMilestones(right: Side | undefined): void {
    for (const { head, onOther } of [...this.#milestones.values()].flat()) {
      const root = head.size === 0 ? digestFromBytes(emptyRoot()) : right?.roots.get(head.size)
      const isLonger = head.size > this.#head.size
      const isOther = root !== undefined && (root !== head.root || head.origin !== this.#head.origin)
      if (isLonger || isOther) onOther()
    }
  }

  #leads(side: Side | undefined): boolean {
    return side !== undefined && digestFromBytes(side.tree.root()) === this.#head.root
  }

  async #object<T>(
    path: string,
    maxBytes: number,
    parse: (bytes: Buffer) => T | undefined,
  ): Promise<T | undefined> {
    try {
      const bytes = await this.#read(path, maxBytes)
      const parsed = bytes === undefined ? undefined : parse(bytes)
      if (parsed !== undefined) return parsed
      const problem =
        bytes === undefined ? 'is missing' : `has not the form it must have (${bytes.length} bytes)`
      this.findings.push({ what: `log/${path}`, problem })
    } catch (error) {
      if (!(error instanceof LogError)) throw error
      this.findings.push({ what: `log/${path}`, problem: error.message })
    }
    return undefined
  }
}
