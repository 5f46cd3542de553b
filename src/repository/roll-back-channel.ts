import type { Channel } from '../../manifests/channel.ts'
import type { Rollout } from '../../manifests/rollout.ts'
import { changeChannel, type ChannelOutcome } from './change-channel.ts'
import { readChannelHistory } from './channel-history.ts'
import type { CommitContext } from './commit.ts'
import { RepositoryError } from './errors.ts'
import { beginRollout, resumeRollout, stoppedRollout } from './next-rollout.ts'
import type { Repository } from './repository.ts'

export interface ChannelRollback {
  readonly channel: string
  /** The release to go back to. */
  readonly to: number
  /** For people; 1 to 200 UTF-16 code units. */
  readonly reason: string
}

/** How many of a channel's documents are looked through for the rollout that its earlier release had. */
const maxDocuments = 100

/**
 * Orders the machines that are above a release back to it, and lifts a halt: it was of the release that they leave.
 * Who else may take the release is as it was when the channel had it before. Throws RepositoryError (CHANNEL_UNKNOWN,
 * RELEASE_UNKNOWN, RELEASE_NOT_LOWER, PUBLISH_CONFLICT), FormatError and TrustError.
 */
export async function rollBackChannel(
  { channel: name, to, reason }: ChannelRollback,
  context: CommitContext,
): Promise<ChannelOutcome> {
  return changeChannel(name, context, async (found, repository) => {
    const current = found ?? (await repository.channel(name, { signal: context.signal }))
    const from = highestOf(current)
    if (to >= from) throw notLower(current, to)
    const isSame = to === current.version
    const previous = isSame ? current.previous : current.version
    return {
      channel: name,
      version: to,
      ...(previous !== undefined && { previous }),
      waypoints: current.waypoints,
      rollout: isSame
        ? resumeRollout(current, context.now)
        : await earlierRollout(repository, name, to, context),
      halted: false,
      rollback: { from, reason },
    }
  })
}

/** The latest release that a machine of the channel may have by now. */
function highestOf({ version, previous = 0, rollback }: Channel): number {
  return Math.max(version, previous, rollback?.from ?? 0)
}

async function earlierRollout(
  repository: Repository,
  name: string,
  version: number,
  { now, signal }: CommitContext,
): Promise<Rollout> {
  let left = now
  for await (const { channel, at } of readChannelHistory(repository, name, { signal, limit: maxDocuments })) {
    if (channel.version === version) return stoppedRollout(channel, left)
    left = at
  }
  return beginRollout(version, {}, now)
}

function notLower({ channel, version }: Channel, to: number): RepositoryError {
  return new RepositoryError(
    'RELEASE_NOT_LOWER',
    `channel ${channel} is at release ${version}: there is nothing to roll back to ${to}`,
    { hint: `"vend channel history ${channel}" lists what it pointed to before` },
  )
}
