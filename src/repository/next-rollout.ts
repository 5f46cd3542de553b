import { reachedBy, type Channel } from '../../manifests/channel.ts'
import { formatInstant } from '../../manifests/fields.ts'
import { lastFraction, wholeFleet, type Rollout, type RolloutStep } from '../../manifests/rollout.ts'
import { RepositoryError } from './errors.ts'

/** How a rollout is to go on. Fractions are of 10,000. */
export interface RolloutPlan {
  /** From now on. Default: what it is, or nothing when `to` is given. */
  readonly now?: number | undefined
  /** What it is to grow to. */
  readonly to?: number | undefined
  /** In how many seconds; of `to`, and 0 without it. */
  readonly seconds?: number | undefined
  /** Since when it counts, for another release than before. Default, and at the latest: now. */
  readonly since?: Date | undefined
}

/** The rollout of a release that a channel begins to point to. The seed is the release's: others are first each time. */
export function beginRollout(version: number, plan: RolloutPlan, now: Date): Rollout {
  const start = plan.now ?? (plan.to === undefined ? wholeFleet : 0)
  const since = plan.since === undefined || plan.since > now ? now : plan.since
  return { seed: String(version), steps: stepsFrom(since, start, plan) }
}

/**
 * The same release for more machines, or more slowly: what takes part goes on taking part, also by a clock that is
 * behind ours. Throws ROLLOUT_WOULD_NARROW.
 */
export function widenRollout(channel: Channel, plan: RolloutPlan, now: Date): Rollout {
  const { rollout } = channel
  const reached = reachedBy(channel, now)
  const start = plan.now ?? reached
  refuseNarrower(channel, reached, Math.min(start, plan.to ?? start))
  if (plan.to === undefined && start === reached && lastFraction(rollout) === reached) return rollout
  return { ...rollout, steps: [...stepsBefore(rollout, now, reached), ...stepsFrom(now, start, plan)] }
}

/** The rollout of a channel that was halted, from where it stopped: the time of the halt does not count. */
export function resumeRollout(channel: Channel, now: Date): Rollout {
  const { rollout, halt } = channel
  if (halt === undefined) return rollout
  const ahead = rollout.steps.filter(({ at }) => at > halt.at)
  if (ahead.length === 0) return rollout
  const reached = reachedBy(channel, now)
  const halted = now.getTime() - Date.parse(halt.at)
  const later = ahead.map(({ at, fraction }) => ({ at: laterBy(at, halted), fraction }))
  const here = reached === 0 ? [] : stepsFrom(now, reached, {})
  return { ...rollout, steps: [...stepsBefore(rollout, now, reached), ...here, ...later] }
}

/** A rollout as it was at an instant, for good. */
export function stoppedRollout(channel: Channel, instant: Date): Rollout {
  const { rollout } = channel
  const reached = reachedBy(channel, instant)
  const at = rollout.steps[0]?.at ?? formatInstant(instant)
  return lastFraction(rollout) === reached ? rollout : { ...rollout, steps: [{ at, fraction: reached }] }
}

function stepsFrom(now: Date, start: number, { to, seconds = 0 }: RolloutPlan): RolloutStep[] {
  const first = { at: formatInstant(now), fraction: start }
  return to === undefined ? [first] : [first, { at: laterBy(first.at, seconds * 1000), fraction: to }]
}

/** One step that is nowhere below what was: the way there needs no more keeping. */
function stepsBefore({ steps }: Rollout, now: Date, reached: number): RolloutStep[] {
  const at = steps[0]?.at
  return at === undefined || reached === 0 || at >= formatInstant(now) ? [] : [{ at, fraction: reached }]
}

function refuseNarrower({ channel, version }: Channel, reached: number, asked: number): void {
  if (asked >= reached) return
  const share = (fraction: number): string => `${fraction / 100} %`
  throw new RepositoryError(
    'ROLLOUT_WOULD_NARROW',
    `release ${version} on channel ${channel} is rolled out to ${share(reached)} already, and not to fewer: ${share(asked)}`,
    {
      hint: `"vend channel halt ${channel}" lets no further machine move; "vend channel rollback ${channel}" brings back those that have`,
    },
  )
}

function laterBy(instant: string, ms: number): string {
  return formatInstant(new Date(Date.parse(instant) + ms))
}
