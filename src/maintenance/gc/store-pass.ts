import type { BlobInfo, BlobStore, CallOptions, FailedDelete } from '../../../storage/blob-store.ts'
import { Repository } from '../../repository/repository.ts'
import type { RepositoryState } from '../../repository/repository-state.ts'
import { isOutdated } from './is-outdated.ts'
import { maxSweepKeys } from '../../repository/sweeps.ts'
import { collectedPrefixes, garbageReasonOf, kindOf } from './garbage.ts'
import type { LostPacks } from './lost-packs.ts'
import { maxSentences, writeSentences, type Sentence } from './quarantine.ts'
import type { Reachable } from './reachable.ts'
import type { SentencedKeys, SentencePart } from './sentenced-keys.ts'
import { sweepSlice } from './sweep-slice.ts'
import { Counter } from './tally.ts'

export interface PassProgress {
  readonly phase: 'looking'
  readonly objects: number
  readonly condemned: number
  readonly swept: number
}

export interface PassSetup extends CallOptions {
  readonly store: BlobStore
  readonly run: string
  readonly reachable: Reachable
  /** What releases named that were retired so lately that they may come back. */
  readonly lately: Pick<Reachable, 'chunks' | 'manifests'>
  readonly sentenced: SentencedKeys
  readonly lostPacks: LostPacks
  readonly dropOldPacks: boolean
  readonly isDryRun: boolean
  /** What was stored then or later is left alone. */
  readonly youngSince: Date
  /** Sentences from then or before are carried out. */
  readonly dueSince: Date
  /** Without a quarantine. */
  readonly sweepsAtOnce: boolean
  readonly sliceKeys?: number | undefined
  readonly loadState: () => Promise<RepositoryState>
  readonly clock: () => number
  /** Called between two sweeps. */
  readonly pause: () => Promise<void>
  readonly onProgress?: ((progress: PassProgress) => void) | undefined
}

interface Doomed {
  readonly key: string
  readonly bytes: number
  readonly part: SentencePart | undefined
}

const progressEvery = 1000
const maxFailures = 100

/** One look at everything in the store that may be garbage, in the order of the keys; memory: a slice of keys. */
export class StorePass {
  readonly condemned = new Counter()
  readonly waiting = new Counter()
  readonly young = new Counter()
  readonly swept = new Counter()
  /** The first hundred. */
  readonly failed: FailedDelete[] = []
  failures = 0
  fences = 0
  /** Sweeps that have deleted something. */
  sweeps = 0
  readonly #setup: PassSetup
  readonly #sentences: Sentence[] = []
  readonly #doomed: Doomed[] = []
  #parts = 0
  #objects = 0

  constructor(setup: PassSetup) {
    this.#setup = setup
  }

  /** Whether it has written documents of sentences. */
  get hasCondemned(): boolean {
    return this.#parts > 0
  }

  /** Documents of earlier runs that are of no more use. */
  get doneParts(): readonly string[] {
    const { sentenced, dueSince } = this.#setup
    return sentenced.parts
      .filter(({ isNeeded, written }) => !isNeeded && written <= dueSince)
      .map(({ key }) => key)
  }

  async run(): Promise<void> {
    const { store, signal } = this.#setup
    for (const prefix of collectedPrefixes) {
      for await (const info of store.list(prefix, { signal })) {
        await this.#look(info)
        if (++this.#objects % progressEvery === 0) this.#tell()
      }
    }
    await this.#condemn()
    await this.#sweep()
    this.#tell()
  }

  async #look({ key, bytes, modified }: BlobInfo): Promise<void> {
    const { reachable, youngSince, dueSince, sweepsAtOnce, lately, sentenced, lostPacks } = this.#setup
    const why = garbageReasonOf(key, reachable, this.#setup)
    if (why === undefined) return
    const part = await sentenced.find(key)
    if (modified >= youngSince) {
      this.young.add(kindOf(key), bytes)
      return
    }
    lostPacks.add(key, bytes, why)
    const isDue = sweepsAtOnce || (part !== undefined && part.written <= dueSince)
    if (isDue && garbageReasonOf(key, lately, { dropOldPacks: false }) !== undefined) {
      await this.#doom({ key, bytes, part })
    } else if (part !== undefined) {
      part.isNeeded = true
      this.waiting.add(kindOf(key), bytes)
    } else await this.#sentence({ key, bytes, why })
  }

  async #sentence(sentence: Sentence): Promise<void> {
    this.condemned.add(kindOf(sentence.key), sentence.bytes)
    this.#sentences.push(sentence)
    if (this.#sentences.length >= (this.#setup.sliceKeys ?? maxSentences)) await this.#condemn()
  }

  async #condemn(): Promise<void> {
    const sentences = this.#sentences.splice(0)
    if (sentences.length === 0 || this.#setup.isDryRun) return
    this.#parts += 1
    await writeSentences(this.#setup.store, this.#setup.run, this.#parts, sentences, {
      signal: this.#setup.signal,
    })
  }

  async #doom(doomed: Doomed): Promise<void> {
    this.#doomed.push(doomed)
    if (this.#doomed.length >= (this.#setup.sliceKeys ?? maxSweepKeys)) await this.#sweep()
  }

  async #sweep(): Promise<void> {
    const doomed = this.#doomed.splice(0)
    if (doomed.length === 0) return
    if (this.#setup.isDryRun) {
      for (const { key, bytes } of doomed) this.swept.add(kindOf(key), bytes)
      return
    }
    if (this.fences > 0) await this.#setup.pause()
    const { store, signal, loadState, clock } = this.#setup
    const keys = doomed.map(({ key }) => key)
    const slice = await sweepSlice(keys, {
      store,
      signal,
      loadState,
      clock,
      stillGarbage: (some, state) => this.#stillGarbage(some, state),
    })
    this.fences += slice.tries
    this.failures += slice.failed.length
    this.failed.push(...slice.failed.slice(0, maxFailures - this.failed.length))
    if (slice.swept.length > 0) this.sweeps += 1
    const [swept, failed] = [new Set(slice.swept), new Set(slice.failed.map(({ key }) => key))]
    for (const { key, bytes, part } of doomed) {
      if (swept.has(key) && !failed.has(key)) this.swept.add(kindOf(key), bytes)
      else if (failed.has(key) && part !== undefined) part.isNeeded = true
    }
  }

  async #stillGarbage(
    keys: readonly string[],
    state: RepositoryState,
  ): Promise<readonly string[] | undefined> {
    const { store, signal, reachable, loadState } = this.#setup
    try {
      await reachable.addState(new Repository(store, state), { signal })
    } catch (error) {
      if (await isOutdated(error, state, loadState)) return undefined
      throw error
    }
    return keys.filter((key) => garbageReasonOf(key, reachable, this.#setup) !== undefined)
  }

  #tell(): void {
    this.#setup.onProgress?.({
      phase: 'looking',
      objects: this.#objects,
      condemned: this.condemned.objects,
      swept: this.swept.objects,
    })
  }
}
