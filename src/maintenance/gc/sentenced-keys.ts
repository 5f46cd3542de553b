import type { BlobReader, CallOptions } from '../../../storage/blob-store.ts'
import { readSentences, type FoundRun, type Sentence } from './quarantine.ts'

/** A document of sentences, and whether anything in it still has to wait. */
export interface SentencePart {
  readonly key: string
  /** When the sentences were passed, by the store's clock. */
  readonly written: Date
  isNeeded: boolean
}

/** What runs before this one condemned, to be asked for keys in ascending order: one document a run is in memory. */
export class SentencedKeys {
  readonly #runs: readonly RunReader[]
  readonly parts: readonly SentencePart[]

  constructor(store: BlobReader, runs: readonly FoundRun[], options: CallOptions) {
    this.#runs = runs.map(
      ({ parts }) =>
        new RunReader(
          store,
          parts.map((part) => ({ ...part, isNeeded: false })),
          options,
        ),
    )
    this.parts = this.#runs.flatMap(({ parts }) => parts)
  }

  /** The document with the oldest sentence on a key. Keys must ascend from call to call. */
  async find(key: string): Promise<SentencePart | undefined> {
    let oldest: SentencePart | undefined
    for (const run of this.#runs) {
      const part = await run.find(key)
      if (part !== undefined && (oldest === undefined || part.written < oldest.written)) oldest = part
    }
    return oldest
  }
}

class RunReader {
  readonly parts: readonly SentencePart[]
  readonly #store: BlobReader
  readonly #options: CallOptions
  #part = -1
  #sentences: readonly Sentence[] = []
  #index = 0

  constructor(store: BlobReader, parts: readonly SentencePart[], options: CallOptions) {
    this.#store = store
    this.parts = parts
    this.#options = options
  }

  async find(key: string): Promise<SentencePart | undefined> {
    for (;;) {
      const sentence = this.#sentences[this.#index]
      if (sentence === undefined) {
        if (!(await this.#nextPart())) return undefined
      } else if (sentence.key < key) this.#index += 1
      else return sentence.key === key ? this.parts[this.#part] : undefined
    }
  }

  async #nextPart(): Promise<boolean> {
    const next = this.parts[this.#part + 1]
    if (next === undefined) return false
    this.#part += 1
    this.#sentences = await readSentences(this.#store, next.key, this.#options)
    this.#index = 0
    return true
  }
}
