import type { Channel } from '../../manifests/channel.ts'
import { changeChannel } from '../repository/change-channel.ts'
import type { CommitContext } from '../repository/commit.ts'
import { nextChannel } from '../repository/next-channel.ts'
import { Repository } from '../repository/repository.ts'
import { loadState } from '../repository/repository-state.ts'
import { refuseWrongKeys } from '../repository/role-keys.ts'
import { judgeRelease, type Evidence, type FailureLimit, type Verdict } from './judge-release.ts'
import { evidenceOf, readReleaseReports, type EvidenceOptions } from './release-reports.ts'

export interface GuardRequest extends FailureLimit, Omit<EvidenceOptions, 'now'> {
  readonly channel: string
}

export interface GuardOutcome {
  /** As it is now. */
  readonly channel: Channel
  readonly verdict: Verdict
  readonly evidence: Evidence
  /** Whether it was the guard that halted the channel, just now. */
  readonly halts: boolean
}

/**
 * Looks once at what machines report of the release that a channel points to, and halts the channel, by the same signed
 * statement as "vend channel halt", when too many of them fail. Throws RepositoryError (CHANNEL_UNKNOWN,
 * PUBLISH_CONFLICT), TrustError, StoreError.
 */
export async function guardChannel(request: GuardRequest, context: CommitContext): Promise<GuardOutcome> {
  const { store, keys, now, signal } = context
  const state = await loadState(store, { signal, trustedRoot: keys.trustedRoot() })
  // Not only when it is to halt the channel.
  await refuseWrongKeys(state, keys, ['channels'])
  const channel = await new Repository(store, state).channel(request.channel, { signal })
  const reports = await readReleaseReports(store, channel.channel, channel.version, { signal })
  const evidence = evidenceOf(reports, { ...request, now })
  const verdict = judgeRelease(evidence, request)
  if (verdict !== 'bad' || channel.halted) return { channel, verdict, evidence, halts: false }
  return { ...(await haltAt(channel, reasonFor(evidence, request), context)), verdict, evidence }
}

/** Halts the channel unless someone has moved it to another release meanwhile. */
async function haltAt(
  { channel: name, version }: Channel,
  reason: string,
  context: CommitContext,
): Promise<{ readonly channel: Channel; readonly halts: boolean }> {
  const { channel, changed } = await changeChannel(name, context, (current) =>
    current !== undefined && (current.version !== version || current.halted)
      ? current
      : nextChannel({ channel: name, halted: true, reason }, current, context.now),
  )
  return { channel, halts: changed }
}

function reasonFor({ now: { succeeded }, settledFailures }: Evidence, { maxRate }: GuardRequest): string {
  const share = percent(settledFailures / (settledFailures + succeeded))
  return `${settledFailures} of ${settledFailures + succeeded} machines failed (${share}); ${percent(maxRate)} may`
}

function percent(share: number): string {
  return `${Number((share * 100).toPrecision(3))} %`
}
