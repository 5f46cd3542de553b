import { digestFromHex } from '../../manifests/digest.ts'
import type { Channel } from '../../manifests/channel.ts'
import type { CallOptions } from '../../storage/blob-store.ts'
import { chunkHexOf, chunkPrefix } from '../repository/layout.ts'
import type { Repository } from '../repository/repository.ts'
import { DigestMap } from '../digest-map.ts'

/**
 * Chunks that the store is known to have, without asking for one of them: those in the manifests of the latest
 * release and of the one that the channel points to, and, when a publish may have died (`listStore`), all that a
 * listing of the store shows, a thousand a request.
 */
export async function findKnownChunks(
  repository: Repository,
  channel: Channel | undefined,
  options: CallOptions & { readonly listStore: boolean },
): Promise<DigestMap> {
  const known = new DigestMap()
  const versions = new Set([repository.releaseVersions().at(-1), channel?.version])
  const seen = new Set<string>()
  for (const version of versions) {
    if (version === undefined) continue
    const { modules } = await repository.release(version, options)
    for (const module of Object.values(modules)) {
      if (seen.has(module.manifest.digest)) continue
      seen.add(module.manifest.digest)
      const { chunkTable, close } = await repository.manifest(module, options)
      for (const { digest } of chunkTable) known.add(digest)
      await close()
    }
  }
  if (options.listStore) await addListed(repository, known, options)
  return known
}

async function addListed(repository: Repository, known: DigestMap, options: CallOptions): Promise<void> {
  for await (const { key } of repository.store.list(chunkPrefix, options)) {
    const hex = chunkHexOf(key)
    if (hex !== undefined) known.add(digestFromHex(hex))
  }
}
