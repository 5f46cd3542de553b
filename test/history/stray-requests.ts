import type { Random } from '../support/random.ts'
import type { Flight } from './simulated-process.ts'

interface Stray {
  readonly flight: Flight
  readonly due: number
}

const soonMs = 10_000

/** Requests on their way that nobody waits for any more; each arrives before its time is over, or never. */
export class StrayRequests {
  readonly #random: Random
  readonly #maxRequestMs: number
  /** By when they arrive. */
  #strays: readonly Stray[] = []

  constructor(random: Random, maxRequestMs: number) {
    this.#random = random
    this.#maxRequestMs = maxRequestMs
  }

  /** When the next one arrives; undefined: none is on its way. */
  get nextDue(): number | undefined {
    return this.#strays[0]?.due
  }

  add(flight: Flight, now: number): void {
    // Some are lost.
    if (this.#random.chance(5)) return
    const latest = flight.sentAt + this.#maxRequestMs - 1
    const within = this.#random.chance(2) ? soonMs : this.#maxRequestMs
    const due = Math.min(now + this.#random.below(within), latest)
    this.#strays = [...this.#strays, { flight: { ...flight, outcome: undefined }, due }].sort(
      (a, b) => a.due - b.due,
    )
  }

  /** The first that has arrived by then. */
  takeDue(now: number): Flight | undefined {
    const [first] = this.#strays
    if (first === undefined || first.due > now) return undefined
    this.#strays = this.#strays.slice(1)
    return first.flight
  }
}
