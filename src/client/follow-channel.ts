import type { Channel } from '../../manifests/channel.ts'
import type { Release } from '../../manifests/release.ts'
import { MachineError } from './errors.ts'
import type { HttpFetcher } from './http-fetcher.ts'
import type { MachineState } from './machine-state.ts'
import { TrustedRepository } from './trusted-repository.ts'

export interface FollowedChannel {
  readonly channel: Channel
  readonly repository: TrustedRepository
}

/** The machine's channel, as the repository's present metadata sign it. Throws CHANNEL_MISSING. */
export async function followChannel(
  state: MachineState,
  fetcher: HttpFetcher,
  signal: AbortSignal | undefined,
): Promise<FollowedChannel> {
  const { channel: name } = state.settings()
  const repository = await TrustedRepository.refresh(state.layout.trust, fetcher, signal)
  const channel = await repository.channel(name, signal)
  if (channel === undefined) {
    throw new MachineError('CHANNEL_MISSING', `the repository has no channel "${name}"`, {
      hint: 'publish to it first, or follow another channel',
    })
  }
  return { channel, repository }
}

/** A release that a channel or a pin leads to. Throws RELEASE_MISSING. */
export async function needRelease(
  repository: TrustedRepository,
  version: number,
  signal: AbortSignal | undefined,
): Promise<Release> {
  const release = await repository.release(version, signal)
  if (release !== undefined) return release
  throw new MachineError(
    'RELEASE_MISSING',
    `the repository has no release ${version}, which the channel or a pin names`,
  )
}
