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

/** To a thread: cut a file's content into chunks, make one chunk of bytes, or only sketch a file's content. */
export type ChunkTask =
  | {
      readonly kind: 'file'
      readonly fd: number
      readonly file: ContentFile
      /** `unlikely`: the sketch is known if the first chunk is, or else has to be asked for. */
      readonly sketch?: 'wanted' | 'unlikely'
    }
  | {
      readonly kind: 'bytes'
      readonly plain: Uint8Array<ArrayBuffer>
      /** Where the contents that are to be sketched begin and end in the bytes, in turn. */
      readonly sketch?: readonly number[]
    }
  | { readonly kind: 'sketch'; readonly fd: number; readonly file: ContentFile }

/** From a thread, for its current task. */
export type ChunkReply =
  | { readonly kind: 'chunk'; readonly chunk: CutChunk }
  | { readonly kind: 'sketches'; readonly sketches: PackedSketches }
  /** The digest of the whole content. */
  | { readonly kind: 'done'; readonly digest: Digest }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string }

/** One after another: how many features a sketch has, 0 of a content without one, and these. */
export type PackedSketches = Uint32Array<ArrayBuffer>

export interface CutChunk {
  readonly digest: Digest
  readonly size: number
  /** The chunk as it is to be stored; absent when the store was known to have it. */
  readonly stored?: Uint8Array<ArrayBuffer>
}
