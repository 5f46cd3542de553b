import { judgeRelease, type FailureLimit, type Verdict } from '../../src/reports/judge-release.ts'
import type { Random } from '../support/random.ts'

export interface SimulatedRollout {
  readonly machines: number
  /** The chance of each machine to fail at the release. */
  readonly failureRate: number
  /** How many of 10,000 may move at a minute. */
  readonly fractionAt: (minute: number) => number
  readonly minutes: number
  /** Each machine asks every so many minutes, when it happens to. */
  readonly pollMinutes: number
  /** How many of 10,000 machines send reports. */
  readonly reporting: number
  readonly limit: FailureLimit
  readonly settleMinutes: number
}

export interface SimulatedGuard {
  /** Of the last look: the first that was not undecided to the bad side, or that after the last machine. */
  readonly verdict: Verdict
  /** Minutes after the rollout's begin; undefined for one that was not halted. */
  readonly haltedAt: number | undefined
  /** Machines that had begun to move by then. */
  readonly moved: number
  /** Of those, the ones that fail. */
  readonly harmed: number
}

/**
 * A rollout minute by minute, with a guard that looks every minute. What succeeds is told after 2 to 60 minutes, most
 * of it within ten; what fails half of the time within 2 and else as late as what succeeds.
 */
export function simulateRollout(rollout: SimulatedRollout, random: Random): SimulatedGuard {
  const { minutes, limit, settleMinutes } = rollout
  const heard = hearMachines(rollout, random)
  let failed = 0
  let succeeded = 0
  let settledFailures = 0
  let moved = 0
  let harmed = 0
  let verdict: Verdict = 'undecided'
  for (let minute = 0; minute < minutes; minute++) {
    failed += heard.failures[minute] ?? 0
    succeeded += heard.successes[minute] ?? 0
    settledFailures += heard.failures[minute - settleMinutes - 1] ?? 0
    moved += heard.moves[minute] ?? 0
    harmed += heard.harms[minute] ?? 0
    verdict = judgeRelease({ now: { failed, succeeded }, settledFailures }, limit)
    if (verdict === 'bad') return { verdict, haltedAt: minute, moved, harmed }
  }
  return { verdict, haltedAt: undefined, moved, harmed }
}

interface Heard {
  /** By minute. */
  readonly successes: Uint32Array
  readonly failures: Uint32Array
  readonly moves: Uint32Array
  readonly harms: Uint32Array
}

function hearMachines(rollout: SimulatedRollout, random: Random): Heard {
  const { machines, minutes, pollMinutes, failureRate, reporting } = rollout
  const allowedAt = minutesByBucket(rollout)
  const counts = (): Uint32Array => new Uint32Array(minutes)
  const heard = { successes: counts(), failures: counts(), moves: counts(), harms: counts() }
  const add = (to: Uint32Array, minute: number): void => {
    if (minute < minutes) to[minute] = (to[minute] ?? 0) + 1
  }
  for (let i = 0; i < machines; i++) {
    const allowed = allowedAt[random.below(10_000)] ?? minutes
    const begins = allowed + random.below(pollMinutes)
    const fails = random.below(1_000_000) < failureRate * 1_000_000
    add(heard.moves, begins)
    if (fails) add(heard.harms, begins)
    if (random.below(10_000) >= reporting) continue
    if (fails) add(heard.failures, begins + failureMinutes(random))
    else add(heard.successes, begins + successMinutes(random))
  }
  return heard
}

/** When each bucket's machines may move. */
function minutesByBucket({ minutes, fractionAt }: SimulatedRollout): number[] {
  const allowedAt: number[] = []
  for (let minute = 0; minute < minutes; minute++) {
    while (allowedAt.length < fractionAt(minute)) allowedAt.push(minute)
  }
  return allowedAt
}

function successMinutes(random: Random): number {
  return random.chance(10) ? random.between(10, 60) : random.between(2, 10)
}

function failureMinutes(random: Random): number {
  return random.chance(2) ? random.between(0, 2) : successMinutes(random)
}
