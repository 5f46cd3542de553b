import type { Digest } from '../../../manifests/digest.ts'
import type { BlobStore } from '../../../storage/blob-store.ts'
import { ensurePack } from '../../delivery/ensure-pack.ts'
import type { ManifestRef } from '../../delivery/plan-pack.ts'
import { RepositoryError } from '../../repository/errors.ts'
import { loadState } from '../../repository/repository-state.ts'
import { Repository } from '../../repository/repository.ts'
import type { Processor } from '../processor.ts'

export interface BuildPackOptions {
  readonly store: BlobStore
  readonly trustedRoot: Buffer | undefined
  readonly threads: number
}

/** Makes one pack, unless it is there. Computes in threads: to be run apart from whoever holds the job's lock. */
export function buildPack({ store, trustedRoot, threads }: BuildPackOptions): Processor<'build-pack'> {
  return async ({ from, to }, { signal, onProgress }) => {
    const repository = new Repository(store, await loadState(store, { signal, trustedRoot }))
    const wanted = await findManifests(repository, [to, ...(from === undefined ? [] : [from])], signal)
    const { key, bytes, isNew } = await ensurePack(store, {
      repository,
      from: from === undefined ? undefined : wanted.get(from),
      to: named(wanted, to),
      threads,
      signal,
      onProgress: ({ phase, done, total }) => {
        const title = phase === 'reading' ? 'reading the contents' : 'making the pack'
        onProgress({ title, done, total, unit: 'bytes' })
      },
    })
    return { key, bytes, isNew }
  }
}

/** The newest releases first, which are those that packs are made for. Throws MODULE_UNKNOWN. */
async function findManifests(
  repository: Repository,
  digests: readonly Digest[],
  signal: AbortSignal,
): Promise<ReadonlyMap<Digest, ManifestRef>> {
  const found = new Map<Digest, ManifestRef>()
  for (const version of repository.releaseVersions().toReversed()) {
    const { modules } = await repository.release(version, { signal })
    for (const { manifest } of Object.values(modules)) {
      if (digests.includes(manifest.digest)) found.set(manifest.digest, manifest)
    }
    if (found.size === new Set(digests).size) return found
  }
  for (const digest of digests) named(found, digest)
  return found
}

function named(found: ReadonlyMap<Digest, ManifestRef>, digest: Digest): ManifestRef {
  const manifest = found.get(digest)
  if (manifest !== undefined) return manifest
  throw new RepositoryError('MODULE_UNKNOWN', `no release names the manifest ${digest}`)
}
