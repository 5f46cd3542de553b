import type { CallOptions } from '../../storage/blob-store.ts'
import type { Repository } from '../repository/repository.ts'

/** Machines that missed a release or two are common. */
const recentReleases = 3

/**
 * The releases that machines are likely to come from: what the channels point to and have pointed to, their waypoints,
 * and the last few. Ascending, without `version` itself and what is later.
 */
export async function likelySources(
  repository: Repository,
  version: number,
  options: CallOptions = {},
): Promise<number[]> {
  const earlier = repository.releaseVersions().filter((one) => one < version)
  const wanted = new Set(earlier.slice(-recentReleases))
  for (const name of repository.channelNames()) {
    const channel = await repository.channel(name, options)
    for (const one of [channel.version, channel.previous, ...channel.waypoints]) {
      if (one !== undefined && earlier.includes(one)) wanted.add(one)
    }
  }
  return [...wanted].sort((a, b) => a - b)
}
