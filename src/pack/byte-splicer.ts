/** Copies bytes to another place, some of them replaced on the way. */
export class ByteSplicer {
  readonly #source: Buffer
  readonly #target: Buffer
  /** Before here the source is copied or replaced. */
  #read: number
  readonly #sourceEnd: number
  #written: number

  /** From `source`, those from `start` to `end`; to `target`, from `at`. */
  constructor(source: Buffer, start: number, end: number, target: Buffer, at: number) {
    this.#source = source
    this.#read = start
    this.#sourceEnd = end
    this.#target = target
    this.#written = at
  }

  /** Puts `text`, one character a byte, in the place of the source's bytes from `start` to `end`. In order only. */
  replace(start: number, end: number, text: string): void {
    this.#copyTo(start)
    if (this.#written + text.length <= this.#target.length) this.#target.write(text, this.#written, 'latin1')
    this.#written += text.length
    this.#read = end
  }

  /** Where in the target all of it ends. Past the target's own end, nothing was written. */
  finish(): number {
    this.#copyTo(this.#sourceEnd)
    return this.#written
  }

  #copyTo(end: number): void {
    const bytes = end - this.#read
    if (this.#written + bytes <= this.#target.length) {
      this.#source.copy(this.#target, this.#written, this.#read, end)
    }
    this.#written += bytes
    this.#read = end
  }
}
