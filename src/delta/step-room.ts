/** Room for one step of a copy, used again for the next: fresh memory costs as much as what is done with it. */
export class StepRoom {
  #bytes = new Uint8Array(0)

  /** What was taken before is no longer the taker's. */
  take(length: number): Uint8Array {
    if (this.#bytes.length < length) this.#bytes = new Uint8Array(Math.max(length, this.#bytes.length * 2))
    return this.#bytes.subarray(0, length)
  }
}
