import type { BlobStore, PutOptions } from './blob-store.ts'

/** A store that sends many small blobs together. */
export interface GatheringStore extends BlobStore {
  /** As `put`, but may wait for others without end, until `sendGathered` is called. */
  gather(key: string, body: Uint8Array<ArrayBuffer>, options?: PutOptions): Promise<void>
  /** Sends what waits. Resolves at once: what came of it, each `gather` says. */
  sendGathered(signal?: AbortSignal): void
}

export function isGathering(store: BlobStore): store is GatheringStore {
  return 'gather' in store
}
