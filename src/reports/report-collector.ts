import type { BlobStore } from '../../storage/blob-store.ts'
import { BoundedTasks } from '../bounded-tasks.ts'
import { joinShard, type ShardNews } from './join-shard.ts'
import { machineFingerprint, OutcomeTally } from './outcome-tally.ts'
import { shardDigitOf } from './shard-document.ts'
import type { UpdateReport } from './update-report.ts'

export interface ReportCollectorOptions {
  readonly store: BlobStore
  /** How often what was heard is stored: as much as a crash may lose. */
  readonly flushMs: number
  /** The releases that a channel sends machines to. May reject: then nothing is let go. */
  readonly releasesOf: (channel: string) => Promise<ReadonlySet<number>>
  /** Told of a flush that failed, once for all of it; what it had is in the next. */
  readonly onFailure: (error: unknown) => void
  /** Default: the system's clock. */
  readonly now?: () => Date
}

/** Heard and not stored yet, of all releases together; about 10 MB of memory. */
const maxWaiting = 100_000

/** Stored at once. */
const maxJoins = 4

/** News of one shard, still being heard. */
interface HeardShard extends ShardNews {
  readonly releases: Map<number, OutcomeTally>
}

/**
 * Hears the reports of one process, and now and then adds them to what all processes have stored together. In memory
 * and in the store there is of a machine a part of its report's id, and nothing of where the report came from.
 */
export class ReportCollector {
  readonly #options: ReportCollectorOptions
  /** By channel and first digit of the machine. */
  #heard = new Map<string, HeardShard>()
  /** Of `#heard` and of what is being stored. */
  #waiting = 0
  readonly #timer: NodeJS.Timeout
  #flushing: Promise<void> = Promise.resolve()

  constructor(options: ReportCollectorOptions) {
    this.#options = options
    this.#timer = setInterval(() => void this.flush(), options.flushMs).unref()
  }

  /** False when there is no room until something is stored. */
  note({ channel, to, id, from, phase, outcome, code }: UpdateReport): boolean {
    if (this.#waiting >= maxWaiting) return false
    const machine = machineFingerprint(id)
    const tally = this.#tallyOf(channel, shardDigitOf(machine), to)
    const before = tally.size
    tally.note(machine, { from, phase, outcome, code }, minuteOf(this.#now()))
    this.#waiting += tally.size - before
    return true
  }

  /** Stores what was heard. Never rejects. */
  async flush(): Promise<void> {
    this.#flushing = this.#flushing.then(async () => this.#store())
    await this.#flushing
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.flush()
  }

  #now(): Date {
    return this.#options.now?.() ?? new Date()
  }

  #tallyOf(channel: string, digit: string, release: number): OutcomeTally {
    const name = `${channel}/${digit}`
    const shard = this.#heard.get(name) ?? { channel, digit, releases: new Map<number, OutcomeTally>() }
    this.#heard.set(name, shard)
    const tally = shard.releases.get(release) ?? new OutcomeTally()
    shard.releases.set(release, tally)
    return tally
  }

  async #store(): Promise<void> {
    const shards = [...this.#heard.values()]
    this.#heard = new Map()
    const wanted = await this.#releasesOf(new Set(shards.map(({ channel }) => channel)))
    const context = { store: this.#options.store, minute: minuteOf(this.#now()) }
    const failures: unknown[] = []
    const joins = new BoundedTasks(maxJoins)
    for (const shard of shards) {
      await joins.start(async () => {
        try {
          await joinShard(shard, { ...context, wanted: wanted.get(shard.channel) })
          this.#waiting -= machinesIn(shard)
        } catch (error) {
          failures.push(error)
          this.#keep(shard)
        }
      })
    }
    await joins.finish()
    if (failures.length > 0) this.#options.onFailure(failures[0])
  }

  /** By channel, as far as it can be known. */
  async #releasesOf(channels: ReadonlySet<string>): Promise<ReadonlyMap<string, ReadonlySet<number>>> {
    const known = new Map<string, ReadonlySet<number>>()
    for (const channel of channels) {
      const releases = await this.#options.releasesOf(channel).catch(() => undefined)
      if (releases !== undefined) known.set(channel, releases)
    }
    return known
  }

  /** Beside what was heard since. */
  #keep({ channel, digit, releases }: HeardShard): void {
    for (const [release, tally] of releases) {
      const since = this.#tallyOf(channel, digit, release)
      const both = since.size + tally.size
      since.merge({ outcomes: tally.groups(), beyond: tally.beyond })
      this.#waiting -= both - since.size
    }
  }
}

function minuteOf(date: Date): number {
  return Math.floor(date.getTime() / 60_000)
}

function machinesIn({ releases }: ShardNews): number {
  return [...releases.values()].reduce((sum, { size }) => sum + size, 0)
}
