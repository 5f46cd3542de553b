import type { ContentView } from '../delta/content-view.ts'
import { DeltaDecoder } from '../delta/decode-delta.ts'
import type { DeltaContext } from '../delta/delta-context.ts'
import { listStreams, readersOf } from '../delta/delta-streams.ts'
import type { DeltaHead, DeltaPart } from '../delta/encode-delta.ts'
import { DeltaError } from '../delta/errors.ts'

/** Applies a delta as it is made, and compares: nothing is stored that does not give back its content. */
export class DeltaProof {
  readonly #target: ContentView
  readonly #head: DeltaHead
  readonly #basis: ContentView
  readonly #context: DeltaContext
  #decoder: DeltaDecoder | undefined
  #position = 0
  #ms = 0

  constructor(target: ContentView, head: DeltaHead, basis: ContentView, context: DeltaContext) {
    this.#target = target
    this.#head = head
    this.#basis = basis
    this.#context = context
  }

  get isComplete(): boolean {
    return this.#position === this.#target.length
  }

  /** How long applying took. */
  get ms(): number {
    return this.#ms
  }

  /** Whether the next part gives the next stretch of the content. */
  holds({ targetBytes, streams }: DeltaPart): boolean {
    const started = performance.now()
    const readers = readersOf(listStreams(streams).map((writer) => writer.written()))
    let isEqual = true
    try {
      this.#decoder ??= new DeltaDecoder(
        { length: this.#target.length, head: this.#head, basis: this.#basis, context: this.#context },
        readers,
      )
      this.#decoder.decodePart(targetBytes, readers, (bytes) => {
        isEqual &&= Buffer.compare(this.#target.readAt(this.#position, bytes.length), bytes) === 0
        this.#position += bytes.length
      })
    } catch (error) {
      if (!(error instanceof DeltaError)) throw error
      return false
    } finally {
      this.#ms += performance.now() - started
    }
    return isEqual
  }
}
