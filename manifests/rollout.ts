import * as z from 'zod'
import { FormatError } from './errors.ts'
import { formatInstant, instantField, naturalField, textField } from './fields.ts'

/** Which machines may take a channel's release, and when (format §6.2). */
export interface Rollout {
  /** Which: those with XXH64(`<seed>:<machine id>`) mod 10,000 below the fraction. */
  readonly seed: string
  /** How many: the fraction goes straight from step to step, is 0 before the first and stays after the last. */
  readonly steps: readonly RolloutStep[]
}

export interface RolloutStep {
  /** An instant such as 2026-01-31T23:59:59Z; later than that of the step before. */
  readonly at: string
  /** Machines of 10,000; never below that of the step before. */
  readonly fraction: number
}

export const wholeFleet = 10_000
export const maxRolloutSteps = 64

export const rolloutSchema = z.strictObject({
  seed: textField(64),
  steps: z
    .array(z.strictObject({ at: instantField, fraction: naturalField.max(wholeFleet) }))
    .min(1, 'a rollout has at least one step')
    .max(maxRolloutSteps, `a rollout has at most ${maxRolloutSteps} steps`),
})

/** Throws a FormatError of the channel that names the step. */
export function checkRollout({ steps }: Rollout): void {
  for (const [i, { at, fraction }] of steps.entries()) {
    const before = steps[i - 1]
    if (before === undefined) continue
    if (at <= before.at) throw invalid(i, 'at', 'must be later than that of the step before')
    if (fraction < before.fraction) throw invalid(i, 'fraction', 'must not be below that of the step before')
  }
}

/** How many machines of 10,000 may move at an instant. Integers throughout: every reader gets the same. */
export function fractionAt({ steps }: Pick<Rollout, 'steps'>, instant: Date): number {
  const now = secondsOf(instant)
  const next = steps.findIndex(({ at }) => secondsOf(at) > now)
  const before = next === -1 ? steps.at(-1) : steps[next - 1]
  const after = steps[next]
  if (before === undefined) return 0
  if (after === undefined) return before.fraction
  const start = secondsOf(before.at)
  const [rise, length] = [after.fraction - before.fraction, secondsOf(after.at) - start]
  return before.fraction + quotient(rise * (now - start), length)
}

/** From when on a machine with this bucket takes part; undefined: never, as the rollout stands. */
export function turnOf({ steps }: Pick<Rollout, 'steps'>, bucket: number): string | undefined {
  const reached = steps.findIndex(({ fraction }) => fraction > bucket)
  const [before, after] = [steps[reached - 1], steps[reached]]
  if (after === undefined || before === undefined) return after?.at
  const start = secondsOf(before.at)
  const [rise, length] = [after.fraction - before.fraction, secondsOf(after.at) - start]
  const wait = quotient((bucket + 1 - before.fraction) * length + rise - 1, rise)
  return formatInstant(new Date((start + wait) * 1000))
}

/** The fraction that a rollout ends with. */
export function lastFraction({ steps }: Pick<Rollout, 'steps'>): number {
  return steps.at(-1)?.fraction ?? 0
}

/** Rounded down, and exact: the operands are natural and below 2^53. */
function quotient(dividend: number, divisor: number): number {
  return (dividend - (dividend % divisor)) / divisor
}

function secondsOf(instant: Date | string): number {
  return Math.floor((typeof instant === 'string' ? Date.parse(instant) : instant.getTime()) / 1000)
}

function invalid(step: number, field: keyof RolloutStep, problem: string): FormatError {
  return new FormatError('FORMAT_INVALID', 'channel', problem, { place: `rollout.steps.${step}.${field}` })
}
