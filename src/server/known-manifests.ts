import type { Logger } from 'pino'
import type { Digest } from '../../manifests/digest.ts'
import type { Release } from '../../manifests/release.ts'
import { isDamage } from '../repository/is-damage.ts'
import type { Repository } from '../repository/repository.ts'
import { mapInOrder } from '../map-in-order.ts'

/** A manifest that a release names. */
export interface KnownManifest {
  readonly digest: Digest
  readonly bytes: number
  readonly contentBytes: number
  /** The names under which releases have it. */
  readonly modules: ReadonlySet<string>
}

const documentsAtOnce = 8
/** The newest are those that machines have. */
const maxReleases = 1000
const maxManifests = 20_000

/**
 * The manifests of a repository's newest releases, in memory: whoever asks for what nobody has published costs a
 * lookup. A release is read once, since it never changes.
 */
export class KnownManifests {
  readonly #logger: Logger
  #releases: ReadonlyMap<number, Release | undefined> = new Map()
  #last: { readonly repository: Repository; readonly manifests: Promise<ManifestMap> } | undefined

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** Throws a StoreError where the store does not answer. A release that is damaged is left out. */
  async of(repository: Repository): Promise<ManifestMap> {
    if (this.#last?.repository !== repository) {
      const manifests = this.#read(repository)
      this.#last = { repository, manifests }
      manifests.catch(() => {
        if (this.#last?.manifests === manifests) this.#last = undefined
      })
    }
    return this.#last.manifests
  }

  async #read(repository: Repository): Promise<ManifestMap> {
    const versions = repository.releaseVersions().slice(-maxReleases).reverse()
    const releases = new Map<number, Release | undefined>()
    const read = async (version: number): Promise<Release | undefined> =>
      this.#releases.get(version) ?? this.#readRelease(repository, version)
    let i = 0
    for await (const release of mapInOrder(versions, documentsAtOnce, read)) {
      releases.set(versions[i++] ?? 0, release)
    }
    this.#releases = releases
    return manifestsOf(releases.values())
  }

  async #readRelease(repository: Repository, version: number): Promise<Release | undefined> {
    try {
      return await repository.release(version)
    } catch (error) {
      if (!isDamage(error)) throw error
      this.#logger.warn({ version, err: error }, 'release is damaged: no packs are built for it')
      return undefined
    }
  }
}

type ManifestMap = ReadonlyMap<Digest, KnownManifest>

function manifestsOf(releases: Iterable<Release | undefined>): ManifestMap {
  const manifests = new Map<Digest, KnownManifest & { readonly modules: Set<string> }>()
  for (const release of releases) {
    for (const [name, { manifest, contentBytes }] of Object.entries(release?.modules ?? {})) {
      const known = manifests.get(manifest.digest)
      if (known !== undefined) known.modules.add(name)
      else if (manifests.size < maxManifests) {
        manifests.set(manifest.digest, { ...manifest, contentBytes, modules: new Set([name]) })
      }
    }
  }
  return manifests
}
