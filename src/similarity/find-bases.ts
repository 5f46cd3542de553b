import type { TreePath } from '../../manifests/tree-path.ts'
import { overlapOf, type Overlap } from './overlap.ts'
import { PackedIndex } from './packed-index.ts'
import { pathKeysOf, type PathKeys } from './path-keys.ts'
import type { Sketch } from './sketch.ts'

/** A content of the old trees. One with several paths comes once for each, with the same ordinal. */
export interface OldContent {
  /** The caller's number of it, 0 and up, over all the manifests of the old release. */
  readonly ordinal: number
  readonly path: TreePath
  /** Bytes of content. */
  readonly size: number
  /** Without one, it is found by its path only. */
  readonly sketch?: Sketch | undefined
}

export interface NewContent {
  readonly path: TreePath
  readonly size: number
  readonly sketch?: Sketch | undefined
}

/**
 * Why a content is worth trying: it has the same path (`path`); the same but for versions (`name`); a like content
 * (`similar`); the same name, but for versions, elsewhere (`moved`, `basename`); or it has much of what those before it
 * lack, and is worth using together with them (`part`).
 */
export type BasisReason = 'path' | 'name' | 'similar' | 'moved' | 'basename' | 'part'

export interface Basis {
  readonly ordinal: number
  readonly reason: BasisReason
  /** The share of the new content that lies in this one, as estimated; undefined without two sketches. */
  readonly similarity: number | undefined
}

/** A feature, or a name, that more contents have than this says nothing about any of them. */
const commonFeature = 64
const commonName = 32

/** Of the contents that share features, so many are looked at closely. */
const closest = 16

/** One shared feature may be chance. */
const leastShared = 2

/** By how much a content is preferred for its path, as a share of the new content. */
const preference: Readonly<Record<BasisReason, number>> = {
  path: 0.25,
  name: 0.2,
  moved: 0.1,
  basename: 0.05,
  similar: 0,
  part: 0,
}

/** A further basis of a content that is smaller is not worth its cost. */
const leastPartedBytes = 64 << 10

/** What a further basis must have of the new content that those before it lack. */
const leastPart = 0.1

/**
 * Finds, among the contents of old trees, those that a new content is best made from. Memory: about 200 bytes a content
 * with a small sketch and 8 more for each further feature, besides the sketches; half as much again while it is built.
 */
export class BasisFinder {
  readonly #contents = new Map<number, number>()
  readonly #ordinals: number[] = []
  readonly #sizes: number[] = []
  readonly #sketches: (Sketch | undefined)[] = []
  readonly #features: PackedIndex
  readonly #names: Readonly<Record<keyof PathKeys, PackedIndex>>

