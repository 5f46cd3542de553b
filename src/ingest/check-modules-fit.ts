import { createReadStream } from 'node:fs'
import { displayTreePath } from '../../manifests/tree-path.ts'
import { RepositoryError } from '../repository/errors.ts'
import { mergeEntries } from '../tree/merge-entries.ts'
import { overlapIn } from '../tree/overlap-in.ts'
import { openManifest } from '../tree/read-manifest.ts'
import type { IngestedModule } from './ingest-tree.ts'

/**
 * Modules are laid over one another on a machine: a path other than a directory may lie in one of them only, and a
 * directory in several must be the same in each, but for its mtime (format §8). Throws MODULES_OVERLAP.
 */
export async function checkModulesFit(modules: readonly IngestedModule[]): Promise<void> {
  if (modules.length < 2) return
  const manifests = await Promise.all(modules.map(({ path }) => openManifest(createReadStream(path))))
  for await (const group of mergeEntries(manifests.map(({ entries }) => entries))) {
    const problem = overlapIn(group)
    if (problem === undefined) continue
    const owners = modules.filter((_, i) => group.items[i] !== undefined).map(({ module }) => module)
    throw new RepositoryError(
      'MODULES_OVERLAP',
      `"/${displayTreePath(group.path)}" lies in the modules ${owners.join(' and ')} ${problem}`,
      { hint: 'leave it in one of them' },
    )
  }
}
