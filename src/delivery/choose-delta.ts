import { joinViews, type ContentView } from '../delta/content-view.ts'
import { DeltaContext } from '../delta/delta-context.ts'
import { encodeDelta, encodeWhole, type Delta, type DeltaPart } from '../delta/encode-delta.ts'
import type { Repack } from '../pack/pack-index.ts'
import { chooseRepacked, type RepackedDelta } from './choose-repacked.ts'
import { estimatePart, estimateWhole } from './estimate-bytes.ts'
import { closeAll, openContent, type OpenContent } from './open-content.ts'
import type { BasisFile, ContentTask } from './pack-messages.ts'

/** How a content is best expressed, of the ways that were tried. */
export interface ChosenDelta extends Disposable {
  /** What the delta makes: the content, or what is compressed in it. */
  readonly target: ContentView
  readonly repack: Repack | undefined
  readonly delta: Delta
  readonly basis: ContentView
  readonly bases: readonly BasisFile[]
}

/** A delta with no more literals, as a share of the content, is taken unseen. */
const goodLiteralShare = 0.1
/** One that takes no more, as a share of the content, is not worth looking for a better one. */
const goodShare = 0.08
/** Compressing again must save this share of what is compressed. */
const leastSavedShare = 0.05
/** Larger contents are tried against their likeliest basis only. */
const triedBytes = 64 << 20

/**
 * Takes the likeliest basis if almost all of the content is in it. Otherwise tries the candidates in their order until
 * one is good, what they give together where one alone is not, and no basis at all; takes what is smallest by a quick
 * compression. `context` has learned from what was chosen before, and nothing from what was only tried. The caller
 * disposes of what it gets. `plainBudget`: see chooseRepacked.
 */
export function chooseDelta(
  target: ContentView,
  task: ContentTask,
  partBytes: number,
  context: DeltaContext,
  plainBudget: number,
): ChosenDelta {
  const [likeliest] = task.candidates
  if (likeliest === undefined) return chooseByTrying(target, task, partBytes, context, plainBudget)
  const basis = openContent(likeliest)
  const delta = encodeDelta(target, basis, partBytes, context)
  const first = chosen(target, delta, basis, [likeliest], [basis])
  if (delta.literalBytes <= target.length * goodLiteralShare) return first
  const best = chooseByTrying(target, task, partBytes, context, plainBudget, first)
  if (best !== first) first[Symbol.dispose]()
  return best
}

export function chooseWhole(target: ContentView, partBytes: number): ChosenDelta {
  return chosen(target, encodeWhole(target, partBytes), target, [], [])
}

interface Attempt {
  readonly bases: readonly BasisFile[]
  readonly estimatedBytes: number
}

function chooseByTrying(
  target: ContentView,
  task: ContentTask,
  partBytes: number,
  context: DeltaContext,
  plainBudget: number,
  first?: ChosenDelta,
): ChosenDelta {
  // What is not foreseen can be made again; a delta that has learned cannot.
  const known = first?.delta.head.predicted === false ? first : undefined
  const isKnown = (bases: readonly BasisFile[]): boolean => bases.length === 1 && bases[0] === known?.bases[0]
  const tries = task.target.size > triedBytes ? task.candidates.slice(0, 1) : task.candidates
  let best: Attempt = { bases: [], estimatedBytes: estimateWhole(target) }
  for (const bases of basesToTry(tries)) {
    const estimatedBytes =
      known !== undefined && isKnown(bases) ? sumOf(known.delta.parts) : attempt(target, bases, partBytes)
    if (estimatedBytes < best.estimatedBytes) best = { bases, estimatedBytes }
    if (best.estimatedBytes < target.length * goodShare) break
  }
  const repacked = chooseRepacked(target, task, partBytes, context, plainBudget)
  if (repacked !== undefined && isWorthRepacking(repacked, best.estimatedBytes)) {
    const { plain, repack, delta, basis, bases } = repacked
    return { ...chosen(plain, delta, basis, bases, []), repack }
  }
  if (best.bases.length === 0) return chooseWhole(target, partBytes)
  if (known !== undefined && isKnown(best.bases)) return known
  const opened = best.bases.map(openContent)
  const basis = joinViews(opened)
  return chosen(target, encodeDelta(target, basis, partBytes, context), basis, best.bases, opened)
}

/** Compressing costs a machine time; what it saves must be worth it. */
function isWorthRepacking({ estimatedBytes, repack }: RepackedDelta, otherBytes: number): boolean {
  return otherBytes - estimatedBytes > repack.plainBytes * leastSavedShare
}

function chosen(
  target: ContentView,
  delta: Delta,
  basis: ContentView,
  bases: readonly BasisFile[],
  opened: readonly OpenContent[],
): ChosenDelta {
  return { target, repack: undefined, delta, basis, bases, [Symbol.dispose]: () => closeAll(opened) }
}

/** Each alone, then the first with those that are meant to be used with it. */
function basesToTry(candidates: readonly BasisFile[]): BasisFile[][] {
  const alone = candidates.filter(({ reason }) => reason !== 'part')
  const parts = candidates.filter(({ reason }) => reason === 'part')
  const tries = alone.map((basis) => [basis])
  if (parts.length > 0) tries.push([...alone.slice(0, 1), ...parts])
  return tries
}

/** About what the content would take, in bytes. */
function attempt(target: ContentView, bases: readonly BasisFile[], partBytes: number): number {
  const opened = bases.map(openContent)
  try {
    const { parts } = encodeDelta(target, joinViews(opened), partBytes, new DeltaContext())
    return sumOf(parts)
  } finally {
    closeAll(opened)
  }
}

function sumOf(parts: Iterable<DeltaPart>): number {
  let sum = 0
  for (const { streams } of parts) sum += estimatePart(streams)
  return sum
}
