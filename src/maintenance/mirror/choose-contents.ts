import type { Release } from '../../../manifests/release.ts'
import type { CallOptions } from '../../../storage/blob-store.ts'
import { mapInOrder } from '../../map-in-order.ts'
import { RepositoryError } from '../../repository/errors.ts'
import type { Repository } from '../../repository/repository.ts'
import { Presence } from './presence.ts'

/** What a mirror is to have. Documents and metadata it has all: what is signed cannot be cut. */
export interface Selection {
  /** With neither channels nor a number: every release. */
  readonly channels?: readonly string[] | undefined
  readonly keepLast?: number | undefined
  /** None: every module. Those that the named ones include come with them. */
  readonly modules?: readonly string[] | undefined
}

export interface Choice {
  /** Ascending. */
  readonly releases: readonly number[]
  /** Of the destination, when all of it is there. */
  readonly presence: Presence
}

export interface ChoosingOptions extends CallOptions {
  /** What the source has. */
  readonly source: Presence
  readonly release: (version: number) => Promise<Release>
}

const concurrentReads = 16

/** Throws CHANNEL_UNKNOWN and MODULE_UNKNOWN. */
export async function chooseContents(
  repository: Repository,
  selection: Selection,
  options: ChoosingOptions,
): Promise<Choice> {
  const listed = repository.releaseVersions().filter((version) => options.source.hasRelease(version))
  const named = await namedReleases(repository, selection, options)
  const last = new Set(listed.slice(listed.length - Math.min(listed.length, selection.keepLast ?? 0)))
  const releases = listed.filter((version) => named === undefined || named.has(version) || last.has(version))
  const chosen = new Set(releases)
  const absent = repository.releaseVersions().filter((version) => !chosen.has(version))
  return { releases, presence: new Presence(absent, await absentModules(releases, selection, options)) }
}

/** What channels lead machines to; undefined where everything is wanted. */
async function namedReleases(
  repository: Repository,
  { channels = [], keepLast }: Selection,
  { signal }: CallOptions,
): Promise<ReadonlySet<number> | undefined> {
  if (channels.length === 0 && keepLast === undefined) return undefined
  const named = new Set<number>()
  for (const name of channels.length === 0 ? repository.channelNames() : channels) {
    const { version, previous, waypoints } = await repository.channel(name, { signal })
    for (const one of [version, previous, ...waypoints]) if (one !== undefined) named.add(one)
  }
  return named
}

async function absentModules(
  releases: readonly number[],
  { modules = [] }: Selection,
  { source, release }: ChoosingOptions,
): Promise<readonly string[]> {
  if (modules.length === 0) return source.absent.modules
  const documents: Release[] = []
  for await (const document of mapInOrder(releases, concurrentReads, release)) documents.push(document)
  const all = new Set(documents.flatMap((document) => Object.keys(document.modules)))
  const unknown = modules.find((name) => !all.has(name))
  if (unknown !== undefined) {
    throw new RepositoryError('MODULE_UNKNOWN', `none of the chosen releases has a module "${unknown}"`, {
      hint: `there are: ${[...all].sort().join(', ')}`,
    })
  }
  const wanted = withIncluded(documents, modules)
  return [...all].filter((name) => !wanted.has(name) || !source.hasModule(name))
}

function withIncluded(documents: readonly Release[], modules: readonly string[]): ReadonlySet<string> {
  const wanted = new Set<string>()
  const add = (name: string): void => {
    if (wanted.has(name)) return
    wanted.add(name)
    for (const document of documents) document.modules[name]?.includes.forEach(add)
  }
  modules.forEach(add)
  return wanted
}
