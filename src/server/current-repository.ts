import { timestampKey } from '../repository/layout.ts'
import { loadState } from '../repository/repository-state.ts'
import { Repository } from '../repository/repository.ts'
import type { BlobReader } from '../../storage/blob-store.ts'

export interface CurrentRepositoryOptions {
  readonly store: BlobReader
  /** The root that the store's must begin with; without it the store is taken at its word. */
  readonly trustedRoot?: Buffer | undefined
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number
}

type Outcome = { readonly repository: Repository } | { readonly error: unknown }

const validForMs = 1000

/**
 * The repository as its newest timestamp has it. The store is asked at most once a second whether there is a newer
 * one, however many requests come, and a failure is believed for as long.
 */
export class CurrentRepository {
  readonly #options: CurrentRepositoryOptions
  #last: { readonly outcome: Outcome; readonly checkedAt: number } | undefined
  #checking: Promise<Outcome> | undefined

  constructor(options: CurrentRepositoryOptions) {
    this.#options = options
  }

  /** Throws what loadState throws. */
  async get(): Promise<Repository> {
    const outcome = this.#fresh() ?? (await (this.#checking ??= this.#check()))
    if ('repository' in outcome) return outcome.repository
    // oxlint-disable-next-line typescript/only-throw-error -- passed on as it came
    throw outcome.error
  }

  #fresh(): Outcome | undefined {
    if (this.#last === undefined) return undefined
    return this.#options.now() - this.#last.checkedAt < validForMs ? this.#last.outcome : undefined
  }

  async #check(): Promise<Outcome> {
    const checkedAt = this.#options.now()
    const outcome = await this.#load().then(
      (repository) => ({ repository }),
      (error: unknown) => ({ error }),
    )
    this.#last = { outcome, checkedAt }
    this.#checking = undefined
    return outcome
  }

  async #load(): Promise<Repository> {
    const known =
      this.#last !== undefined && 'repository' in this.#last.outcome
        ? this.#last.outcome.repository
        : undefined
    const { store, trustedRoot } = this.#options
    const timestamp = await store.stat(timestampKey)
    if (known !== undefined && known.state.timestampEtag === timestamp?.etag) return known
    return new Repository(store, await loadState(store, { trustedRoot }))
  }
}
