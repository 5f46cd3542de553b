import { randomBytes } from 'node:crypto'
import type { BlobStore } from '../../storage/blob-store.ts'
import { machineFingerprint, OutcomeTally } from './outcome-tally.ts'
import { encodeTally, tallyKey } from './tally-document.ts'
import type { UpdateReport } from './update-report.ts'

export interface ReportCollectorOptions {
  readonly store: BlobStore
  /** How often what was heard is stored: as much as a crash may lose. */
  readonly flushMs: number
  /** Told of a flush that failed; what it had is in the next. */
  readonly onFailure: (error: unknown) => void
  /** Default: the system's clock. */
  readonly now?: () => Date
}

/** For each release of each channel; about 5 MB of memory, and 1.2 MB in the store. */
const maxMachines = 50_000

/** How many releases are counted at once. They are those that channels point to, so that this is never many. */
const maxTallies = 16

interface Tally {
  readonly channel: string
  readonly release: number
  readonly key: string
  readonly outcomes: OutcomeTally
  isStored: boolean
}

/**
 * Counts the reports that one process hears, and stores the counts now and then, each time under the same names, which
 * hold random digits of its own. In memory and in the store there is of a machine a part of its report's id, and
 * nothing of where the report came from.
 */
export class ReportCollector {
  readonly #options: ReportCollectorOptions
  /** By channel and release; the one that a report came for last at the end. */
  readonly #tallies = new Map<string, Tally>()
  readonly #timer: NodeJS.Timeout
  #flushing: Promise<void> = Promise.resolve()

  constructor(options: ReportCollectorOptions) {
    this.#options = options
    this.#timer = setInterval(() => void this.flush(), options.flushMs).unref()
  }

  /** False when there is no room for another release, until something of the others is stored. */
  note(report: UpdateReport): boolean {
    const tally = this.#tallyOf(report)
    if (tally === undefined) return false
    const { from, phase, outcome, code } = report
    const minute = Math.floor((this.#options.now?.() ?? new Date()).getTime() / 60_000)
    const fingerprint = machineFingerprint(report.id)
    const hadBeyond = tally.outcomes.beyond
    const isNews = tally.outcomes.note(fingerprint, { from, phase, outcome, code }, minute)
    if (isNews || tally.outcomes.beyond !== hadBeyond) tally.isStored = false
    return true
  }

  /** Stores what is not stored yet. Never rejects. */
  async flush(): Promise<void> {
    this.#flushing = this.#flushing.then(async () => this.#store())
    await this.#flushing
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.flush()
  }

  #tallyOf({ channel, to }: UpdateReport): Tally | undefined {
    const name = `${channel}/${to}`
    const known = this.#tallies.get(name)
    if (known === undefined && !this.#makeRoom()) return undefined
    const tally = known ?? {
      channel,
      release: to,
      // Of the tally, not of the process: one that was let go and begins again must not replace what it had.
      key: tallyKey(channel, to, randomBytes(8).toString('hex')),
      outcomes: new OutcomeTally(maxMachines),
      isStored: true,
    }
    this.#tallies.delete(name)
    this.#tallies.set(name, tally)
    return tally
  }

  #makeRoom(): boolean {
    if (this.#tallies.size < maxTallies) return true
    for (const [name, { isStored }] of this.#tallies) {
      if (isStored) return this.#tallies.delete(name)
    }
    return false
  }

  async #store(): Promise<void> {
    for (const tally of this.#tallies.values()) {
      if (tally.isStored) continue
      const { channel, release, key, outcomes } = tally
      const text = encodeTally({ channel, release, outcomes: outcomes.groups(), beyond: outcomes.beyond })
      tally.isStored = true
      try {
        await this.#options.store.put(key, Buffer.from(text), { contentType: 'application/json' })
      } catch (error) {
        tally.isStored = false
        this.#options.onFailure(error)
      }
    }
  }
}
