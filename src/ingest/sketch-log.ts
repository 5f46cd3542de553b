import { minSketchedBytes, type Sketch } from '../similarity/sketch.ts'
import type { SketchedContent } from '../similarity/sketch-set.ts'
import { digestToBytes, type Digest } from '../../manifests/digest.ts'
import { DigestMap } from '../digest-map.ts'
import type { PackedSketches } from './chunk-messages.ts'

/** Sketches from an earlier publish. */
export interface EarlierSketches {
  readonly size: number
  has(digest: Digest): boolean
  /** Undefined also for a content that is too plain to have one. */
  sketchOf(digest: Digest): Sketch | undefined
}

/**
 * Collects the sketches of a tree's contents while they are made. Memory: about 50 bytes a content, and, of one that no
 * earlier publish has sketched, the sketch.
 */
export class SketchLog {
  readonly #repeatedBytes: number
  readonly #earlier: EarlierSketches | undefined
  readonly #packs: PackedSketches[] = []
  readonly #ordinals: number[] = []
  readonly #files: number[] = []
  readonly #sizes: number[] = []
  /** Of the pack that a row's sketch lies in, and where in it; −1: an earlier publish has it. */
  readonly #packOf: number[] = []
  readonly #placeOf: number[] = []

  /** A content of `repeatedBytes` or more may be added more than once. */
  constructor(repeatedBytes: number, earlier: EarlierSketches | undefined) {
    this.#repeatedBytes = repeatedBytes
    this.#earlier = earlier
  }

  /** Whether there are any sketches of earlier publishes. */
  get hasEarlier(): boolean {
    return this.#earlier !== undefined && this.#earlier.size > 0
  }

  /** Whether the content of a row has to be sketched. */
  lacks(row: number, digest: Digest): boolean {
    return this.#packOf[row] === -1 && this.#earlier?.has(digest) !== true
  }

  /** Takes note of a content, in the order of the walk; returns its row, or undefined if it is too small. */
  add(ordinal: number, file: number, size: number): number | undefined {
    if (size < minSketchedBytes) return undefined
    this.#files.push(file)
    this.#sizes.push(size)
    this.#packOf.push(-1)
    this.#placeOf.push(0)
    return this.#ordinals.push(ordinal) - 1
  }

  /** The sketches of these rows, as they were made. */
  set(rows: readonly number[], sketches: PackedSketches): void {
    const pack = this.#packs.push(sketches) - 1
    let place = 0
    for (const row of rows) {
      this.#packOf[row] = pack
      this.#placeOf[row] = place
      place += 1 + (sketches[place] ?? 0)
    }
  }

  /** Each content once, in the order of the walk. `digestOf` tells the digest of a file by its number. */
  *contents(digestOf: (file: number) => Digest): Generator<SketchedContent, void, undefined> {
    const seen = new DigestMap()
    for (const [row, ordinal] of this.#ordinals.entries()) {
      const digest = digestOf(this.#files[row] ?? 0)
      const size = this.#sizes[row] ?? 0
      if (size >= this.#repeatedBytes && !seen.add(digest)) continue
      const digestStart = digestToBytes(digest).subarray(0, 8)
      yield { ordinal, size, digestStart, sketch: this.#sketch(row, digest) }
    }
  }

  #sketch(row: number, digest: Digest): Sketch | undefined {
    const pack = this.#packs[this.#packOf[row] ?? -1]
    if (pack === undefined) return this.#earlier?.sketchOf(digest)
    const place = this.#placeOf[row] ?? 0
    const count = pack[place] ?? 0
    return count === 0 ? undefined : (pack.subarray(place + 1, place + 1 + count) as Sketch)
  }
}
