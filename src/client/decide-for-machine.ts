import { decide, freshnessRule, holdForRequirement, type Decision } from './decide.ts'
import { followChannel, needRelease, type FollowedChannel } from './follow-channel.ts'
import { freshnessOf, type Freshness } from './freshness.ts'
import type { HttpFetcher } from './http-fetcher.ts'
import type { MachineState } from './machine-state.ts'
import { rolloutBucket } from './rollout-bucket.ts'

export interface DecisionOptions {
  readonly signal?: AbortSignal | undefined
  /** The machine's clock, by which it takes part in rollouts. Default: the system's. */
  readonly now?: () => Date
}

export interface MachineDecision extends FollowedChannel {
  readonly decision: Decision
  readonly freshness: Freshness
}

/** What this machine is to do about its channel (`decide`). Throws CHANNEL_MISSING, RELEASE_MISSING. */
export async function decideForMachine(
  state: MachineState,
  fetcher: HttpFetcher,
  options: DecisionOptions,
): Promise<MachineDecision> {
  const { signal } = options
  const { channel, repository } = await followChannel(state, fetcher, signal)
  const { machineId, pin } = state.settings()
  const freshness = freshnessOf(state.layout.trust)
  const installed = state.installed()?.version
  const now = options.now?.() ?? new Date()
  const bucket = await rolloutBucket(channel.rollout.seed, machineId)
  const wanted = decide(channel, { installed, pin, bucket, now })
  const { move, version } = wanted
  const { rules, ...decided } =
    move && version !== undefined && installed !== undefined
      ? holdForRequirement(wanted, await needRelease(repository, version, signal), installed)
      : wanted
  return {
    channel,
    repository,
    freshness,
    decision: { ...decided, rules: [freshnessRule(freshness), ...rules] },
  }
}
