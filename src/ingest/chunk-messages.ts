import type { Digest } from '../../manifests/digest.ts'
import type { ChunkingProfile } from '../chunking/profile.ts'
import type { ContentFile } from '../tree/file-content.ts'
import type { SharedDigests } from '../digest-map.ts'

/** What a chunk thread is started with. */
export interface ChunkThreadSetup {
  readonly profile: ChunkingProfile
  readonly compressionLevel: number
  /** Chunks that need not be compressed: the store has them. */
  readonly known: SharedDigests
  /** One Int32: stored bytes that are on their way from the threads to the store. */
  readonly inFlight: SharedArrayBuffer
  readonly maxInFlightBytes: number
}

/** To a thread: cut a file's content into chunks, or make one chunk of bytes. */
export type ChunkTask =
  | { readonly kind: 'file'; readonly fd: number; readonly file: ContentFile }
  | { readonly kind: 'bytes'; readonly plain: Uint8Array<ArrayBuffer> }

/** From a thread, for its current task. */
export type ChunkReply =
  | { readonly kind: 'chunk'; readonly chunk: CutChunk }
  /** The digest of the whole content. */
  | { readonly kind: 'done'; readonly digest: Digest }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string }

export interface CutChunk {
  readonly digest: Digest
  readonly size: number
  /** The chunk as it is to be stored; absent when the store was known to have it. */
  readonly stored?: Uint8Array<ArrayBuffer>
}
