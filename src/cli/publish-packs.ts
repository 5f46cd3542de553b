import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Release } from '../../manifests/release.ts'
import type { ModulePack } from '../delivery/release-packs.ts'
import type { Repository } from '../repository/repository.ts'
import type { CommandContext } from './command-context.ts'
import { packProgress } from './pack-progress.ts'
import type { PackSources } from './parse-pack-sources.ts'

/** Makes the packs to a release that is about to be visible, so that they are there when machines ask. */
export async function makePacksFrom(
  sources: PackSources,
  release: Release,
  repository: Repository,
  { settings, signal, progress }: CommandContext,
): Promise<ModulePack[]> {
  const { ensurePacks, stepsBetween } = await import('../delivery/release-packs.ts')
  const { likelySources } = await import('../delivery/pack-sources.ts')
  const versions = sources === 'auto' ? await likelySources(repository, release.version, { signal }) : sources
  const packs: ModulePack[] = []
  const made = new Set<string>()
  const cache = await mkdtemp(join(tmpdir(), 'vend-deltas-'))
  try {
    for (const version of versions) {
      const steps = stepsBetween(await repository.release(version, { signal }), release)
      const options = { signal, cache, onProgress: packProgress(progress) }
      for await (const pack of ensurePacks(settings.store, repository, steps, options)) {
        if (!made.has(pack.key)) packs.push(pack)
        made.add(pack.key)
      }
    }
  } finally {
    await rm(cache, { recursive: true, force: true })
  }
  return packs
}
