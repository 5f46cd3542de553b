import { defaultMemoryLevel, maxWindowBits, type DeflateParameters } from './deflate-parameters.ts'

/** A deflate stream found in a file. */
export interface DeflateStream {
  readonly start: number
  readonly end: number
  readonly plain: Uint8Array
  /** What may have made it, the likeliest first. */
  readonly candidates: readonly DeflateParameters[]
}

/** What may differ between writers besides the level. */
export type Variant = Omit<DeflateParameters, 'level'>

export const byGzip: Variant = {
  encoder: 'gzip',
  memoryLevel: defaultMemoryLevel,
  windowBits: maxWindowBits,
  isFiltered: false,
}
export const byZlib: Variant = { ...byGzip, encoder: 'zlib' }
export const byRoomyZlib: Variant = { ...byZlib, memoryLevel: 9 }

/** All of them at every level, level by level: the ones in `likely` first, the rest from the most usual on. */
export function candidatesOf(variants: readonly Variant[], likely: readonly number[]): DeflateParameters[] {
  const levels = new Set([...likely, 6, 9, 5, 7, 8, 4, 3, 2, 1])
  return [...levels].flatMap((level) => variants.map((variant) => ({ ...variant, level })))
}
