import type { Digest } from '../../manifests/digest.ts'
import type { Release } from '../../manifests/release.ts'
import type { BlobStore } from '../../storage/blob-store.ts'
import type { Repository } from '../repository/repository.ts'
import { ensurePack, previewPack, type BuiltPack, type PackRequest } from './ensure-pack.ts'

/** One module on its way from a release to another. */
export interface ModuleStep {
  readonly module: string
  /** Undefined where the earlier release does not have the module. */
  readonly from: ManifestOf | undefined
  readonly to: ManifestOf
}

type ManifestOf = Release['modules'][string]['manifest']

export interface ModulePack extends BuiltPack {
  readonly module: string
  readonly from: Digest | undefined
}

export type StepOptions = Pick<PackRequest, 'threads' | 'signal' | 'cache'> & {
  readonly onProgress?: (
    module: string,
    ...progress: Parameters<NonNullable<PackRequest['onProgress']>>
  ) => void
}

/** The modules that a machine must fetch to go from a release, or from nothing, to another; `only` of them. */
export function stepsBetween(
  from: Release | undefined,
  to: Release,
  only: readonly string[] = Object.keys(to.modules),
): ModuleStep[] {
  return [...only].sort().flatMap((module) => {
    const [before, after] = [from?.modules[module]?.manifest, to.modules[module]?.manifest]
    return after === undefined || before?.digest === after.digest ? [] : [{ module, from: before, to: after }]
  })
}

/** Makes sure that there are packs for all the steps, one after another. */
export async function* ensurePacks(
  store: BlobStore,
  repository: Repository,
  steps: readonly ModuleStep[],
  options: StepOptions = {},
): AsyncGenerator<ModulePack, void, undefined> {
  for (const step of steps) yield named(step, await ensurePack(store, requestOf(repository, step, options)))
}

/** What `ensurePacks` would store, without storing it. */
export async function* previewPacks(
  repository: Repository,
  steps: readonly ModuleStep[],
  options: StepOptions = {},
): AsyncGenerator<ModulePack, void, undefined> {
  for (const step of steps) yield named(step, await previewPack(requestOf(repository, step, options)))
}

function requestOf(
  repository: Repository,
  { module, from, to }: ModuleStep,
  options: StepOptions,
): PackRequest {
  const { threads, signal, cache, onProgress } = options
  return {
    repository,
    from,
    to,
    threads,
    signal,
    cache,
    onProgress: (progress) => {
      onProgress?.(module, progress)
    },
  }
}

function named({ module, from }: ModuleStep, pack: BuiltPack): ModulePack {
  return { ...pack, module, from: from?.digest }
}
