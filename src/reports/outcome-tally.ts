import { reportPhases, type MachineOutcome } from './update-report.ts'

/** The machines of one outcome. */
export interface OutcomeGroup extends MachineOutcome {
  /** Fingerprints, ascending: the first 48 bits of the machines' report ids. */
  readonly machines: readonly number[]
  /** Of each machine that failed, the minute since 1970 in which that was heard. Empty for what is ok. */
  readonly minutes: readonly number[]
}

interface Noted {
  readonly outcome: MachineOutcome
  readonly minute: number
}

/** Codes come from strangers: behind so many different outcomes their codes are no longer told apart. */
const maxOutcomes = 256

/**
 * The outcome of each machine on its way to one release. A machine counts once, with the outcome that is furthest on
 * its way: a later phase wins over an earlier one, and `ok` over `failed` in the same phase. So the order in which
 * reports arrive does not matter, nor how often or at how many front ends: tallies form a join semilattice (Shapiro et
 * al., "Conflict-free Replicated Data Types", 2011), and merging them counts nothing twice.
 */
export class OutcomeTally {
  readonly #maxMachines: number
  readonly #machines = new Map<number, Noted>()
  readonly #outcomes = new Map<string, MachineOutcome>()
  #beyond = 0

  constructor(maxMachines = Infinity) {
    this.#maxMachines = maxMachines
  }

  get size(): number {
    return this.#machines.size
  }

  /** How many reports came of machines that there was no room for. */
  get beyond(): number {
    return this.#beyond
  }

  /** Whether the machine's outcome is another than before. `minute` is of now, since 1970. */
  note(machine: number, outcome: MachineOutcome, minute: number): boolean {
    const before = this.#machines.get(machine)
    if (before === undefined && this.#machines.size >= this.#maxMachines) {
      this.#beyond++
      return false
    }
    const noted = { outcome: this.#shared(outcome), minute: outcome.outcome === 'ok' ? 0 : minute }
    if (before !== undefined && !isFurther(noted, before)) return false
    this.#machines.set(machine, noted)
    return true
  }

  /** Whether anything is another than before. */
  merge({
    outcomes,
    beyond,
  }: {
    readonly outcomes: readonly OutcomeGroup[]
    readonly beyond: number
  }): boolean {
    const hadBeyond = this.#beyond
    let isNews = false
    for (const { machines, minutes, ...outcome } of outcomes) {
      for (const [i, machine] of machines.entries()) {
        isNews = this.note(machine, outcome, minutes[i] ?? 0) || isNews
      }
    }
    this.#beyond += beyond
    return isNews || this.#beyond !== hadBeyond
  }

  /** In the order of the phases; what is ok before what failed. */
  groups(): OutcomeGroup[] {
    const members = new Map<MachineOutcome, number[]>()
    for (const [machine, { outcome }] of this.#machines) {
      const known = members.get(outcome)
      if (known === undefined) members.set(outcome, [machine])
      else known.push(machine)
    }
    return [...members]
      .sort(([a], [b]) => compareOutcomes(a, b))
      .map(([outcome, machines]) => this.#group(outcome, machines))
  }

  #group(outcome: MachineOutcome, members: readonly number[]): OutcomeGroup {
    // A typed array sorts numbers many times faster, and a server waits for it.
    const machines = Array.from(Float64Array.from(members).sort())
    const minuteOf = (machine: number): number => this.#machines.get(machine)?.minute ?? 0
    return { ...outcome, machines, minutes: outcome.outcome === 'ok' ? [] : machines.map(minuteOf) }
  }

  /** One object for each outcome, however many machines have it. */
  #shared(outcome: MachineOutcome): MachineOutcome {
    const key = keyOf(outcome)
    const known = this.#outcomes.get(key)
    if (known !== undefined) return known
    if (this.#outcomes.size >= maxOutcomes && !isCoarse(outcome)) return this.#shared(coarse(outcome))
    const added = plain(outcome)
    this.#outcomes.set(key, added)
    return added
  }
}

/** What is left of an outcome when there are too many. */
function coarse({ phase, outcome }: MachineOutcome): MachineOutcome {
  return { from: null, phase, outcome, ...(outcome === 'failed' && { code: 'OTHER' }) }
}

function isCoarse(outcome: MachineOutcome): boolean {
  return keyOf(outcome) === keyOf(coarse(outcome))
}

/** Without members that are not there. */
function plain({ from, phase, outcome, code }: MachineOutcome): MachineOutcome {
  return { from, phase, outcome, ...(code !== undefined && { code }) }
}

/** The first 48 bits of a report's id, which are random: two of a million machines share theirs once in 500 times. */
export function machineFingerprint(reportId: string): number {
  return Number.parseInt(reportId.slice(0, 12), 16)
}

function isFurther(a: Noted, b: Noted): boolean {
  const ranks = rankOf(a.outcome) - rankOf(b.outcome)
  if (ranks !== 0) return ranks > 0
  // A failure is as old as the first that was heard of it.
  if (a.minute !== b.minute) return a.minute < b.minute
  return keyOf(a.outcome) < keyOf(b.outcome)
}

function rankOf({ phase, outcome }: MachineOutcome): number {
  return 2 * reportPhases.indexOf(phase) + (outcome === 'ok' ? 1 : 0)
}

function compareOutcomes(a: MachineOutcome, b: MachineOutcome): number {
  const phases = reportPhases.indexOf(a.phase) - reportPhases.indexOf(b.phase)
  if (phases !== 0) return phases
  if (a.outcome !== b.outcome) return a.outcome === 'ok' ? -1 : 1
  return keyOf(a) < keyOf(b) ? -1 : 1
}

function keyOf({ from, phase, outcome, code }: MachineOutcome): string {
  return `${phase} ${outcome} ${code ?? ''} ${from ?? ''}`
}
