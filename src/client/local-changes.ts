import { closeSync } from 'node:fs'
import { join } from 'node:path'
import type { Entry, HardlinkEntry, InodeEntry, SourceEntry } from '../../manifests/entry.ts'
import { joinTreePath, type TreePath } from '../../manifests/tree-path.ts'
import { compareEntries } from '../tree/compare-entry.ts'
import { TreeReadError } from '../tree/errors.ts'
import { TreeReader } from '../tree/tree-reader.ts'
import { walkDirectory } from '../tree/walk-directory.ts'
import { asFarAsPermitted } from './as-far-as-permitted.ts'
import { openContent } from './has-content.ts'
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

/** The entries of a tree below /etc; of an inode with several names, each as a file of its own. */
export type Configuration = ReadonlyMap<TreePath, InodeEntry>

export async function configurationEntries(tree: ModuleTree): Promise<Configuration> {
  const entries = new Map<TreePath, InodeEntry>()
  const links: HardlinkEntry[] = []
  for await (const { entry } of tree.entries()) {
    if (!isConfiguration(entry.path)) continue
    if (entry.type === 'hardlink') links.push(entry)
    else entries.set(entry.path, entry)
  }
  const elsewhere = new Set(links.map(({ target }) => target).filter((target) => !entries.has(target)))
  const targets = elsewhere.size === 0 ? entries : new Map([...entries, ...(await find(tree, elsewhere))])
  for (const { path, target } of links) {
    const named = targets.get(target)
    if (named !== undefined) entries.set(path, { ...named, path })
  }
  return entries
}

async function find(tree: ModuleTree, paths: ReadonlySet<TreePath>): Promise<Configuration> {
  const found = new Map<TreePath, InodeEntry>()
  for await (const { entry } of tree.entries()) {
    if (paths.has(entry.path) && entry.type !== 'hardlink') found.set(entry.path, entry)
  }
  return found
}

/**
 * Refuses a machine whose /etc is not the directory that its release made of it: what is really configured lies where
 * no update would look. Throws TreeReadError (TREE_PATH_BLOCKED).
 */
export async function refuseMovedConfiguration(root: string, installed: ModuleTree): Promise<void> {
  using reader = new TreeReader(root)
  const there = reader.read(configurationRoot)
  if (there === undefined || there.type === 'directory') return
  const original = (await find(installed, new Set([configurationRoot]))).get(configurationRoot)
  if (original !== undefined && !differsInMoreThanTime(there, original)) return
  const problem =
    'is not a directory, so an update could not keep the configuration; make it the directory again and try again'
  throw new TreeReadError('TREE_PATH_BLOCKED', { tree: root, path: configurationRoot }, problem)
}

/** In byte order of the paths. `installed` is what the release put below /etc. */
export function findLocalChanges(root: string, installed: Configuration): LocalChange[] {
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
    else if (isModified(reader, entry, original)) changes.push({ kind: 'modified', path, entry })
  }
  for (const path of installed.keys()) if (!seen.has(path)) changes.push({ kind: 'removed', path })
  return changes.sort((a, b) => (a.path < b.path ? -1 : 1))
}

/** When a file was last written is not a change of what it says. */
function isModified(reader: TreeReader, entry: SourceEntry, original: Entry): boolean {
  return differsInMoreThanTime(entry, original) || !hasContentOf(reader, entry, original)
}

/** Whether two entries differ in more than what using a file changes; their contents are not looked at. */
export function differsInMoreThanTime(a: Entry | SourceEntry, b: Entry): boolean {
  const aspects = compareEntries(asFarAsPermitted(a), asFarAsPermitted(b))
  return aspects.some((aspect) => aspect !== 'mtime' && aspect !== 'sparse')
}

/** Whether the file at the first entry's path has the content of the second. */
export function hasContentOf(reader: TreeReader, entry: SourceEntry, other: Entry): boolean {
  if (entry.type !== 'file' || other.type !== 'file') return true
  const fd = openContent(reader, { ...other, path: entry.path })
  if (typeof fd === 'number') closeSync(fd)
  // Who may not even read a file has not written to it.
  return fd !== undefined
}
