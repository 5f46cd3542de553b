import { gearTable } from '../chunking/gear-table.ts'
import { insertBelow } from './insert-below.ts'

declare const brand: unique symbol

/**
 * What a content is made of, in a few numbers: the smallest features that it has (16 to 128 of them, 32 bits each),
 * ascending, each once. The share of features that two sketches have in common estimates how much the contents do.
 *
 * That is Broder's resemblance ("On the resemblance and containment of documents", 1997) over a bottom-k sample
 * (Cohen and Kaplan, "Summarizing data using bottom-k sketches", PODC 2007). Super-features, as in REBL (Kulkarni et
 * al., USENIX ATC 2004) and Finesse (Zhang et al., FAST 2019), are smaller, but find only what is very alike: two
 * builds of a program that resemble each other by 0.3, since every address moved, share one of four super-features
 * of three features in one case of ten, and one of 32 smallest features as good as always.
 */
export type Sketch = Uint32Array & { readonly [brand]: 'Sketch' }

/** A content with fewer bytes has no sketch: its delta could not save what the sketch takes. */
export const minSketchedBytes = 512

/** A content with fewer features in all, such as zeros, has no sketch: they would say nothing. */
export const minFeatures = 4

/** No sketch has more. */
export const maxFeatures = 128

/** A feature is a hash of so many bytes. In machine code addresses change every 20 bytes or so: it must fit between. */
const windowBytes = 16

const rankBits = 5
const maxRank = (1 << rankBits) - 1

/** One position in 2^4 is a feature, until there are more than are kept. */
const firstMask = (1 << 4) - 1

/** How many features the sketch of a content of `size` bytes has at most: more where parts of it may lie anywhere. */
export function featuresOf(size: number): number {
  if (size < 16 << 10) return 16
  if (size < 256 << 10) return 32
  return size < 2 << 20 ? 64 : maxFeatures
}

/**
 * Sketches content that arrives in pieces, of any sizes, in constant memory.
 *
 * A feature is a 16-byte window that ends where the gear hash (format §9.1) ends in zeros. The more zeros, the smaller
 * the feature, which is `31 − zeros` in its highest 5 bits and a hash of the window below. Hence the only thing that
 * is done for every byte is the gear hash: once there are as many features as are kept, a position can only bring
 * a smaller one when it has at least as many zeros as the largest kept.
 */
export class Sketcher {
  readonly #size: number
  readonly #limit: number
  readonly #features: Uint32Array
  /** The last bytes of what was added, with room for those that complete their windows. */
  readonly #seam = new Uint8Array(2 * windowBytes)
  #seamBytes = 0
  readonly #gear = new Int32Array(1)
  /** Runs of one byte have one gear hash. */
  #lastHash = 0
  #mask = firstMask
  #largest = 2 ** 32
  #count = 0

  /** `size`: how many bytes the whole content has. */
  constructor(size: number) {
    this.#size = size
    this.#limit = featuresOf(size)
    this.#features = new Uint32Array(this.#limit)
  }

  add(piece: Uint8Array): this {
    if (this.#size < minSketchedBytes) return this
    const begin = this.#crossSeam(piece)
    this.#scan(piece, begin)
    if (begin < piece.length) this.#keep(piece)
    return this
  }

  /** Undefined for a content that is too small or too plain. */
  finish(): Sketch | undefined {
    if (this.#count < minFeatures) return undefined
    return this.#features.slice(0, this.#count) as Sketch
  }

  /** Handles the positions whose windows begin before the piece; returns how many they are. */
  #crossSeam(piece: Uint8Array): number {
    const added = piece.subarray(0, windowBytes)
    this.#seam.set(added, this.#seamBytes)
    const end = this.#seamBytes + added.length
    this.#scan(this.#seam.subarray(0, end), this.#seamBytes)
    const kept = Math.min(end, windowBytes)
    this.#seam.copyWithin(0, end - kept, end)
    this.#seamBytes = kept
    return added.length
  }

  /** Remembers the end of a piece that is longer than a window. */
  #keep(piece: Uint8Array): void {
    this.#seam.set(piece.subarray(piece.length - windowBytes))
    this.#seamBytes = windowBytes
  }