  constructor(old: Iterable<OldContent>) {
    const features = new PackedIndex.Builder()
    const names = {
      path: new PackedIndex.Builder(),
      name: new PackedIndex.Builder(),
      moved: new PackedIndex.Builder(),
      basename: new PackedIndex.Builder(),
    }
    for (const content of old) {
      const item = this.#add(content, features)
      const keys = pathKeysOf(content.path)
      for (const kind of nameKinds) names[kind].add(keys[kind], item)
    }
    this.#contents.clear()
    this.#features = features.build()
    this.#names = {
      path: names.path.build(),
      name: names.name.build(),
      moved: names.moved.build(),
      basename: names.basename.build(),
    }
  }

  /** At most `limit`, the best first. */
  candidates(content: NewContent, limit = 3): Basis[] {
    const found = this.#gather(content).sort((a, b) => this.#compare(content, a, b))
    const best = found[0]
    if (best === undefined || limit < 1) return []
    const parts = this.#parts(content, best, found, limit)
    const rest = found.filter((one) => one !== best && !parts.includes(one))
    const chosen = [best, ...parts, ...rest].slice(0, limit)
    return chosen.map((one) => ({
      ordinal: this.#ordinals[one.item] ?? 0,
      reason: parts.includes(one) ? 'part' : one.reason,
      similarity: one.overlap?.contained,
    }))
  }

  #add({ ordinal, size, sketch }: OldContent, features: InstanceType<typeof PackedIndex.Builder>): number {
    const known = this.#contents.get(ordinal)
    if (known !== undefined) return known
    const item = this.#ordinals.length
    this.#contents.set(ordinal, item)
    this.#ordinals.push(ordinal)
    this.#sizes.push(size)
    this.#sketches.push(sketch)
    for (const feature of sketch ?? []) features.add(feature, item)
    return item
  }

  /** Each content that speaks for itself in any way, with the best reason for it. */
  #gather(content: NewContent): Found[] {
    const found = new Map<number, Found>()
    const keys = pathKeysOf(content.path)
    for (const kind of nameKinds) {
      for (const item of this.#names[kind].itemsOf(keys[kind], commonName)) {
        if (!found.has(item)) found.set(item, { item, reason: kind, overlap: this.#overlap(content, item) })
      }
    }
    for (const item of this.#sharing(content)) {
      if (!found.has(item))
        found.set(item, { item, reason: 'similar', overlap: this.#overlap(content, item) })
    }
    return [...found.values()]
  }

  /** Those that share the most features. */
  #sharing({ sketch }: NewContent): number[] {
    const shared = new Map<number, number>()
    for (const feature of sketch ?? []) {
      for (const item of this.#features.itemsOf(feature, commonFeature)) {
        shared.set(item, (shared.get(item) ?? 0) + 1)
      }
    }
    return [...shared]
      .filter(([, count]) => count >= leastShared)
      .sort(([a, m], [b, n]) => n - m || a - b)
      .slice(0, closest)
      .map(([item]) => item)
  }

  #overlap({ size, sketch }: NewContent, item: number): Overlap | undefined {
    const old = this.#sketches[item]
    if (sketch === undefined || old === undefined) return undefined
    return overlapOf({ size, sketch }, { size: this.#sizes[item] ?? 0, sketch: old })
  }

  #compare(content: NewContent, a: Found, b: Found): number {
    return score(b) - score(a) || this.#distance(content, a) - this.#distance(content, b) || a.item - b.item
  }

  /** How far apart the sizes are. */
  #distance({ size }: NewContent, { item }: Found): number {
    const old = this.#sizes[item] ?? 0
    return Math.max(old, size) / Math.max(1, Math.min(old, size))
  }

  /** What has most of what `best`, and then those chosen before, lack: the greedy cover. */
  #parts({ size, sketch }: NewContent, best: Found, found: readonly Found[], limit: number): Found[] {
    if (sketch === undefined || size < leastPartedBytes) return []
    const parts: Found[] = []
    let lacking = this.#lacking(sketch, best)
    while (parts.length + 1 < limit) {
      const least = Math.max(leastShared, leastPart * sketch.length)
      let next: { found: Found; lacking: ReadonlySet<number> } | undefined
      for (const one of found) {
        if (one === best || parts.includes(one)) continue
        const left = this.#lacking(lacking, one)
        if (lacking.size - left.size >= least && left.size < (next?.lacking.size ?? Infinity)) {
          next = { found: one, lacking: left }
        }
      }
      if (next === undefined) break
      parts.push(next.found)
      lacking = new Set(next.lacking)
    }
    return parts
  }

  #lacking(features: Iterable<number>, { item }: Found): Set<number> {
    const lacking = new Set(features)
    for (const feature of this.#sketches[item] ?? []) lacking.delete(feature)
    return lacking
  }
}

const nameKinds = ['path', 'name', 'moved', 'basename'] as const

interface Found {
  readonly item: number
  readonly reason: BasisReason
  readonly overlap: Overlap | undefined
}

function score({ reason, overlap }: Found): number {
  return preference[reason] + (overlap?.contained ?? 0)
}
