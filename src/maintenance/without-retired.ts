import type { BlobReader, CallOptions } from '../../storage/blob-store.ts'
import { isSameCommit } from '../repository/fence.ts'
import { timestampKey } from '../repository/layout.ts'
import { readBlob } from '../repository/read-blob.ts'
import { loadState, type RepositoryState } from '../repository/repository-state.ts'
import { Repository } from '../repository/repository.ts'
import type { Damage } from './damage.ts'

/** The damages without those that touch only releases which were listed at first, and no longer are: they were collected. */
export async function withoutRetired(
  store: BlobReader,
  { timestamp }: RepositoryState,
  damages: readonly Damage[],
  options: CallOptions,
): Promise<readonly Damage[]> {
  if (damages.length === 0) return damages
  const now = await readBlob(store, timestampKey, options)
  if (now === undefined || isSameCommit(now.bytes, timestamp.bytes)) return damages
  const listed = new Set(new Repository(store, await loadState(store, options)).releaseVersions())
  return damages.flatMap((damage) => stillTouching(damage, listed) ?? [])
}

function stillTouching(damage: Damage, listed: ReadonlySet<number>): Damage | undefined {
  if (damage.kind === 'release') {
    const version = Number(/\d+$/.exec(damage.what)?.[0])
    return listed.has(version) ? damage : undefined
  }
  if (damage.touches.length === 0) return damage
  const touches = damage.touches.flatMap((touched) => {
    const releases = touched.releases.filter((version) => listed.has(version))
    return releases.length === 0 ? [] : [{ ...touched, releases }]
  })
  return touches.length === 0 ? undefined : { ...damage, touches }
}
