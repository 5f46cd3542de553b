import { hash } from 'node:crypto'

/** One of `of` equal parts of all chunks and packs, from 0. Who looks at one after another has seen all. */
export interface Slice {
  readonly index: number
  readonly of: number
}

export const everything: Slice = { index: 0, of: 1 }

const dayMs = 24 * 3600 * 1000

/** How many parts there are of at least that share each. */
export function partsOf(share: number): number {
  return Math.ceil(1 / share - 1e-9)
}

/** The part for a day (UTC): who looks every day has seen all after as many days as there are parts. */
export function sliceOfDay(share: number, now: Date): Slice {
  const of = partsOf(share)
  return { index: Math.floor(now.getTime() / dayMs) % of, of }
}

/** By the first digits of a digest: as evenly as digests are spread. */
export function isInSlice(hex: string, { index, of }: Slice): boolean {
  return Math.floor((Number.parseInt(hex.slice(0, 8), 16) / 2 ** 32) * of) === index
}

export function isKeyInSlice(key: string, slice: Slice): boolean {
  return slice.of === 1 || isInSlice(hash('sha256', key), slice)
}
