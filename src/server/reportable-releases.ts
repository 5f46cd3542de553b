import { channelTargetPath } from '../../manifests/channel.ts'
import type { Repository } from '../repository/repository.ts'
import type { CurrentRepository } from './current-repository.ts'
import { ProblemError } from './problem.ts'

/**
 * Which releases machines may report of: those that a channel sends them to. Known from the signed metadata, and of each
 * channel its document, which is read once for each timestamp: whoever makes names up costs two look-ups in memory.
 */
export class ReportableReleases {
  readonly #repository: CurrentRepository
  readonly #byRepository = new WeakMap<Repository, Map<string, Promise<ReadonlySet<number>>>>()

  constructor(repository: CurrentRepository) {
    this.#repository = repository
  }

  /** Throws CHANNEL_UNKNOWN, RELEASE_UNKNOWN, and what CurrentRepository throws. */
  async check(channel: string, release: number): Promise<void> {
    if (!(await this.of(channel)).has(release)) {
      throw new ProblemError('RELEASE_UNKNOWN', `channel "${channel}" sends no machine to release ${release}`)
    }
  }

  /** Throws CHANNEL_UNKNOWN, and what CurrentRepository throws. */
  async of(channel: string): Promise<ReadonlySet<number>> {
    const repository = await this.#repository.get()
    if (!Object.hasOwn(repository.state.channels.metadata.signed.targets, channelTargetPath(channel))) {
      throw new ProblemError('CHANNEL_UNKNOWN', `there is no channel "${channel}"`)
    }
    return this.#read(repository, channel)
  }

  async #read(repository: Repository, name: string): Promise<ReadonlySet<number>> {
    const channels = this.#byRepository.get(repository) ?? new Map<string, Promise<ReadonlySet<number>>>()
    this.#byRepository.set(repository, channels)
    const known = channels.get(name)
    if (known !== undefined) return known
    const reading = readReleases(repository, name)
    channels.set(name, reading)
    reading.catch(() => channels.delete(name))
    return reading
  }
}

async function readReleases(repository: Repository, name: string): Promise<ReadonlySet<number>> {
  const { version, previous, waypoints } = await repository.channel(name)
  return new Set([version, ...(previous === undefined ? [] : [previous]), ...waypoints])
}
