/** Results of reads that other callers wait for as well. */
interface Reads<T> {
  readonly running: Promise<T>
  next: Promise<T> | undefined
}

/**
 * Reads of what may change at any moment, shared by those who ask at once: one read at a time, and each caller gets one
 * that began after it asked. So nobody is ever told what was no longer so when he asked.
 */
export class LatestReads<T> {
  readonly #read: (key: string) => Promise<T>
  readonly #reads = new Map<string, Reads<T>>()

  constructor(read: (key: string) => Promise<T>) {
    this.#read = read
  }

  /** Rejects as the read does. `shared`: somebody else's call began the read. */
  get(key: string): { readonly result: Promise<T>; readonly shared: boolean } {
    const reads = this.#reads.get(key)
    if (reads === undefined) return { result: this.#begin(key), shared: false }
    const shared = reads.next !== undefined
    reads.next ??= settled(reads.running).then(async () => this.#begin(key))
    return { result: reads.next, shared }
  }

  async #begin(key: string): Promise<T> {
    const running = this.#read(key)
    const reads: Reads<T> = { running, next: undefined }
    this.#reads.set(key, reads)
    try {
      return await running
    } finally {
      if (reads.next === undefined) this.#reads.delete(key)
    }
  }
}

async function settled(promise: Promise<unknown>): Promise<void> {
  await promise.catch(() => undefined)
}
