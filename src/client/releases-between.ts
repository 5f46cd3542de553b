import type { Release } from '../../manifests/release.ts'
import type { ManifestRef } from './make-manifest.ts'
import type { ModuleDeliveryContext } from './module-delivery.ts'
import type { TrustedRepository } from './trusted-repository.ts'

/** More are not looked at for packs from one to the next: each may cost a request. */
const maxReleases = 4

/** Releases that a machine passes on its way, as long as they are few. They are fetched when they are first asked for. */
export function releasesBetween(
  repository: TrustedRepository,
  from: number | undefined,
  to: number,
  signal: AbortSignal | undefined,
): ModuleDeliveryContext['between'] {
  const passed = repository
    .versions()
    .filter((version) => from !== undefined && from < version && version < to)
  const versions = passed.length > maxReleases ? [] : passed
  const releases = new Map<number, Release | undefined>()
  const manifestsOf = async (name: string): Promise<ManifestRef[]> => {
    for (const version of versions) {
      if (releases.has(version)) continue
      releases.set(version, await repository.release(version, signal, { passing: true }))
    }
    return versions.flatMap((version) => releases.get(version)?.modules[name]?.manifest ?? [])
  }
  return { count: versions.length, manifestsOf }
}
