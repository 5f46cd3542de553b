import { channelTargetPath, decodeChannel, encodeChannel, type Channel } from '../../manifests/channel.ts'
import { commit, type CommitContext } from './commit.ts'
import { refuseWrongKeys } from './role-keys.ts'
import { loadState } from './repository-state.ts'
import { Repository } from './repository.ts'

export interface ChannelOutcome {
  readonly channel: Channel
  /** False when the channel is like that already. */
  readonly changed: boolean
}

/**
 * Makes one new document of a channel visible, without a publish. Throws RepositoryError (RELEASE_UNKNOWN,
 * PUBLISH_CONFLICT), FormatError and TrustError, and what `next` throws.
 */
export async function changeChannel(
  name: string,
  context: CommitContext,
  next: (current: Channel | undefined, repository: Repository) => Channel | Promise<Channel>,
): Promise<ChannelOutcome> {
  const { store, keys, signal } = context
  const state = await loadState(store, { signal, trustedRoot: keys.trustedRoot() })
  await refuseWrongKeys(state, keys, ['channels'])
  const repository = new Repository(store, state)
  const current = await repository.findChannel(name, { signal })
  const channel = await next(current, repository)
  for (const version of [channel.version, ...channel.waypoints]) await repository.release(version, { signal })
  const encoded = Buffer.from(encodeChannel(channel))
  // What no machine would take must not be signed.
  decodeChannel(encoded)
  if (current !== undefined && encoded.equals(Buffer.from(encodeChannel(current)))) {
    return { channel, changed: false }
  }
  await commit(context, state, { channels: new Map([[channelTargetPath(name), encoded]]) })
  return { channel, changed: true }
}
