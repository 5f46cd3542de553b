import type { Digest } from '../../../manifests/digest.ts'
import { ManifestDecoder } from '../../../manifests/manifest-decoder.ts'
import type { Release, ReleaseModule } from '../../../manifests/release.ts'
import type { CallOptions } from '../../../storage/blob-store.ts'
import { DigestMap } from '../../digest-map.ts'
import { mapInOrder } from '../../map-in-order.ts'
import type { Repository } from '../../repository/repository.ts'

const readsAtOnce = 8

/** A module's manifest, and the releases that have it. */
export interface NamedManifest {
  readonly module: string
  readonly versions: readonly number[]
}

/**
 * The manifests and chunks that releases name. It only grows: what any state reached that was added counts. 80 to 160
 * bytes a chunk.
 */
export class Reachable {
  readonly chunks = new DigestMap()
  readonly #manifests = new Map<Digest, { readonly module: string; readonly versions: number[] }>()
  readonly #releases = new Set<string>()

  get manifests(): ReadonlyMap<Digest, NamedManifest> {
    return this.#manifests
  }

  /**
   * Adds all releases of a state that were not added before. Every manifest is read to its end, since only then its
   * digest is known to be right. Throws REPOSITORY_CORRUPT: of a damaged one nobody knows what it needs.
   */
  async addState(
    repository: Repository,
    {
      only = repository.releaseVersions(),
      onRelease,
      ...options
    }: CallOptions & {
      readonly only?: readonly number[]
      readonly onRelease?: ((done: number, total: number) => void) | undefined
    } = {},
  ): Promise<void> {
    const { targets } = repository.state.releases.metadata.signed
    const added = only.filter((version) => !this.#releases.has(nameOf(version, targets)))
    for (const [index, version] of added.entries()) {
      await this.addRelease(repository, await repository.release(version, options), options)
      this.#releases.add(nameOf(version, targets))
      onRelease?.(index + 1, added.length)
    }
  }

  async addRelease(
    repository: Repository,
    { version, modules }: Release,
    options: CallOptions,
  ): Promise<void> {
    const unread = Object.values(modules).filter(({ manifest }) => !this.#manifests.has(manifest.digest))
    const tables = mapInOrder(unread, readsAtOnce, ({ manifest }) =>
      addChunks(repository, manifest, this.chunks, options),
    )
    for await (const _ of tables);
    // Only now: one that could not be read must not pass for known.
    for (const [module, { manifest }] of Object.entries(modules)) {
      const known = this.#manifests.get(manifest.digest)
      if (known === undefined) this.#manifests.set(manifest.digest, { module, versions: [version] })
      else if (!known.versions.includes(version)) known.versions.push(version)
    }
  }
}

type Targets = Repository['state']['releases']['metadata']['signed']['targets']

/** A version has other content only where somebody has signed it twice. */
function nameOf(version: number, targets: Targets): string {
  return `${version} ${targets[`releases/${version}.json`]?.hashes['sha256']}`
}

async function addChunks(
  repository: Repository,
  manifest: ReleaseModule['manifest'],
  chunks: DigestMap,
  options: CallOptions,
): Promise<void> {
  const decoder = new ManifestDecoder()
  let left = Number.POSITIVE_INFINITY
  for await (const bytes of repository.manifestBytes(manifest, options)) {
    if (left === 0) continue
    for (const item of decoder.decode(bytes)) {
      if (item.kind === 'header') left = item.header.chunks
      if (item.kind === 'chunk') {
        chunks.add(item.chunk.digest)
        left -= 1
      }
      if (left === 0) break
    }
  }
}
