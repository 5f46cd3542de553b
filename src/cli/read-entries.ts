import type { Entry } from '../../manifests/entry.ts'
import type { ChunkRef } from '../../manifests/manifest.ts'
import type { Release } from '../../manifests/release.ts'
import type { CallOptions } from '../../storage/blob-store.ts'
import { findModule } from '../repository/find-module.ts'
import type { Repository } from '../repository/repository.ts'
import { mergeEntries } from '../tree/merge-entries.ts'

/** An entry and the module it lies in; of a directory in several modules, the first by name. */
export interface FoundEntry {
  readonly module: string
  readonly entry: Entry
  readonly chunkTable: readonly ChunkRef[]
}

/**
 * The entries of a release's root, or of one of its modules, in path order. Whoever has read to the end knows that all
 * of them are as signed. Throws MODULE_UNKNOWN.
 */
export async function* readEntries(
  repository: Repository,
  release: Release,
  { module, signal }: CallOptions & { readonly module: string | undefined },
): AsyncGenerator<FoundEntry, void, undefined> {
  const names = module === undefined ? modulesOfRoot(release) : [module]
  const found = names.map((name) => findModule(release, name))
  const manifests = await Promise.all(found.map((one) => repository.manifest(one, { signal })))
  try {
    for await (const { items } of mergeEntries(manifests.map(({ entries }) => entries))) {
      const owner = items.findIndex((item) => item !== undefined)
      const [name, entry, manifest] = [names[owner], items[owner]?.entry, manifests[owner]]
      if (name === undefined || entry === undefined || manifest === undefined) continue
      yield { module: name, entry, chunkTable: manifest.chunkTable }
    }
  } finally {
    await Promise.all(manifests.map(({ entries }) => entries.return()))
  }
}

/** Images lie beside the root: none of their names is a path in it. */
function modulesOfRoot({ modules }: Release): string[] {
  const names = Object.keys(modules).filter((name) => modules[name]?.kind !== 'image')
  return names.sort()
}
