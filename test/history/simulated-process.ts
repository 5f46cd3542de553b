import { Random } from '../support/random.ts'
import type { World } from './world.ts'

/** One call of a process: sent, carried out, answered, each at a moment that the world chooses. */
export interface Flight {
  readonly process: SimulatedProcess
  /** What the process was about; of its own choosing. */
  readonly operation: unknown
  /** Names the call, whatever the order in which the process happened to make it. */
  readonly label: string
  readonly sentAt: number
  readonly begin: () => Effect
  readonly carryOut: Effect
  /** What the caller sees of a fault. */
  readonly failed: (fault: 'refused' | 'lost' | 'abandoned') => Outcome
  readonly settle: (outcome: Outcome) => void
  outcome: Outcome | undefined
}

/** Does one step of a request; undefined as long as a part of it is left to do. */
export type Effect = () => Outcome | undefined

export type Outcome = { readonly value: unknown } | { readonly error: unknown }

interface Sleep {
  readonly until: number
  readonly label: string
  /** Of an interval: a history that waits for nothing else is over. */
  readonly isBackground: boolean
  readonly wake: () => void
}

export interface CallPlan<T> {
  readonly label: string
  /** Called for each time that the request is carried out. */
  readonly begin: () => () => { readonly value: T } | { readonly error: unknown } | undefined
  /** What the caller sees of a fault. */
  readonly failed: (
    fault: 'refused' | 'lost' | 'abandoned',
  ) => { readonly value: T } | { readonly error: unknown }
}

/** A program that runs somewhere: it has a clock, draws numbers, calls, sleeps, and may die at any of its calls. */
export class SimulatedProcess {
  readonly name: string
  readonly random: Random
  readonly world: World
  /** By how much its clock is wrong; durations are right. */
  readonly clockErrorMs: number
  isAlive = true
  isDone = false
  stalledUntil = 0
  priority: number
  /** For the checkers: what it is about. */
  operation: unknown
  readonly flights: Flight[] = []
  readonly sleeps: Sleep[] = []
  readonly #occurrences = new Map<string, number>()

  constructor(world: World, name: string, options: { readonly seed: number; readonly clockErrorMs: number }) {
    this.world = world
    this.name = name
    this.random = new Random(options.seed)
    this.clockErrorMs = options.clockErrorMs
    this.priority = this.random.below(2 ** 31)
  }

  now = (): Date => new Date(this.world.now + this.clockErrorMs)

  /** A clock that never jumps, in milliseconds. */
  elapsed = (): number => this.world.now

  readonly sleep = (ms: number): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const label = this.#label('sleep')
    if (this.isAlive)
      this.sleeps.push({ until: this.world.now + ms, label, isBackground: false, wake: resolve })
    return promise
  }

  /** Works every so often until it is stopped; nobody waits for that. Returns what stops it. */
  every(ms: number, work: () => void): () => void {
    const label = this.#label('interval')
    let isStopped = false
    const next = (): void => {
      if (isStopped || !this.isAlive) return
      const wake = (): void => {
        if (isStopped) return
        work()
        next()
      }
      this.sleeps.push({ until: this.world.now + ms, label, isBackground: true, wake })
    }
    next()
    return () => {
      isStopped = true
    }
  }

  /** Settles when the world says so, and never after the process has died. */
  call<T>(plan: CallPlan<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    if (!this.isAlive) return promise
    this.flights.push({
      process: this,
      operation: this.operation,
      label: this.#label(plan.label),
      sentAt: this.world.now,
      begin: plan.begin,
      carryOut: plan.begin(),
      failed: plan.failed,
      settle: (outcome) => {
        if ('error' in outcome) reject(outcome.error)
        else resolve(outcome.value as T)
      },
      outcome: undefined,
    })
    return promise
  }

  #label(text: string): string {
    const occurrence = (this.#occurrences.get(text) ?? 0) + 1
    this.#occurrences.set(text, occurrence)
    return `${text} #${occurrence}`
  }
}
