import { setImmediate as turn } from 'node:timers/promises'
import { Random } from '../support/random.ts'
import { callFaults, type CallFault, type Chances } from './faults.ts'
import { runSimulated } from './simulated-builtins.ts'
import { SimulatedProcess, type Flight, type Outcome } from './simulated-process.ts'
import { StrayRequests } from './stray-requests.ts'
import { Violation } from './violation.ts'

export interface WorldOptions {
  readonly seed: number
  readonly chances: Chances
  /** A request takes effect within so long of being sent, or never. */
  readonly maxRequestMs: number
  /** The most by which clocks are wrong, either way. */
  readonly maxClockErrorMs: number
}

export interface Counts {
  calls: number
  faults: number
  crashes: number
  stalls: number
}

/** Where the order of things matters most, more goes wrong. */
const delicate = /timestamp\.json|private\/sweeps|delete/

const shownEvents = 100
/** A hundred steps of others. */
const longestPauseMs = 2_000
const maxSteps = 60_000

/**
 * Processes, and the network between them and what they call: which request is carried out next, which answer arrives,
 * who wakes, what goes wrong, how much time goes by, all of it drawn from one seed. Between two steps every process has
 * done all it can, so that the same seed gives the same history on any machine.
 */
export class World {
  readonly random: Random
  readonly options: WorldOptions
  readonly counts: Counts = { calls: 0, faults: 0, crashes: 0, stalls: 0 }
  /** Milliseconds since 1970. */
  now = Date.UTC(2030, 0, 1)
  step = 0
  chances: Chances
  /** Whose request is being carried out. */
  carrying: Flight | undefined
  readonly #strays: StrayRequests
  readonly #processes: SimulatedProcess[] = []
  readonly #restarts = new Map<SimulatedProcess, () => void>()
  readonly #failures: Error[] = []
  /** Half of the histories let the same process go on for long. */
  readonly #hasPriorities: boolean
  readonly #events: string[] = []
  #digest = 0

  constructor(options: WorldOptions) {
    this.options = options
    this.random = new Random(options.seed)
    this.#strays = new StrayRequests(this.random, options.maxRequestMs)
    this.chances = options.chances
    this.#hasPriorities = this.random.chance(2)
  }

  /** Starts a program; after a crash it is started again, so often. */
  spawn(name: string, main: (process: SimulatedProcess) => Promise<void>, restarts = 0): void {
    const { maxClockErrorMs } = this.options
    const process = new SimulatedProcess(this, name, {
      seed: this.random.below(2 ** 31),
      clockErrorMs: this.random.between(-maxClockErrorMs, maxClockErrorMs),
    })
    this.#processes.push(process)
    const again = (): void => {
      if (restarts > 0) this.spawn(name, afterSleep(main), restarts - 1)
    }
    this.#restarts.set(process, again)
    void this.#live(process, main)
  }

