import { DeltaContext } from '../delta/delta-context.ts'
import type { DeltaPart } from '../delta/encode-delta.ts'
import { groupBytes } from '../pack/pack-limits.ts'
import { GroupWriter } from '../pack/pack-writer.ts'
import { chooseDelta, chooseWhole, type ChosenDelta } from './choose-delta.ts'
import { chooseManifest } from './choose-manifest.ts'
import { DeltaCache, looksCompressed } from './delta-cache.ts'
import { DeltaProof } from './delta-proof.ts'
import { estimatePart } from './estimate-bytes.ts'
import { openContent, type OpenContent } from './open-content.ts'
import type { BatchReply, BatchTask, ContentTask } from './pack-messages.ts'

/** Two parts of a content fill a group. */
const partBytes = groupBytes / 2

/**
 * Compressing is about fifteen times as slow as all else that a machine does with a byte of a pack: with so much of
 * the contents compressed again, it is busy about a fifth longer.
 */
const plainBudgetShare = 1 / 64
/** Small packs are not worth the trouble of saving time. */
const leastPlainBudget = 1 << 20

/** Expresses each content of a batch, checks that it comes back, and fills groups with them. */
export function* makeBatch(task: BatchTask): Generator<BatchReply> {
  const batch = new Batch(task)
  for (const content of task.contents) yield* batch.add(content)
  yield* batch.end()
}

class Batch {
  #context = new DeltaContext()
  #proofContext = new DeltaContext()
  readonly #cache: DeltaCache | undefined
  #group: GroupWriter
  /** What machines may be asked to compress again, in plain bytes. */
  #plainBudget: number

  constructor({ contents, cache }: BatchTask) {
    this.#cache = cache === undefined ? undefined : new DeltaCache(cache)
    const bytes = contents.reduce((sum, { target }) => sum + target.size, 0)
    this.#plainBudget = Math.max(leastPlainBudget, Math.floor(bytes * plainBudgetShare))
    this.#group = new GroupWriter(true)
  }

  *add(task: ContentTask): Generator<BatchReply> {
    using target = openContent(task.target)
    using chosen = this.#choose(target, task)
    const proof = this.#proofOf(chosen)
    if (!chosen.delta.head.predicted) {
      // Nothing is foreseen that could turn out wrong: the parts need not wait for the last one.
      yield* this.#write(task, chosen, proof, proved(chosen, proof, task))
      return
    }
    const parts = provedParts(chosen, proof)
    if (parts === undefined) yield* this.#addWhole(task, target)
    else yield* this.#write(task, chosen, proof, parts)
  }

  *end(): Generator<BatchReply> {
    if (!this.#group.isEmpty) yield* this.#close()
  }

  #choose(target: OpenContent, task: ContentTask): ChosenDelta {
    const manifest = task.what === 'manifest' ? chooseManifest(target, task, partBytes) : undefined
    if (manifest !== undefined) return manifest
    const cache = looksCompressed(target) ? undefined : this.#cache
    const cached = cache?.find(target, task)
    if (cached !== undefined) return cached
    const chosen = chooseDelta(target, task, partBytes, this.#context, this.#plainBudget)
    this.#plainBudget -= chosen.repack?.plainBytes ?? 0
    return cache?.keep(task, chosen) ?? chosen
  }

  /** In place of a delta that does not give back what it was made of. */
  *#addWhole(task: ContentTask, target: OpenContent): Generator<BatchReply> {
    if (!this.#group.isEmpty) yield* this.#close()
    // What was learned from the delta that is not used must not be used either.
    this.#group = new GroupWriter(true)
    this.#context = new DeltaContext()
    this.#proofContext = new DeltaContext()
    using whole = chooseWhole(target, partBytes)
    const proof = this.#proofOf(whole)
    yield* this.#write(task, whole, proof, proved(whole, proof, task))
  }

  #proofOf({ target, delta, basis }: ChosenDelta): DeltaProof {
    return new DeltaProof(target, delta.head, basis, this.#proofContext)
  }

  *#write(
    task: ContentTask,
    { delta, bases, repack }: ChosenDelta,
    proof: DeltaProof,
    parts: Iterable<DeltaPart>,
  ): Generator<BatchReply> {
    const content = {
      what: task.what,
      position: task.target.position,
      bases: bases.map(({ position }) => ({ position, unpacked: repack !== undefined })),
      repack,
      ...delta.head,
    }
    let estimatedBytes = 0
    let isFirst = true
    for (const part of parts) {
      estimatedBytes += estimatePart(part.streams)
      if (this.#group.isFullFor(part.streams)) yield* this.#close()
      const line = { content: isFirst ? content : undefined, targetBytes: part.targetBytes }
      this.#group.add(line, part.streams, task.target.size, bases[0]?.size ?? 0)
      isFirst = false
    }
    yield {
      kind: 'content',
      content: {
        what: task.what,
        position: task.target.position,
        size: task.target.size,
        bases: bases.map(({ position, reason }) => ({ position, reason })),
        isPredicted: delta.head.predicted,
        estimatedBytes,
        applyMs: proof.ms,
      },
    }
  }

  *#close(): Generator<BatchReply> {
    yield { kind: 'group', group: this.#group.finish() }
    this.#group = new GroupWriter(false)
  }
}

/** All parts of a delta, or undefined when they do not give back what they were made of. */
function provedParts({ delta }: ChosenDelta, proof: DeltaProof): DeltaPart[] | undefined {
  const parts: DeltaPart[] = []
  for (const part of delta.parts) {
    if (!proof.holds(part)) return undefined
    parts.push(part)
  }
  return proof.isComplete ? parts : undefined
}

function* proved({ delta }: ChosenDelta, proof: DeltaProof, { target }: ContentTask): Generator<DeltaPart> {
  for (const part of delta.parts) {
    if (!proof.holds(part)) break
    yield part
  }
  if (!proof.isComplete) throw new Error(`${target.path} does not come back from the delta made of it`)
}
