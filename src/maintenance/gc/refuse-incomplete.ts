import type { Release } from '../../../manifests/release.ts'
import type { CallOptions } from '../../../storage/blob-store.ts'
import { isDamage } from '../../repository/is-damage.ts'
import { chunkKey } from '../../repository/layout.ts'
import type { Lease } from '../../repository/lease.ts'
import { listedChunks } from '../../repository/listed-chunks.ts'
import type { Repository } from '../../repository/repository.ts'
import { awaitSweeps, readSweeps } from '../../repository/sweeps.ts'
import { Reachable } from './reachable.ts'
import { sweptError } from './swept-error.ts'

interface Options extends CallOptions {
  readonly lease: Pick<Lease, 'renew'>
  readonly onNote?: ((note: string) => void) | undefined
}

/**
 * Throws COLLECTION_SWEPT unless everything that the releases name is in the store when all sweeps are over. The state on
 * which they are to be listed must have been read before.
 */
export async function refuseIncomplete(
  repository: Repository,
  releases: readonly Release[],
  { lease, onNote, ...options }: Options,
): Promise<void> {
  const sweeps = await readSweeps(repository.store, options)
  await awaitSweeps(repository.store, sweeps, { ...options, onNote, storeNow: () => lease.renew() })
  const listed = await listedChunks(repository.store, options)
  for (const release of releases) {
    const needed = new Reachable()
    try {
      await needed.addRelease(repository, release, options)
    } catch (error) {
      if (isDamage(error)) throw sweptError(release.version, 'a manifest')
      throw error
    }
    for (const digest of needed.chunks.keys()) {
      if (!listed.has(digest)) throw sweptError(release.version, chunkKey(digest))
    }
  }
}
