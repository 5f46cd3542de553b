import type { ContentView } from '../delta/content-view.ts'
import { DeltaDecoder } from '../delta/decode-delta.ts'
import { listStreams, readersOf } from '../delta/delta-streams.ts'
import type { DeltaPart } from '../delta/encode-delta.ts'
import { groupBytes } from '../pack/pack-limits.ts'
import type { PackContent } from '../pack/pack-index.ts'
import { GroupWriter } from '../pack/pack-writer.ts'
import { chooseDelta, type ChosenDelta } from './choose-delta.ts'
import { openContent } from './open-content.ts'
import type { BatchReply, BatchTask, ContentTask } from './pack-messages.ts'

/** A part of a content that two of fit into a group. */
const partBytes = groupBytes / 2

/** Expresses each content of a batch, checks that it comes back, and fills groups with them. */
export function* makeBatch(task: BatchTask): Generator<BatchReply> {
  const batch = new Batch()
  for (const content of task.contents) yield* batch.add(content)
  yield* batch.end()
}

class Batch {
  #group: GroupWriter

  constructor() {
    this.#group = new GroupWriter(true)
  }

  *add(task: ContentTask): Generator<BatchReply> {
    using target = openContent(task.target)
    using chosen = chooseDelta(target, task, partBytes)
    const { head } = chosen.delta
    const content: PackContent = {
      what: task.what,
      position: task.target.position,
      bases: chosen.bases.map(({ position }) => ({ position, unpacked: false })),
      repack: undefined,
      ...head,
    }
    const proof = new Proof(target, chosen)
    let isFirst = true
    for (const part of chosen.delta.parts) {
      proof.check(part)
      if (this.#group.isFullFor(part.streams)) yield* this.#close()
      this.#group.add(
        { content: isFirst ? content : undefined, targetBytes: part.targetBytes },
        part.streams,
        task.target.size,
        chosen.bases[0]?.size ?? 0,
      )
      isFirst = false
    }
    proof.end()
    yield {
      kind: 'content',
      content: {
        what: task.what,
        position: task.target.position,
        size: task.target.size,
        bases: chosen.bases.map(({ position, reason }) => ({ position, reason })),
        isPredicted: head.predicted,
        estimatedBytes: chosen.estimatedBytes,
        applyMs: proof.ms,
      },
    }
  }

  *end(): Generator<BatchReply> {
    if (!this.#group.isEmpty) yield* this.#close()
  }

  *#close(): Generator<BatchReply> {
    yield { kind: 'group', group: this.#group.finish() }
    this.#group = new GroupWriter(false)
  }
}

/** Applies a delta while it is being written, and compares. */
class Proof {
  readonly #target: ContentView
  readonly #chosen: ChosenDelta
  #decoder: DeltaDecoder | undefined
  #position = 0
  /** What applying took. */
  ms = 0

  constructor(target: ContentView, chosen: ChosenDelta) {
    this.#target = target
    this.#chosen = chosen
  }

  check({ targetBytes, streams }: DeltaPart): void {
    const started = performance.now()
    const readers = readersOf(listStreams(streams).map((writer) => writer.written()))
    const { delta, basis } = this.#chosen
    this.#decoder ??= new DeltaDecoder(this.#target.length, delta.head, basis, readers)
    this.#decoder.decodePart(targetBytes, readers, (bytes) => {
      const wanted = this.#target.readAt(this.#position, bytes.length)
      if (Buffer.compare(wanted, bytes) !== 0) throw new Error(this.#failure())
      this.#position += bytes.length
    })
    this.ms += performance.now() - started
  }

  end(): void {
    if (this.#position !== this.#target.length) throw new Error(this.#failure())
  }

  #failure(): string {
    return `a delta does not give back the content it was made of, from byte ${this.#position} on: this is a defect of vend`
  }
}
