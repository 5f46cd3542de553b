import { closeSync } from 'node:fs'
import { join } from 'node:path'
import type { Entry, SourceEntry } from '../../manifests/entry.ts'
import { joinTreePath, type TreePath } from '../../manifests/tree-path.ts'
import { compareEntries } from '../tree/compare-entry.ts'
import { hashContent } from '../tree/file-content.ts'
import { TreeReader } from '../tree/tree-reader.ts'
import { walkDirectory } from '../tree/walk-directory.ts'
import type { ModuleTree } from './module-tree.ts'

/** Configuration that belongs to whoever runs the machine lies below this directory. */
export const configurationRoot = 'etc' as TreePath

/** What was done on the machine to one path below /etc since its release was installed. */
export type LocalChange =
  | { readonly kind: 'added' | 'modified'; readonly path: TreePath; readonly entry: SourceEntry }
  | { readonly kind: 'removed'; readonly path: TreePath }

/** Whether a path is /etc itself or below it. */
export function isConfiguration(path: TreePath): boolean {
  return path === configurationRoot || path.startsWith(`${configurationRoot}/`)
}

/** The entries of a tree below /etc. */
export async function configurationEntries(tree: ModuleTree): Promise<Map<TreePath, Entry>> {
  const entries = new Map<TreePath, Entry>()
  for await (const { entry } of tree.entries())
    if (isConfiguration(entry.path)) entries.set(entry.path, entry)
  return entries
}

/** In byte order of the paths. `installed` is what the release put below /etc. */
export function findLocalChanges(root: string, installed: ReadonlyMap<TreePath, Entry>): LocalChange[] {
  using reader = new TreeReader(root)
  if (reader.read(configurationRoot)?.type !== 'directory') return []
  const changes: LocalChange[] = []
  const seen = new Set<TreePath>()
  for (const { entry: found } of walkDirectory(join(root, configurationRoot))) {
    const path = found.path === '' ? configurationRoot : joinTreePath(configurationRoot, found.path)
    seen.add(path)
    // A name of an inode with several is described as a file of its own, and kept as one.
    const entry = found.type === 'hardlink' ? reader.read(path) : { ...found, path }
    if (entry === undefined) continue
    const original = installed.get(path)
    if (original === undefined) changes.push({ kind: 'added', path, entry })
    else if (isModified(reader, entry, original, installed)) changes.push({ kind: 'modified', path, entry })
  }
  for (const path of installed.keys()) if (!seen.has(path)) changes.push({ kind: 'removed', path })
  return changes.sort((a, b) => (a.path < b.path ? -1 : 1))
}

/** When a file was last written is not a change of what it says. */
function isModified(
  reader: TreeReader,
  entry: SourceEntry,
  original: Entry,
  installed: ReadonlyMap<TreePath, Entry>,
): boolean {
  const named = original.type === 'hardlink' ? installed.get(original.target) : original
  if (named === undefined) return false
  return differsInMoreThanTime(entry, named) || !hasContentOf(reader, entry, named)
}

function differsInMoreThanTime(a: SourceEntry, b: Entry): boolean {
  return compareEntries(a, b).some((aspect) => aspect !== 'mtime' && aspect !== 'sparse')
}

/** Whether the file at the first entry's path has the content of the second. */
export function hasContentOf(reader: TreeReader, entry: SourceEntry, other: Entry): boolean {
  if (entry.type !== 'file' || other.type !== 'file') return true
  if (entry.size !== other.size) return false
  const fd = reader.openFile(entry.path)
  if (fd === undefined) return false
  try {
    return hashContent(fd, { ...entry, tree: reader.tree }) === other.digest
  } finally {
    closeSync(fd)
  }
}
