import { PartChanges } from './part-changes.ts'
import { ReferenceList } from './reference-list.ts'

/** Room for one step of a copy, used again for the next: fresh memory costs as much as what is done with it. */
export class StepRoom {
  readonly found = new ReferenceList()
  readonly changes = new PartChanges()
  #bytes = new Uint8Array(0)
  #basis = new Uint8Array(0)

  /** What was taken before is no longer the taker's. */
  take(length: number): Uint8Array {
    this.#bytes = atLeast(this.#bytes, length)
    return this.#bytes.subarray(0, length)
  }

  /** A copy of `bytes`, before they are changed. There is one at a time. */
  keepBasis(bytes: Uint8Array): Uint8Array {
    this.#basis = atLeast(this.#basis, bytes.length)
    this.#basis.set(bytes)
    return this.#basis.subarray(0, bytes.length)
  }
}

function atLeast(bytes: Uint8Array<ArrayBuffer>, length: number): Uint8Array<ArrayBuffer> {
  return bytes.length >= length ? bytes : new Uint8Array(Math.max(length, bytes.length * 2))
}
