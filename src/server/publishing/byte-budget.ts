/** Lets only so many bytes be held at a time; who wants more waits in line. */
export class ByteBudget {
  readonly #waiting: { readonly bytes: number; readonly resolve: () => void }[] = []
  #free: number

  constructor(bytes: number) {
    this.#free = bytes
  }

  /** `bytes`: no more than there are in all. */
  async take(bytes: number): Promise<void> {
    if (this.#waiting.length === 0 && this.#free >= bytes) {
      this.#free -= bytes
      return
    }
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#waiting.push({ bytes, resolve })
    await promise
  }

  giveBack(bytes: number): void {
    this.#free += bytes
    for (
      let first = this.#waiting[0];
      first !== undefined && first.bytes <= this.#free;
      [first] = this.#waiting
    ) {
      this.#waiting.shift()
      this.#free -= first.bytes
      first.resolve()
    }
  }
}