  #scan(bytes: Uint8Array, from: number): void {
    for (
      let end = nextZeros(bytes, from, this.#mask, this.#gear);
      end !== -1;
      end = nextZeros(bytes, end, this.#mask, this.#gear)
    ) {
      // Windows must not begin before the content.
      if (end >= windowBytes) this.#consider(bytes, end)
    }
  }

  /** Takes the feature that ends at `end`, if it is among the smallest. */
  #consider(bytes: Uint8Array, end: number): void {
    const hash = this.#gear[0] as number
    if (hash === this.#lastHash) return
    this.#lastHash = hash
    const feature = featureOf(hash, hashWindow(bytes, end - windowBytes))
    if (feature >= this.#largest) return
    this.#count = insertBelow(this.#features, this.#count, feature)
    if (this.#count < this.#limit) return
    this.#largest = this.#features[this.#limit - 1] as number
    this.#mask = maskOf(this.#largest)
  }
}

/** The sketch of a content that is in memory. */
export function sketchOf(content: Uint8Array): Sketch | undefined {
  return new Sketcher(content.length).add(content).finish()
}

/**
 * Where the first window from `from` on ends whose gear hash has no bit of `mask`; -1 when there is none. `gear` is the
 * gear hash before and after. Four bytes a round, as where contents are cut, and for the same reason.
 */
function nextZeros(bytes: Uint8Array, from: number, mask: number, gear: Int32Array): number {
  const table = gearTable
  let hash = gear[0] as number
  const lastRound = bytes.length - 4
  let i = from
  for (; i <= lastRound; i += 4) {
    hash = ((hash << 1) + (table[bytes[i] as number] as number)) | 0
    if ((hash & mask) === 0) return found(i + 1, hash, gear)
    hash = ((hash << 1) + (table[bytes[i + 1] as number] as number)) | 0
    if ((hash & mask) === 0) return found(i + 2, hash, gear)
    hash = ((hash << 1) + (table[bytes[i + 2] as number] as number)) | 0
    if ((hash & mask) === 0) return found(i + 3, hash, gear)
    hash = ((hash << 1) + (table[bytes[i + 3] as number] as number)) | 0
    if ((hash & mask) === 0) return found(i + 4, hash, gear)
  }
  for (; i < bytes.length; i++) {
    hash = ((hash << 1) + (table[bytes[i] as number] as number)) | 0
    if ((hash & mask) === 0) return found(i + 1, hash, gear)
  }
  return found(-1, hash, gear)
}

function found(end: number, hash: number, gear: Int32Array): number {
  gear[0] = hash
  return end
}

function featureOf(gearHash: number, windowHash: number): number {
  const rank = Math.min(maxRank, 31 - Math.clz32(gearHash & -gearHash) + (gearHash === 0 ? 32 : 0))
  return (((maxRank - rank) << (32 - rankBits)) | (windowHash >>> rankBits)) >>> 0
}

/** What a gear hash must not have a bit of, to have as many zeros as the feature's had. */
function maskOf(feature: number): number {
  const rank = maxRank - (feature >>> (32 - rankBits))
  return 2 ** rank - 1
}

/** MurmurHash3 (Appleby, x86 32 bits) of 16 bytes: quicker than a call into WebAssembly. */
function hashWindow(bytes: Uint8Array, from: number): number {
  let hash = 0
  for (let i = from; i < from + windowBytes; i += 4) {
    let word =
      (bytes[i] as number) |
      ((bytes[i + 1] as number) << 8) |
      ((bytes[i + 2] as number) << 16) |
      ((bytes[i + 3] as number) << 24)
    word = Math.imul(word, 0xcc9e2d51)
    hash ^= Math.imul((word << 15) | (word >>> 17), 0x1b873593)
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0
  }
  hash ^= windowBytes
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}
