import type { BlobReader, CallOptions } from '../../../storage/blob-store.ts'
import type { Selection } from './choose-contents.ts'
import type { MirrorBase } from './mirror-target.ts'
import type { RateLimit } from './rate-limit.ts'

/** Where a mirror reads. */
export interface MirrorSource {
  readonly reader: BlobReader
  /** Of a served repository, packs are asked for by name. */
  readonly canList: boolean
  /** Throws for a destination that it is not made for. */
  readonly checkDestination?: (base: MirrorBase | undefined) => void
}

export interface MirrorOptions extends CallOptions {
  readonly selection?: Selection | undefined
  readonly now: () => Date
  /** The first root that the repository must begin with. Default: that of the destination; else the source's is taken at its word. */
  readonly trustedRoot?: Buffer | undefined
  readonly limit?: RateLimit | undefined
  readonly onProgress?: ((progress: MirrorProgress) => void) | undefined
  readonly onNote?: ((note: string) => void) | undefined
}

export interface MirrorProgress {
  /** Plain bytes of content that the destination has by now, of those that it did not have for sure. */
  readonly bytes: number
  readonly totalBytes: number
  readonly chunks: number
}
