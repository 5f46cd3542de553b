import type { Digest } from '../../manifests/digest.ts'
import type { BasisReason } from '../similarity/find-bases.ts'
import type { PackGroup } from '../pack/pack-header.ts'

/** A content in a file of its own. */
export interface ContentFile {
  readonly path: string
  readonly position: number
  readonly size: number
  readonly digest: Digest
}

export interface BasisFile extends ContentFile {
  readonly reason: BasisReason | 'manifest'
}

/** One content to be expressed, and what it may be expressed by: the likeliest first. */
export interface ContentTask {
  readonly what: 'manifest' | 'content'
  readonly target: ContentFile
  readonly candidates: readonly BasisFile[]
}

/** Contents that share what is learned from them, and their groups: the same wherever and whenever it is done. */
export interface BatchTask {
  /** Where deltas are kept for other packs of the same process. */
  readonly cache: string | undefined
  readonly contents: readonly ContentTask[]
}

/** How one content is expressed, for whoever wants to know what a pack is made of. */
export interface MadeContent {
  readonly what: ContentTask['what']
  readonly position: number
  readonly size: number
  /** The bases used; empty: whole. */
  readonly bases: readonly Pick<BasisFile, 'position' | 'reason'>[]
  readonly isPredicted: boolean
  /** About what it takes of the pack, in bytes. */
  readonly estimatedBytes: number
  /** How long it took to make it again, for the proof. */
  readonly applyMs: number
}

export interface MadeGroup {
  readonly group: PackGroup
  readonly bytes: Uint8Array
}

export type BatchReply =
  | { readonly kind: 'content'; readonly content: MadeContent }
  | { readonly kind: 'group'; readonly group: MadeGroup }
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly message: string }
