import { randomBytes } from 'node:crypto'
import type { BlobStore } from '../../storage/blob-store.ts'
import { encodeAccessEntry, type AccessEntry } from './access-entry.ts'

export const accessLogPrefix = 'private/access-log/'

/** One object has as many entries at most. */
const maxTogether = 1000

interface Waiting {
  readonly line: string
  readonly day: string
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

export interface AccessLogOptions {
  readonly store: BlobStore
  /** Default: the system's clock. */
  readonly now?: (() => Date) | undefined
}

/**
 * Who did what, as objects that are made once and never changed:
 *
 *     private/access-log/<day>/<milliseconds since 1970, 13 digits>-<writer>-<number>.ndjson
 *
 * Every writer has a name of its own, drawn at random, and counts: so any number of them append at once. What is
 * recorded while an object is being stored goes into the next one together.
 */
export class AccessLog {
  readonly #store: BlobStore
  readonly #now: () => Date
  readonly #writer = randomBytes(8).toString('hex')
  #written = 0
  #waiting: Waiting[] = []
  #storing = false

  constructor({ store, now = () => new Date() }: AccessLogOptions) {
    this.#store = store
    this.#now = now
  }

  /** Resolves when it is stored. Throws a StoreError when that is not certain: then it may be there, or not. */
  async record(entry: Omit<AccessEntry, 'at'>): Promise<void> {
    const at = this.#now()
    const line = encodeAccessEntry({ at, ...entry })
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#waiting.push({ line, day: at.toISOString().slice(0, 10), resolve, reject })
    if (!this.#storing) void this.#storeAll()
    await promise
  }

  async #storeAll(): Promise<void> {
    this.#storing = true
    while (this.#waiting.length > 0) {
      const day = this.#waiting[0]?.day ?? ''
      const otherDay = this.#waiting.findIndex((entry) => entry.day !== day)
      const count = otherDay < 0 ? maxTogether : Math.min(otherDay, maxTogether)
      const batch = this.#waiting.splice(0, count)
      try {
        await this.#storeBatch(day, batch)
        for (const { resolve } of batch) resolve()
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
    }
    this.#storing = false
  }

  async #storeBatch(day: string, batch: readonly Waiting[]): Promise<void> {
    const number = String(this.#written++).padStart(8, '0')
    const time = String(this.#now().getTime()).padStart(13, '0')
    const key = `${accessLogPrefix}${day}/${time}-${this.#writer}-${number}.ndjson`
    const text = batch.map(({ line }) => `${line}\n`).join('')
    await this.#store.create(key, Buffer.from(text), { contentType: 'application/x-ndjson' })
  }
}
