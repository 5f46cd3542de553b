import { hashBytes } from './merkle-hash.ts'

/** How many hashes, or entries, a full tile has (C2SP tlog-tiles). */
export const tileWidth = 256

/** Of a level-0 tile the hashes are those of leaves; of a higher one, the roots of full tiles of the level below. */
export interface Tile {
  readonly level: number
  /** Within the level. */
  readonly index: number
  /** Hashes in it; `tileWidth` when it is full. */
  readonly width: number
}

/** Relative to the log: `tile/0/x001/234`, and `tile/0/000.p/17` for a tile of 17 hashes. */
export function tilePath({ level, index, width }: Tile): string {
  return `tile/${level}/${indexPath(index)}${partialSuffix(width)}`
}

/** Where the entries of a level-0 tile are. */
export function entriesPath({ index, width }: Omit<Tile, 'level'>): string {
  return `tile/entries/${indexPath(index)}${partialSuffix(width)}`
}

/** The tile that has the `index`-th hash of a level, as a tree of `size` leaves has it. */
export function tileWith(level: number, index: number, size: number): Tile {
  const tile = Math.floor(index / tileWidth)
  const hashes = hashesAt(level, size)
  return { level, index: tile, width: Math.min(tileWidth, hashes - tile * tileWidth) }
}

/** How many hashes all tiles of a level have together in a tree of `size` leaves. */
export function hashesAt(level: number, size: number): number {
  return Math.floor(size / tileWidth ** level)
}

/** The tiles that a tree of `size` leaves has at its right edge and that are not full, lowest first. */
export function partialTiles(size: number): Tile[] {
  const tiles: Tile[] = []
  for (let level = 0; hashesAt(level, size) > 0; level++) {
    const hashes = hashesAt(level, size)
    const width = hashes % tileWidth
    if (width > 0) tiles.push({ level, index: Math.floor(hashes / tileWidth), width })
  }
  return tiles
}

/** The hashes of a stored tile; undefined when it has not that width. */
export function splitTile(bytes: Uint8Array, width: number): Buffer[] | undefined {
  if (bytes.length !== width * hashBytes) return undefined
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Array.from({ length: width }, (_, i) => whole.subarray(i * hashBytes, (i + 1) * hashBytes))
}

/** Three digits a component, all but the last behind an `x`, so that no path is both a file and a directory. */
function indexPath(index: number): string {
  const digits = String(index)
  const padded = digits.padStart(Math.ceil(digits.length / 3) * 3, '0')
  const groups = padded.match(/\d{3}/g) ?? []
  return groups.map((group, i) => (i < groups.length - 1 ? `x${group}` : group)).join('/')
}

function partialSuffix(width: number): string {
  return width === tileWidth ? '' : `.p/${width}`
}
