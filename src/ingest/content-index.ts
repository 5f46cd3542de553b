import { digestFromBytes, digestToBytes, type Digest } from '../../manifests/digest.ts'
import type { PlacedContent } from './entry-spool.ts'
import type { Segment } from './stream-layout.ts'

/**
 * Digest, segment and place in it of every file with content, in the order of the walk: 44 bytes a file, whose
 * offset is known once all segments are placed.
 */
export class ContentIndex {
  #digests = new Uint8Array(32 * 1024)
  #segments = new Int32Array(1024)
  #starts = new Float64Array(1024)
  readonly #segmentList: Segment[] = []
  #files = 0

  /** Returns the file's number. `digest` may follow by `setDigest`. */
  add(segment: Segment, start: number, digest?: Digest): number {
    if (this.#segmentList.at(-1) !== segment) this.#segmentList.push(segment)
    return this.#addAt(this.#segmentList.length - 1, start, digest)
  }

  /** A file with the content of an earlier one. */
  addSame(file: number): number {
    return this.#addAt(this.#segments[file] ?? 0, this.#starts[file] ?? 0, this.#digestOf(file))
  }

  setDigest(file: number, digest: Digest): void {
    this.#digests.set(digestToBytes(digest), file * 32)
  }

  placeOf(file: number): PlacedContent {
    const segment = this.#segmentList[this.#segments[file] ?? 0]
    if (segment === undefined) throw new RangeError(`there is no file ${file}`)
    return { digest: this.#digestOf(file), offset: segment.offset + (this.#starts[file] ?? 0) }
  }

  #addAt(segment: number, start: number, digest: Digest | undefined): number {
    if (this.#files === this.#segments.length) this.#grow()
    const file = this.#files++
    this.#segments[file] = segment
    this.#starts[file] = start
    if (digest !== undefined) this.setDigest(file, digest)
    return file
  }

  #digestOf(file: number): Digest {
    return digestFromBytes(this.#digests.subarray(file * 32, file * 32 + 32))
  }

  #grow(): void {
    this.#digests = larger(this.#digests, new Uint8Array(this.#digests.length * 2))
    this.#segments = larger(this.#segments, new Int32Array(this.#segments.length * 2))
    this.#starts = larger(this.#starts, new Float64Array(this.#starts.length * 2))
  }
}

function larger<Numbers extends { set(values: Numbers): void }>(from: Numbers, to: Numbers): Numbers {
  to.set(from)
  return to
}
