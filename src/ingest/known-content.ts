import type { Digest } from '../../manifests/digest.ts'
import type { Channel } from '../../manifests/channel.ts'
import type { Release, ReleaseModule } from '../../manifests/release.ts'
import type { CallOptions } from '../../storage/blob-store.ts'
import { isDamage } from '../repository/is-damage.ts'
import { listedChunks } from '../repository/listed-chunks.ts'
import type { Repository } from '../repository/repository.ts'
import { DigestMap } from '../digest-map.ts'

export interface KnownContent {
  /** Chunks that the store is known to have, without asking for one of them. */
  readonly chunks: DigestMap
  /** Of them those that the repository's state reaches: no collector removes them before another state is visible. */
  readonly reached: DigestMap
  /** The manifests that were read for these. */
  readonly reachedManifests: ReadonlySet<Digest>
  /** Whether the store may not be trusted with a manifest that it has. */
  readonly mustStore: (manifest: Digest) => boolean
  /** What the releases that were looked at have under a module's name. */
  readonly modulesNamed: (name: string) => readonly ReleaseModule[]
}

export interface KnownContentOptions extends CallOptions {
  readonly listStore: boolean
  /** What is wrong with an earlier release: it costs uploads, and nothing else. */
  readonly onDamaged?: ((problem: string) => void) | undefined
}

/** For a publish that is to mend: everything is stored anew. */
export function nothingKnown(): KnownContent {
  return {
    chunks: new DigestMap(),
    reached: new DigestMap(),
    reachedManifests: new Set(),
    mustStore: () => true,
    modulesNamed: () => [],
  }
}

/**
 * What is in the manifests of the latest release and of the one that the channel points to, and, when a publish may
 * have died (`listStore`), all chunks that a listing of the store shows, a thousand a request.
 */
export async function findKnownContent(
  repository: Repository,
  channel: Channel | undefined,
  options: KnownContentOptions,
): Promise<KnownContent> {
  const reached = new DigestMap()
  const damaged = new Set<Digest>()
  const seen = new Set<Digest>()
  const named = new Map<string, ReleaseModule[]>()
  for (const version of new Set([repository.releaseVersions().at(-1), channel?.version])) {
    const modules = version === undefined ? {} : await modulesOf(repository, version, options)
    for (const [name, module] of Object.entries(modules)) {
      const { digest } = module.manifest
      named.set(name, [...(named.get(name) ?? []), module])
      if (seen.has(digest)) continue
      seen.add(digest)
      const isWhole = await unlessDamaged(options, () => addChunks(repository, module, reached, options))
      if (isWhole === undefined) damaged.add(digest)
    }
  }
  return {
    chunks: options.listStore ? await listedChunks(repository.store, options, reached.copy()) : reached,
    reached,
    reachedManifests: seen.difference(damaged),
    mustStore: (digest) => damaged.has(digest),
    modulesNamed: (name) => named.get(name) ?? [],
  }
}

async function modulesOf(
  repository: Repository,
  version: number,
  options: KnownContentOptions,
): Promise<Release['modules']> {
  const release = await unlessDamaged(options, () => repository.release(version, options))
  return release?.modules ?? {}
}

async function addChunks(
  repository: Repository,
  module: Release['modules'][string],
  chunks: DigestMap,
  options: CallOptions,
): Promise<true> {
  const { chunkTable, close } = await repository.manifest(module, options)
  for (const { digest } of chunkTable) chunks.add(digest)
  await close()
  return true
}

/** What `read` gives; undefined where it finds something lost. */
async function unlessDamaged<T>(
  options: KnownContentOptions,
  read: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await read()
  } catch (error) {
    if (!isDamage(error)) throw error
    options.onDamaged?.(error.message)
    return undefined
  }
}
