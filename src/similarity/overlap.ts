import { featuresOf, type Sketch } from './sketch.ts'

export interface Overlap {
  /** Features that both have. */
  readonly shared: number
  /** The share of the new content that lies in the old one, as far as the sketches tell: 0 ≤ contained < 1. */
  readonly contained: number
}

/** A content of a known size with its sketch. */
export interface Sketched {
  readonly size: number
  readonly sketch: Sketch
}

/**
 * How much of `fresh` lies in `old`: Broder's containment, over those features of `fresh` that `old` would have kept if
 * it had them. One feature is added that is not shared: one of one says less than sixteen of sixteen.
 */
export function overlapOf(fresh: Sketched, old: Sketched): Overlap {
  const limit = largestKept(old)
  let shared = 0
  let decided = 0
  let at = 0
  for (const feature of fresh.sketch) {
    if (feature > limit) break
    decided++
    while ((old.sketch[at] ?? Infinity) < feature) at++
    if (old.sketch[at] === feature) shared++
  }
  return { shared, contained: shared / (decided + 1) }
}

/** Up to what a content's features are all in its sketch. */
function largestKept({ size, sketch }: Sketched): number {
  return sketch.length < featuresOf(size) ? Infinity : (sketch.at(-1) ?? Infinity)
}
