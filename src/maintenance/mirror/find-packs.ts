import type { Digest } from '../../../manifests/digest.ts'
import type { Release } from '../../../manifests/release.ts'
import type { BlobReader, CallOptions } from '../../../storage/blob-store.ts'
import { likelySources } from '../../delivery/pack-sources.ts'
import { stepsBetween } from '../../delivery/release-packs.ts'
import { packKey, packPrefix } from '../../repository/layout.ts'
import type { Repository } from '../../repository/repository.ts'
import type { Choice } from './choose-contents.ts'
import { packTarget } from './copy-packs.ts'
import type { MirrorTarget } from './mirror-target.ts'

export interface FoundPacks {
  /** Sorted. */
  readonly keys: readonly string[]
  readonly contentBytesOf: (manifest: Digest) => number | undefined
}

export interface FindPacksOptions extends CallOptions {
  readonly choice: Choice
  readonly canList: boolean
  /** The state is that of the destination. */
  readonly isSame: boolean
  /** Releases whose contents the destination lacks. */
  readonly fresh: readonly number[]
  readonly release: (version: number) => Promise<Release>
}

/** Of a source that cannot be listed: packs to no more releases are asked for, since asking may have them made. */
const askedReleases = 3

/** The packs that lead to what was chosen, and that the destination lacks, as far as it can be known before asking. */
export async function findPacks(
  source: BlobReader,
  target: MirrorTarget,
  repository: Repository,
  options: FindPacksOptions,
): Promise<FoundPacks> {
  if (!options.canList) return options.isSame ? noPacks : likelyPacks(repository, options)
  const there = await target.packs()
  const keys: string[] = []
  for await (const { key } of source.list(packPrefix, { signal: options.signal })) {
    if (there?.has(key) !== true && packTarget(key) !== undefined) keys.push(key)
  }
  if (keys.length === 0) return noPacks
  const { releases } = options.choice
  const contentBytes = await contentBytesIn(there === undefined ? options.fresh : releases, options)
  const wanted = keys.filter((key) => contentBytes.has(packTarget(key) ?? ''))
  return { keys: wanted, contentBytesOf: (manifest) => contentBytes.get(manifest) }
}

const noPacks: FoundPacks = { keys: [], contentBytesOf: () => undefined }

/** From where machines are likely to be, to the newest of the releases that are copied. */
async function likelyPacks(repository: Repository, options: FindPacksOptions): Promise<FoundPacks> {
  const { choice, release, fresh, signal } = options
  const keys = new Set<string>()
  const asked = fresh.slice(-askedReleases)
  for (const version of asked) {
    const to = await release(version)
    for (const from of await likelySources(repository, version, { signal })) {
      for (const step of stepsBetween(await release(from), to)) {
        if (choice.presence.hasModule(step.module)) keys.add(packKey(step.from?.digest, step.to.digest))
      }
    }
  }
  const contentBytes = await contentBytesIn(asked, options)
  return { keys: [...keys].sort(), contentBytesOf: (manifest) => contentBytes.get(manifest) }
}

async function contentBytesIn(
  versions: readonly number[],
  { choice, release }: FindPacksOptions,
): Promise<ReadonlyMap<string, number>> {
  const contentBytes = new Map<string, number>()
  for (const version of versions) {
    for (const [name, module] of Object.entries((await release(version)).modules)) {
      if (choice.presence.hasModule(name)) contentBytes.set(module.manifest.digest, module.contentBytes)
    }
  }
  return contentBytes
}
