import type { PackSide } from './pack-side.ts'

/** How a content of the new side is written. */
export interface SampleContent {
  readonly content: number
  /** Numbers of contents of the old side. */
  readonly bases?: readonly number[]
  readonly isRepacked?: boolean
  /** It begins a group in which nothing learned before is used. */
  readonly isFresh?: boolean
  /** About so many bytes of streams are a part, and every part is in a group of its own. */
  readonly partBytes?: number
}

export interface PackSample {
  readonly name: string
  /** Another sample with the same pack. */
  readonly sameAs?: string
  readonly comment: string
  readonly from: PackSide | undefined
  readonly to: PackSide
  readonly hasColumns: boolean
  readonly items: readonly SampleContent[]
  /** Numbers of contents of the old side that the reader has not. */
  readonly missing?: readonly number[]
}
