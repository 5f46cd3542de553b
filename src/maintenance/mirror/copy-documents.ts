import { digestFromHex, digestOf, type Digest } from '../../../manifests/digest.ts'
import type { BlobReader, CallOptions } from '../../../storage/blob-store.ts'
import { targetKey } from '../../repository/layout.ts'
import { readBlob } from '../../repository/read-blob.ts'
import { listedIn } from '../../repository/repository-log.ts'
import type { RepositoryState } from '../../repository/repository-state.ts'
import type { LogEntry } from '../../transparency/log-entry.ts'
import { missing } from './copy-contents.ts'
import type { MirrorBase, MirrorTarget } from './mirror-target.ts'
import { putEach } from './put-each.ts'

interface Wanted {
  readonly digest: Digest
  /** By what the state lists: without it the state is not whole. */
  readonly isListed: boolean
}

/**
 * Copies the documents that the state lists, and all that were ever visible, as far as the destination lacks them and the
 * log says so. Returns how many, and the keys of those that are no longer listed and that the source has lost. Throws
 * REPOSITORY_CORRUPT for one that is listed.
 */
export async function copyDocuments(
  source: BlobReader,
  target: MirrorTarget,
  state: RepositoryState,
  entries: AsyncIterable<LogEntry>,
  options: CallOptions,
): Promise<{ readonly count: number; readonly lost: readonly string[] }> {
  const lost: string[] = []
  const wanted = await wantedDocuments(target.base, state, entries)
  const count = await putEach(target, wanted, async ([key, { digest, isListed }]) => {
    const body = (await readBlob(source, key, options))?.bytes
    if (body !== undefined && digestOf(body) === digest) return { key, body }
    if (isListed) throw missing(source, key)
    lost.push(key)
    return undefined
  })
  return { count, lost: lost.sort() }
}

async function wantedDocuments(
  base: MirrorBase | undefined,
  state: RepositoryState,
  entries: AsyncIterable<LogEntry>,
): Promise<ReadonlyMap<string, Wanted>> {
  const wanted = new Map<string, Wanted>()
  for await (const { path, digest } of entries)
    wanted.set(targetKey(path, digest), { digest, isListed: false })
  for (const [path, { hashes }] of Object.entries(listedIn(state))) {
    const digest = digestFromHex(hashes['sha256'] ?? '')
    wanted.set(targetKey(path, digest), { digest, isListed: true })
  }
  for (const [path, { hashes }] of base === undefined ? [] : Object.entries(listedIn(base.state))) {
    wanted.delete(targetKey(path, digestFromHex(hashes['sha256'] ?? '')))
  }
  return wanted
}
