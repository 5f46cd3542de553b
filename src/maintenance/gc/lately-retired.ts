import { decodeRelease, releaseTargetPath } from '../../../manifests/release.ts'
import { digestOf } from '../../../manifests/digest.ts'
import type { CallOptions } from '../../../storage/blob-store.ts'
import { isDamage } from '../../repository/is-damage.ts'
import { targetKey } from '../../repository/layout.ts'
import { readBlob } from '../../repository/read-blob.ts'
import type { Repository } from '../../repository/repository.ts'
import { readRun, type FoundRun, type RetiredRelease } from './quarantine.ts'
import type { Reachable } from './reachable.ts'

/**
 * Adds what releases named that were retired since then: until their quarantine is over all of it stays, also what was
 * condemned before, so that they can be listed again. What is damaged of them could not be listed anyway.
 */
export async function addLatelyRetired(
  lately: Reachable,
  repository: Repository,
  runs: readonly FoundRun[],
  { since, ...options }: CallOptions & { readonly since: Date },
): Promise<void> {
  const listed = new Set(repository.releaseVersions())
  for (const { run, written } of runs) {
    if (written === undefined || written <= since) continue
    for (const retired of await retiredBy(repository, run, options)) {
      if (!listed.has(retired.version)) await addRetired(lately, repository, retired, options)
    }
  }
}

/** The document of a release that is listed no longer; undefined when it is gone or damaged. */
export async function readRetired(
  { store }: Pick<Repository, 'store'>,
  { version, digest }: RetiredRelease,
  options: CallOptions,
): Promise<Buffer | undefined> {
  const blob = await readBlob(store, targetKey(releaseTargetPath(version), digest), options)
  return blob !== undefined && digestOf(blob.bytes) === digest ? blob.bytes : undefined
}

async function retiredBy(
  { store }: Repository,
  run: string,
  options: CallOptions,
): Promise<readonly RetiredRelease[]> {
  try {
    return (await readRun(store, run, options))?.retired ?? []
  } catch (error) {
    if (isDamage(error)) return []
    throw error
  }
}

async function addRetired(
  lately: Reachable,
  repository: Repository,
  retired: RetiredRelease,
  options: CallOptions,
): Promise<void> {
  try {
    const bytes = await readRetired(repository, retired, options)
    if (bytes !== undefined) await lately.addRelease(repository, decodeRelease(bytes), options)
  } catch (error) {
    if (!isDamage(error)) throw error
  }
}
