import type { BlobReader } from '../../storage/blob-store.ts'
import { readToken } from './read-token.ts'
import type { Token } from './token-document.ts'

export interface KnownTokensOptions {
  readonly store: BlobReader
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number
}

/** How long what was read is believed: a revoked token works so much longer at most. */
export const tokenValidForMs = 10_000

const maxKnown = 10_000
const maxUnknown = 10_000

/** How many ids that were never seen here are looked up in a second, and at once after a pause. */
const lookupsPerSecond = 20
const maxLookupsAtOnce = 100

interface Known {
  readonly token: Token
  readonly readAt: number
}

/**
 * The tokens as one process knows them, by their ids. Made-up ids cost the store no more than so many reads a second,
 * however many come, and do not keep tokens from being found that were good here before.
 */
export class KnownTokens {
  readonly #store: BlobReader
  readonly #now: () => number
  /** The one that was read longest ago first. */
  readonly #known = new Map<string, Known>()
  /** When the store was found not to have it. */
  readonly #unknown = new Map<string, number>()
  readonly #reading = new Map<string, Promise<Token | undefined>>()
  #lookups = maxLookupsAtOnce
  #lookupsAt: number

  constructor({ store, now }: KnownTokensOptions) {
    this.#store = store
    this.#now = now
    this.#lookupsAt = now()
  }

  /** `busy` when it is not known and too many unknown ones were asked for. Throws what `readToken` throws. */
  async find(id: string): Promise<Token | 'busy' | undefined> {
    const known = this.#known.get(id)
    if (known !== undefined && this.#isFresh(known.readAt)) return known.token
    const unknownSince = this.#unknown.get(id)
    if (unknownSince !== undefined && this.#isFresh(unknownSince)) return undefined
    const reading = this.#reading.get(id)
    if (reading !== undefined) return reading
    return known !== undefined || this.#mayLookUp() ? this.#read(id) : 'busy'
  }

  /** How many ids it holds something of. */
  get remembered(): number {
    return this.#known.size + this.#unknown.size
  }

  /** Whether it was good here before: then it may be asked for by whoever asks too much. */
  isKnown(id: string): boolean {
    return this.#known.has(id)
  }

  #isFresh(readAt: number): boolean {
    return this.#now() - readAt < tokenValidForMs
  }

  #mayLookUp(): boolean {
    const now = this.#now()
    const regained = ((now - this.#lookupsAt) / 1000) * lookupsPerSecond
    this.#lookups = Math.min(maxLookupsAtOnce, this.#lookups + regained)
    this.#lookupsAt = now
    if (this.#lookups < 1) return false
    this.#lookups--
    return true
  }

  async #read(id: string): Promise<Token | undefined> {
    const reading = this.#readAndKeep(id).finally(() => this.#reading.delete(id))
    this.#reading.set(id, reading)
    return reading
  }

  /** What was read is as old as the question, not as the answer. */
  async #readAndKeep(id: string): Promise<Token | undefined> {
    const readAt = this.#now()
    const token = (await readToken(this.#store, id))?.token
    this.#known.delete(id)
    this.#unknown.delete(id)
    if (token === undefined) keep(this.#unknown, id, readAt, maxUnknown)
    else keep(this.#known, id, { token, readAt }, maxKnown)
    return token
  }
}

function keep<Value>(map: Map<string, Value>, id: string, value: Value, max: number): void {
  map.set(id, value)
  const [oldest] = map.keys()
  if (map.size > max && oldest !== undefined) map.delete(oldest)
}
