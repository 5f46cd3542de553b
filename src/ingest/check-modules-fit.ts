import { createReadStream } from 'node:fs'
import type { DirectoryEntry } from '../../manifests/entry.ts'
import { displayTreePath } from '../../manifests/tree-path.ts'
import { RepositoryError } from '../repository/errors.ts'
import { compareEntries } from '../tree/compare-entry.ts'
import { mergeEntries, type PathGroup } from '../tree/merge-entries.ts'
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

function overlapIn({ items }: PathGroup): string | undefined {
  const entries = items.flatMap((item) => item?.entry ?? [])
  const [first, ...others] = entries
  if (first === undefined || others.length === 0) return undefined
  const directories = entries.filter((entry): entry is DirectoryEntry => entry.type === 'directory')
  if (directories.length < entries.length) return 'and is not a directory in each'
  const differences = new Set(others.flatMap((other) => compareEntries(first, other)))
  differences.delete('mtime')
  if (differences.size === 0) return undefined
  return `with another ${[...differences].join(', ')} in each`
}
