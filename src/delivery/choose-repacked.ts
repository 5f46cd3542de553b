import { viewBytes, type ContentView } from '../delta/content-view.ts'
import { DeltaContext } from '../delta/delta-context.ts'
import { encodeDelta, encodeWhole, type Delta } from '../delta/encode-delta.ts'
import type { Repack } from '../pack/pack-index.ts'
import { maxRepackedBytes } from '../pack/pack-limits.ts'
import { inflatedForm } from '../recompression/inflated-form.ts'
import { unpack } from '../recompression/unpack.ts'
import { estimatePart } from './estimate-bytes.ts'
import { openContent } from './open-content.ts'
import type { BasisFile, ContentTask } from './pack-messages.ts'

/** A content that is expressed by what is compressed in it. */
export interface RepackedDelta {
  readonly plain: ContentView
  readonly repack: Repack
  readonly delta: Delta
  readonly basis: ContentView
  readonly bases: readonly BasisFile[]
  readonly estimatedBytes: number
}

/** Below it nothing is known to be compressed in a content, or it is not worth the look. */
const leastBytes = 64

/**
 * Expresses a compressed content by its plain content, which must take no more than `plainBudget` bytes: compressing
 * it again is the dearest thing that a machine does for a pack. Undefined where that cannot be done.
 */
export function chooseRepacked(
  target: ContentView,
  task: ContentTask,
  partBytes: number,
  context: DeltaContext,
  plainBudget: number,
): RepackedDelta | undefined {
  const limit = Math.min(plainBudget, maxRepackedBytes)
  if (target.length < leastBytes || target.length > limit) return undefined
  const unpacked = unpack(target.readAt(0, target.length), { plainLimit: limit })
  if (unpacked === undefined || unpacked.plain.length > limit) return undefined
  const plain = viewBytes(unpacked.plain)
  const basis = inflatedBasis(task)
  const encode = (learned: DeltaContext): Delta =>
    basis === undefined ? encodeWhole(plain, partBytes) : encodeDelta(plain, basis.view, partBytes, learned)
  let estimatedBytes = unpacked.recipe.length
  for (const { streams } of encode(new DeltaContext()).parts) estimatedBytes += estimatePart(streams)
  return {
    plain,
    repack: { plainBytes: unpacked.plain.length, recipe: unpacked.recipe },
    delta: encode(context),
    basis: basis?.view ?? plain,
    bases: basis === undefined ? [] : [basis.file],
    estimatedBytes,
  }
}

/** The likeliest basis by what is compressed in it. */
function inflatedBasis({
  candidates,
}: ContentTask): { readonly file: BasisFile; readonly view: ContentView } | undefined {
  for (const file of candidates) {
    if (file.size > maxRepackedBytes) continue
    using packed = openContent(file)
    const plain = inflatedForm(packed.readAt(0, packed.length), maxRepackedBytes)
    if (plain !== undefined) return { file, view: viewBytes(plain) }
  }
  return undefined
}
