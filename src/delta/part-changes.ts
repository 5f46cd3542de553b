/** What is added to a part of a step, kept until it is known what it is added to. Used again for the next part. */
export class PartChanges {
  /** Zeros but where a run is. */
  #bytes = new Uint8Array(0)
  #words = new DataView(this.#bytes.buffer)
  /** Start and length of each run. */
  #runs = new Uint32Array(64)
  #runCount = 0

  /** Room for a part of `length` bytes; those of the part before must be gone. */
  begin(length: number): Uint8Array {
    if (this.#bytes.length < length) {
      this.#bytes = new Uint8Array(Math.max(length, this.#bytes.length * 2))
      this.#words = new DataView(this.#bytes.buffer)
    }
    return this.#bytes.subarray(0, length)
  }

  /** Notes that there are changes. Runs do not overlap. */
  addRun(start: number, length: number): void {
    if (this.#runCount * 2 === this.#runs.length) this.#grow()
    this.#runs[this.#runCount * 2] = start
    this.#runs[this.#runCount * 2 + 1] = length
    this.#runCount++
  }

  /** `word` with the four changes at `at` added to its bytes, each without a carry. Unsigned. */
  addToWord(word: number, at: number): number {
    const change = this.#words.getUint32(at, true)
    if (change === 0) return word
    const odd = (word & 0xff00_ff00) + (change & 0xff00_ff00)
    const even = (word & 0x00ff_00ff) + (change & 0x00ff_00ff)
    return ((odd & 0xff00_ff00) | (even & 0x00ff_00ff)) >>> 0
  }

  /** Adds all changes to `part`, and forgets them. */
  moveTo(part: Uint8Array): void {
    const bytes = this.#bytes
    for (let run = 0; run < this.#runCount; run++) {
      const start = this.#runs[run * 2] as number
      const end = start + (this.#runs[run * 2 + 1] as number)
      for (let at = start; at < end; at++) part[at] = (part[at] as number) + (bytes[at] as number)
      bytes.fill(0, start, end)
    }
    this.#runCount = 0
  }

  #grow(): void {
    const runs = new Uint32Array(this.#runs.length * 2)
    runs.set(this.#runs)
    this.#runs = runs
  }
}