  async #live(process: SimulatedProcess, main: (process: SimulatedProcess) => Promise<void>): Promise<void> {
    // Its calls belong to a step.
    await turn()
    try {
      await runSimulated(process, async () => main(process))
      process.isDone = true
      this.#abandonFlights(process)
    } catch (error) {
      this.fail(error instanceof Violation ? error : new Error(`${process.name} failed`, { cause: error }))
    }
  }

  /** Ends the history with what it has shown. */
  fail(failure: Error): void {
    this.#failures.push(failure)
  }

  /** Until nothing is left to happen. Throws what a program throws. */
  async run(): Promise<void> {
    for (;;) {
      await untilQuiet()
      const [failure] = this.#failures
      if (failure !== undefined) throw failure
      if (!this.#takeStep()) break
      if (this.step > maxSteps) throw new Error(`no end after ${maxSteps} steps`)
    }
    const stuck = this.#processes.filter(({ isAlive, isDone }) => isAlive && !isDone)
    if (stuck.length > 0) throw new Error(`wait for nothing: ${stuck.map(({ name }) => name).join(', ')}`)
  }

  note(event: string): void {
    const seconds = ((this.now - Date.UTC(2030, 0, 1)) / 1000).toFixed(1)
    const line = `${this.step} +${seconds}s ${event}`
    for (let at = 0; at < line.length; at++)
      this.#digest = (Math.imul(this.#digest, 31) + line.charCodeAt(at)) | 0
    this.#events.push(line)
    if (this.#events.length > 4 * shownEvents) this.#events.splice(0, 3 * shownEvents)
  }

  get lastEvents(): readonly string[] {
    return this.#events.slice(-shownEvents)
  }

  /** Of all events: equal for equal histories. */
  get digest(): number {
    return this.#digest
  }

  #takeStep(): boolean {
    this.step++
    this.#pass(this.random.below(40))
    const process = this.#pick()
    if (process === undefined) return this.#passTime()
    this.#advance(process)
    return true
  }

  #pick(): SimulatedProcess | undefined {
    const ready = this.#processes.filter((process) => this.#canAdvance(process))
    if (ready.length === 0) return undefined
    if (!this.#hasPriorities) return this.random.pick(ready)
    if (this.random.chance(30)) {
      const other = this.random.pick(this.#processes)
      other.priority = this.random.below(2 ** 31)
    }
    return ready.reduce((a, b) => (b.priority > a.priority ? b : a))
  }

  #canAdvance(process: SimulatedProcess): boolean {
    if (!process.isAlive || process.isDone) return false
    if (process.flights.some(({ outcome }) => outcome === undefined)) return true
    if (process.stalledUntil > this.now) return false
    return process.flights.length > 0 || process.sleeps.some(({ until }) => until <= this.now)
  }

  #advance(process: SimulatedProcess): void {
    const isStalled = process.stalledUntil > this.now
    const due = isStalled ? [] : process.sleeps.filter(({ until }) => until <= this.now)
    const flights = process.flights.filter(({ outcome }) => !isStalled || outcome === undefined)
    const chosen = this.random.pick([...due, ...flights].sort(byLabel))
    if ('wake' in chosen) {
      process.sleeps.splice(process.sleeps.indexOf(chosen), 1)
      this.note(`${process.name} wakes`)
      chosen.wake()
      return
    }
    if (chosen.outcome === undefined) this.#deliver(chosen)
    else this.#answer(chosen, chosen.outcome)
  }

  #deliver(flight: Flight): void {
    this.counts.calls++
    const fault = this.#drawFault(flight)
    if (fault !== undefined) this.counts.faults++
    const mark = fault === undefined ? '' : ` (${fault})`
    this.note(`${flight.process.name} ${flight.label}${mark}`)
    if (fault === 'refused') this.#answer(flight, flight.failed(fault))
    else if (fault === 'abandoned') {
      this.#strays.add(flight, this.now)
      this.#answer(flight, flight.failed(fault))
    } else {
      const outcome = this.carryOut(flight)
      if (outcome === undefined) return
      if (fault === 'repeated') this.#strays.add({ ...flight, carryOut: flight.begin() }, this.now)
      if (fault === 'slow') flight.outcome = outcome
      else this.#answer(flight, fault === 'lost' ? flight.failed(fault) : outcome)
    }
    this.#disturb(flight)
  }

  carryOut(flight: Flight): Outcome | undefined {
    this.carrying = flight
    try {
      return flight.carryOut()
    } finally {
      this.carrying = undefined
    }
  }

  #answer(flight: Flight, outcome: Outcome): void {
    const { flights } = flight.process
    flights.splice(flights.indexOf(flight), 1)
    flight.settle(outcome)
  }

  #drawFault({ label }: Flight): CallFault | undefined {
    let drawn = this.random.below(10_000 / weightOf(label))
    return callFaults.find((fault) => (drawn -= this.chances[fault]) < 0)
  }

  #disturb({ process, label }: Flight): void {
    const outOf = 10_000 / weightOf(label)
    if (this.random.below(outOf) < this.chances.crash) this.crash(process)
    if (this.random.below(outOf) < this.chances.pause) this.#stall(process, longestPauseMs)
    if (this.random.below(outOf) < this.chances.stall) {
      this.counts.stalls++
      this.#stall(process, 5 * this.options.maxRequestMs)
    }
    if (this.random.below(outOf) < this.chances.leap)
      this.#pass(this.random.below(2 * this.options.maxRequestMs))
  }

  crash(process: SimulatedProcess): void {
    this.counts.crashes++
    this.note(`${process.name} dies`)
    process.isAlive = false
    this.#abandonFlights(process)
    this.#restarts.get(process)?.()
  }

  /** Nobody waits for them any more. */
  #abandonFlights({ flights }: SimulatedProcess): void {
    for (const flight of flights.splice(0))
      if (flight.outcome === undefined) this.#strays.add(flight, this.now)
  }

  #stall(process: SimulatedProcess, longestMs: number): void {
    const ms = this.random.below(longestMs)
    process.stalledUntil = this.now + ms
    this.note(`${process.name} stands still for ${(ms / 1000).toFixed(1)} s`)
  }

  /** To the next moment at which something happens; false when there is none. */
  #passTime(): boolean {
    const alive = this.#processes.filter(({ isAlive, isDone }) => isAlive && !isDone)
    const moments = [...alive.flatMap(nextMoments), this.#strays.nextDue ?? Number.POSITIVE_INFINITY]
    const next = Math.min(...moments)
    if (!Number.isFinite(next)) return false
    this.#pass(Math.max(0, next - this.now))
    return true
  }

  /** What is on its way arrives when it is due; callers give up what takes longer than a request may. */
  #pass(ms: number): void {
    const end = this.now + ms
    for (const { flights } of this.#processes) {
      for (const flight of flights.filter(({ outcome }) => outcome === undefined)) {
        if (flight.sentAt + this.options.maxRequestMs > end) continue
        this.#strays.add(flight, this.now)
        this.#answer(flight, flight.failed('abandoned'))
      }
    }
    for (let due = this.#strays.nextDue; due !== undefined && due <= end; due = this.#strays.nextDue) {
      this.now = Math.max(this.now, due)
      const flight = this.#strays.takeDue(this.now)
      if (flight === undefined) break
      this.note(`${flight.process.name} ${flight.label} (late)`)
      while (this.carryOut(flight) === undefined);
    }
    this.now = end
  }
}

/** When a process can go on, as far as it waits for a clock. */
function nextMoments({ sleeps, flights, stalledUntil }: SimulatedProcess): number[] {
  const moments = sleeps
    .filter(({ isBackground }) => !isBackground)
    .map(({ until }) => Math.max(until, stalledUntil))
  if (flights.length > 0) moments.push(stalledUntil)
  return moments
}

function weightOf(label: string): number {
  return delicate.test(label) ? 4 : 1
}

function afterSleep(main: (process: SimulatedProcess) => Promise<void>) {
  return async (process: SimulatedProcess): Promise<void> => {
    await process.sleep(process.random.below(60_000))
    await main(process)
  }
}

function byLabel(a: { readonly label: string }, b: { readonly label: string }): number {
  if (a.label === b.label) return 0
  return a.label < b.label ? -1 : 1
}

/** Until nothing is left to run but what waits for a call or a sleep. */
async function untilQuiet(): Promise<void> {
  for (let quietTurns = 0; quietTurns < 2; quietTurns++) {
    await turn()
    // An operation on files, whose end may begin the next.
    if (process.getActiveResourcesInfo().some((resource) => resource.includes('Req'))) quietTurns = -1
  }
}
