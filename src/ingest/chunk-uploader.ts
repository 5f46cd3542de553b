import type { BlobStore } from '../../storage/blob-store.ts'
import { isGathering } from '../../storage/gathering-store.ts'
import { BoundedTasks } from '../bounded-tasks.ts'
import { chunkKey, immutableCaching } from '../repository/layout.ts'
import type { CutChunk } from './chunk-messages.ts'
import { freeBytes } from './free-bytes.ts'
import { DigestMap } from '../digest-map.ts'

const concurrentPuts = 32
/** What waits to be sent is bounded by its bytes, in the chunk pool. */
const concurrentGathers = 1_000_000

/** Stores chunks, each once, while they are still being cut. */
export class ChunkUploader {
  readonly #store: BlobStore
  readonly #signal: AbortSignal | undefined
  readonly #seen = new DigestMap()
  readonly #tasks: BoundedTasks
  readonly #release: (storedBytes: number) => void
  #chunks = 0
  #storedBytes = 0

  /** `release` is told when bytes no longer occupy memory. */
  constructor(store: BlobStore, release: (storedBytes: number) => void, signal: AbortSignal | undefined) {
    this.#store = store
    this.#tasks = new BoundedTasks(isGathering(store) ? concurrentGathers : concurrentPuts)
    this.#release = release
    this.#signal = signal
  }

  /** How many chunks and stored bytes the store did not have. */
  get uploaded(): { readonly chunks: number; readonly storedBytes: number } {
    return { chunks: this.#chunks, storedBytes: this.#storedBytes }
  }

  /** Takes the chunk's bytes, if it brings any. Failures show in `finish`. */
  add({ digest, stored }: CutChunk): void {
    if (stored === undefined) return
    if (!this.#seen.add(digest)) {
      this.#free(stored)
      return
    }
    this.#chunks++
    this.#storedBytes += stored.length
    this.#tasks.start(() => this.#put(chunkKey(digest), stored)).catch(() => this.#free(stored))
  }

  async finish(): Promise<void> {
    this.#sendGathered()
    await this.#tasks.finish()
  }

  /** Waits until nothing is on its way any more, also after a failure. */
  async settle(): Promise<void> {
    this.#sendGathered()
    await this.#tasks.settle()
  }

  async #put(key: string, stored: Uint8Array<ArrayBuffer>): Promise<void> {
    try {
      const options = {
        signal: this.#signal,
        contentType: 'application/zstd',
        cacheControl: immutableCaching,
      }
      if (isGathering(this.#store)) await this.#store.gather(key, stored, options)
      else await this.#store.put(key, stored, options)
    } finally {
      this.#free(stored)
    }
  }

  #sendGathered(): void {
    if (isGathering(this.#store)) this.#store.sendGathered(this.#signal)
  }

  #free(stored: Uint8Array<ArrayBuffer>): void {
    const { length } = stored
    freeBytes(stored)
    this.#release(length)
  }
}
