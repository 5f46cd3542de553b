import type { ChunkRef } from '../../manifests/manifest.ts'
import type { Digest } from '../../manifests/digest.ts'
import { DigestMap } from '../digest-map.ts'

/** A run of the content stream that is cut by itself: a large file, or a group of small ones. */
export interface Segment {
  readonly chunks: ChunkRef[]
  /** Where the segment begins in the stream; known once it and all before it are complete. */
  offset: number
  complete: boolean
  /** Of a large file, by which an earlier equal one is found. */
  digest: Digest | undefined
}

/**
 * Lays the content stream out: segments lie in the order in which they were opened, whatever the order in which
 * they become complete, so that the same tree always gives the same stream. A file with the content of an earlier
 * one takes no place of its own.
 */
export class StreamLayout {
  readonly #segments: Segment[] = []
  readonly #chunkTable: ChunkRef[] = []
  readonly #offsets = new DigestMap()
  #placed = 0
  #contentBytes = 0

  get chunkTable(): readonly ChunkRef[] {
    return this.#chunkTable
  }

  get contentBytes(): number {
    return this.#contentBytes
  }

  open(): Segment {
    const segment: Segment = { chunks: [], offset: 0, complete: false, digest: undefined }
    this.#segments.push(segment)
    return segment
  }

  complete(segment: Segment, digest?: Digest): void {
    segment.complete = true
    segment.digest = digest
    for (
      let next = this.#segments[this.#placed];
      next?.complete === true;
      next = this.#segments[this.#placed]
    ) {
      this.#place(next)
      this.#placed++
    }
  }

  #place(segment: Segment): void {
    const earlier = segment.digest === undefined ? undefined : this.#offsets.get(segment.digest)
    segment.offset = earlier ?? this.#contentBytes
    if (earlier !== undefined) return
    if (segment.digest !== undefined) this.#offsets.add(segment.digest, segment.offset)
    for (const chunk of segment.chunks) {
      this.#chunkTable.push(chunk)
      this.#contentBytes += chunk.size
    }
    segment.chunks.length = 0
  }
}
