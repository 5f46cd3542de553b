import type { Targets } from '@tufjs/models'
import { canonicalJson, type JsonValue } from '../../../manifests/canonical-json.ts'
import type { Channel } from '../../../manifests/channel.ts'
import { FormatError } from '../../../manifests/errors.ts'
import type { Release } from '../../../manifests/release.ts'
import type { CallOptions } from '../../../storage/blob-store.ts'
import { RepositoryError } from '../../repository/errors.ts'
import type { Repository } from '../../repository/repository.ts'
import { ProblemError } from '../problem.ts'

/** What becomes visible with a commit. */
export interface StateChange {
  readonly release: Release | undefined
  /**
   * The modules that the release changes: those of its own, and of the latest release of the state it is committed over,
   * whose entries are not the same in both, down to the last member, or which only one of the two has.
   */
  readonly modules: readonly string[]
  readonly channels: readonly Channel[]
}

/**
 * What a state has that the one before has not. Throws VERSION_EXISTS, VERSION_NOT_INCREASING, COMMIT_REFUSED where
 * something goes that was there, or several releases come at once, and METADATA_REFUSED for documents that are none.
 */
export async function stateChange(
  before: Repository,
  after: Repository,
  options: CallOptions,
): Promise<StateChange> {
  try {
    const release = await newRelease(before, after, options)
    const channels = await changedChannels(before, after, options)
    const modules = release === undefined ? [] : await changedModules(before, release, options)
    return { release, modules, channels }
  } catch (error) {
    throw isOfDocuments(error) ? new ProblemError('METADATA_REFUSED', error.message) : error
  }
}

async function newRelease(
  before: Repository,
  after: Repository,
  options: CallOptions,
): Promise<Release | undefined> {
  const [was, is] = [before.state.releases.metadata.signed, after.state.releases.metadata.signed]
  refuseRemovals(was, is)
  const known = before.releaseVersions()
  const paths = changedPaths(was, is)
  const existing = paths.find((path) => Object.hasOwn(was.targets, path))
  if (existing !== undefined) {
    throw new ProblemError(
      'VERSION_EXISTS',
      `${existing} is there, with other content; releases never change`,
    )
  }
  if (paths.length > 1) throw refused(`it adds ${paths.length} releases; one commit adds one`)
  const version = after.releaseVersions().find((one) => !known.includes(one))
  if (version === undefined) return undefined
  const latest = known.at(-1) ?? 0
  if (version <= latest) {
    const detail = `version ${version} is not after the latest release, ${latest}: versions only increase`
    throw new ProblemError('VERSION_NOT_INCREASING', detail)
  }
  return after.release(version, options)
}

async function changedChannels(
  before: Repository,
  after: Repository,
  options: CallOptions,
): Promise<Channel[]> {
  const [was, is] = [before.state.channels.metadata.signed, after.state.channels.metadata.signed]
  refuseRemovals(was, is)
  const known = new Set(after.releaseVersions())
  const channels: Channel[] = []
  for (const path of changedPaths(was, is)) {
    const channel = await after.channel(path.slice('channels/'.length, -'.json'.length), options)
    const unknown = [channel.version, ...channel.waypoints].find((version) => !known.has(version))
    if (unknown !== undefined) {
      throw refused(`channel ${channel.channel} leads to release ${unknown}, which there is not`)
    }
    channels.push(channel)
  }
  return channels
}

async function changedModules(
  before: Repository,
  { modules }: Release,
  options: CallOptions,
): Promise<string[]> {
  const latest = before.releaseVersions().at(-1)
  const earlier = latest === undefined ? {} : (await before.release(latest, options)).modules
  return Object.keys({ ...earlier, ...modules })
    .filter((name) => entryOf(earlier, name) !== entryOf(modules, name))
    .sort()
}

function entryOf(modules: Release['modules'], name: string): string | undefined {
  const module = Object.hasOwn(modules, name) ? modules[name] : undefined
  return module && canonicalJson(module as unknown as JsonValue)
}

function changedPaths(before: Targets, after: Targets): string[] {
  return Object.entries(after.targets)
    .filter(([path, { length, hashes }]) => {
      const was = Object.hasOwn(before.targets, path) ? before.targets[path] : undefined
      return was?.length !== length || was.hashes['sha256'] !== hashes['sha256']
    })
    .map(([path]) => path)
}

function refuseRemovals(before: Targets, after: Targets): void {
  const gone = Object.keys(before.targets).find((path) => !Object.hasOwn(after.targets, path))
  if (gone !== undefined) throw refused(`it removes ${gone}; releases are retired where the store is`)
}

function isOfDocuments(error: unknown): error is Error {
  if (error instanceof FormatError) return true
  return error instanceof RepositoryError && error.code === 'REPOSITORY_CORRUPT'
}

function refused(detail: string): ProblemError {
  return new ProblemError('COMMIT_REFUSED', detail)
}
