import type { Digest } from '../../../manifests/digest.ts'
import type { BlobStore } from '../../../storage/blob-store.ts'
import { BlobExistsError } from '../../../storage/errors.ts'
import { Limiter } from '../../../storage/limiter.ts'
import { BoundedTasks } from '../../bounded-tasks.ts'
import { ChunkFramesError, readChunkFrames, type ChunkFrame } from '../../remote/chunk-frames.ts'
import { chunkKey, immutableCaching } from '../../repository/layout.ts'
import { ProblemError } from '../problem.ts'
import { ByteBudget } from './byte-budget.ts'
import { missingChunks } from './missing-chunks.ts'
import { verifyChunk } from './verify-chunk.ts'

export interface StoredChunks {
  /** That were not there. */
  readonly stored: number
  readonly storedBytes: number
  /** That were there, and stay as they are. */
  readonly present: number
}

/** Of all uploads together: what has arrived and is not stored yet. */
const maxHeldBytes = 48 << 20
/** Of one: what the store is behind by does not stand in the line, where it is lost when that is cut. */
const maxHeldBytesPerUpload = 12 << 20
const maxHeldPerUpload = 256
/** Unpacked at the same time, a MiB each at the most. */
const chunksAtOnce = 24

/**
 * Verifies chunks that arrive, and stores them, each as soon as it is whole: of an upload that is cut only the tail is
 * lost. Memory does not depend on how many uploads there are.
 */
export class ChunkIntake {
  readonly #store: BlobStore
  readonly #held = new ByteBudget(maxHeldBytes)
  readonly #limiter = new Limiter(chunksAtOnce)
  readonly #underWay = new Map<Digest, Promise<unknown>>()

  constructor(store: BlobStore) {
    this.#store = store
  }

  /**
   * Stores the chunks whose frames arrive (src/remote/chunk-frames.ts); with `isMended` also in the place of those that
   * are there. Throws CHUNK_REFUSED and FRAME_INVALID; what came before the bad one is stored then.
   */
  async store(
    pieces: AsyncIterable<Uint8Array>,
    { isMended }: { readonly isMended: boolean },
  ): Promise<StoredChunks> {
    const tasks = new BoundedTasks(maxHeldPerUpload)
    const ownHeld = new ByteBudget(maxHeldBytesPerUpload)
    const totals = { stored: 0, storedBytes: 0, present: 0 }
    try {
      for await (const frame of readChunkFrames(pieces)) {
        const bytes = frame.stored.length
        await ownHeld.take(bytes)
        await this.#held.take(bytes)
        const giveBack = (): void => {
          this.#held.giveBack(bytes)
          ownHeld.giveBack(bytes)
        }
        const task = async (): Promise<void> => {
          const isNew = await this.#storeOne(frame, isMended).finally(giveBack)
          if (isNew) {
            totals.stored++
            totals.storedBytes += bytes
          } else totals.present++
        }
        await tasks.start(task).catch((error: unknown) => {
          giveBack()
          throw error
        })
      }
      await tasks.finish()
    } catch (error) {
      throw error instanceof ChunkFramesError ? new ProblemError('FRAME_INVALID', error.message) : error
    } finally {
      await tasks.settle()
    }
    return totals
  }

  /** Those that the store does not have, and is not about to have, in their order. */
  async missing(digests: readonly Digest[]): Promise<Digest[]> {
    await Promise.allSettled(digests.flatMap((digest) => this.#underWay.get(digest) ?? []))
    return missingChunks(this.#store, digests)
  }

  /** Whether it was not there. */
  async #storeOne(frame: ChunkFrame, isMended: boolean): Promise<boolean> {
    const { digest } = frame
    const storing = this.#limiter.run(async () => this.#put(frame, isMended))
    this.#underWay.set(digest, storing)
    try {
      return await storing
    } finally {
      if (this.#underWay.get(digest) === storing) this.#underWay.delete(digest)
    }
  }

  async #put(frame: ChunkFrame, isMended: boolean): Promise<boolean> {
    await verifyChunk(frame)
    const key = chunkKey(frame.digest)
    const how = { contentType: 'application/zstd', cacheControl: immutableCaching }
    try {
      await (isMended ? this.#store.put(key, frame.stored, how) : this.#store.create(key, frame.stored, how))
      return true
    } catch (error) {
      if (error instanceof BlobExistsError) return false
      throw error
    }
  }
}
