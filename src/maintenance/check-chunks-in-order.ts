import { digestFromBytes, digestToBytes, hexOf, type Digest } from '../../manifests/digest.ts'
import type { ChunkRef } from '../../manifests/manifest.ts'
import type { CallOptions } from '../../storage/blob-store.ts'
import { DigestMap } from '../digest-map.ts'
import { mapInOrder } from '../map-in-order.ts'
import type { Repository } from '../repository/repository.ts'
import { chunkProblem, concurrentChunks, type ChunkChecks } from './check-chunks.ts'
import type { VerifyPass } from './verify-pass.ts'
import { isInSlice, type Slice } from './verify-slice.ts'

const digestBytes = 32
const recordBytes = digestBytes + 4

export interface OrderedCheckOptions extends CallOptions {
  readonly slice: Slice
  readonly pass: VerifyPass | undefined
  readonly onDone: (plainBytes: number) => void
}

/**
 * As `checkChunks`, of the chunks in a part alone, in the order of their digests, when all are known: so that a pass can be
 * gone on with, whatever was published since. Memory: 240 bytes a chunk.
 */
export function checkChunksInOrder(repository: Repository, options: OrderedCheckOptions): ChunkChecks {
  const { slice, pass, onDone, signal } = options
  const sizes = new DigestMap()
  const wanted = new ChunkRecords()
  const damaged = new Map<Digest, string>()
  let [count, plainBytes] = [0, 0]
  return {
    get count() {
      return count
    },
    get plainBytes() {
      return plainBytes
    },
    damaged,
    add: async (chunk) => {
      const isNew = sizes.add(chunk.digest, chunk.size)
      const isWanted = isNew && isInSlice(hexOf(chunk.digest), slice) && pass?.hasChunk(chunk.digest) !== true
      if (isWanted) wanted.add(chunk)
      else onDone(chunk.size)
      return isNew || sizes.get(chunk.digest) === chunk.size
    },
    finish: async () => {
      for await (const { chunk, problem } of mapInOrder(wanted.sorted(), concurrentChunks, async (each) => {
        signal?.throwIfAborted()
        return { chunk: each, problem: await chunkProblem(repository, each, { signal }) }
      })) {
        if (problem !== undefined) damaged.set(chunk.digest, problem)
        pass?.sawChunk(chunk.digest, problem !== undefined)
        count++
        plainBytes += chunk.size
        onDone(chunk.size)
      }
    },
    [Symbol.asyncDispose]: async () => undefined,
  }
}

/** Chunks in 36 bytes each. */
class ChunkRecords {
  #bytes = Buffer.alloc(1024 * recordBytes)
  #count = 0

  add({ digest, size }: ChunkRef): void {
    const at = this.#count * recordBytes
    if (at === this.#bytes.length) this.#bytes = Buffer.concat([this.#bytes, Buffer.alloc(at)])
    this.#bytes.set(digestToBytes(digest), at)
    this.#bytes.writeUInt32LE(size, at + digestBytes)
    this.#count++
  }

  *sorted(): Generator<ChunkRef, void, undefined> {
    const bytes = this.#bytes
    const order = Uint32Array.from({ length: this.#count }, (_, index) => index)
    order.sort((a, b) => {
      const [x, y] = [a * recordBytes, b * recordBytes]
      return bytes.compare(bytes, y, y + digestBytes, x, x + digestBytes)
    })
    for (const index of order) {
      const at = index * recordBytes
      const digest = digestFromBytes(bytes.subarray(at, at + digestBytes))
      yield { digest, size: bytes.readUInt32LE(at + digestBytes) }
    }
  }
}
