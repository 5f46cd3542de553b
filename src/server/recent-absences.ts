const believedMs = 1000

/** What was not in the store when it was last looked for, and when that was. The keys are the caller's to choose few of. */
export class RecentAbsences {
  readonly #now: () => number
  readonly #noted = new Map<string, number>()

  /** `now`: milliseconds of a clock that only goes forward. */
  constructor(now: () => number) {
    this.#now = now
  }

  /** `stale`: a second has passed, and it is time for another look. */
  get(key: string): 'fresh' | 'stale' | undefined {
    const noted = this.#noted.get(key)
    if (noted === undefined) return undefined
    return this.#now() - noted < believedMs ? 'fresh' : 'stale'
  }

  note(key: string): void {
    this.#noted.set(key, this.#now())
  }

  forget(key: string): void {
    this.#noted.delete(key)
  }
}
