import type { RolloutPlan } from '../repository/next-rollout.ts'
import { option } from './parameters.ts'
import { parseDuration } from './parse-duration.ts'
import { parseRollout } from './parse-rollout.ts'

/** The options of commands that roll a release out, now or by a curve. */
export const rolloutOptions = {
  now: option('--now <share>', 'how much of the fleet may move from now on: 1%', parseRollout),
  to: option('--to <share>', 'what it is to grow to, evenly, by --over: 100%', parseRollout),
  over: option('--over <time>', 'in how long it is to grow: 30m, 48h, 7d', parseDuration),
}

export interface RolloutInput {
  readonly now: number | undefined
  readonly to: number | undefined
  readonly over: number | undefined
}

export function checkRolloutInput({ now, to, over }: RolloutInput): string[] {
  return [
    ...(to !== undefined && over === undefined ? ['--to: in how long? give --over, or --now alone'] : []),
    ...(to === undefined && over !== undefined ? ['--over: give --to, what it is to grow to'] : []),
    ...(now !== undefined && to !== undefined && now > to
      ? ['--to: is less than --now, and a rollout does not shrink']
      : []),
  ]
}

/** Undefined where nothing was asked. */
export function rolloutPlan({ now, to, over }: RolloutInput): RolloutPlan | undefined {
  return now === undefined && to === undefined ? undefined : { now, to, seconds: over }
}
