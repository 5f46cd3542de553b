import { closeSync } from 'node:fs'
import type { Entry, InodeEntry, SourceEntry } from '../../../manifests/entry.ts'
import { parentOf, type TreePath } from '../../../manifests/tree-path.ts'
import { DirectoryHandles } from '../../tree/directory-handles.ts'
import { hashContent } from '../../tree/file-content.ts'
import { mergeSorted } from '../../tree/merge-sorted.ts'
import { TreeReader } from '../../tree/tree-reader.ts'
import { walkDirectory } from '../../tree/walk-directory.ts'
import { isPrivileged } from '../as-far-as-permitted.ts'
import type { Overrides } from '../keep-local-changes.ts'
import type { ModuleTree } from '../module-tree.ts'
import { Verifier } from '../verify-root.ts'
import type { InodeTimes } from './inode-times.ts'
import type { MadeByHooks } from './made-by-hooks.ts'

export interface FindMadeRequest {
  readonly directory: string
  readonly tree: ModuleTree
  /** Of the root before any hook ran. */
  readonly before: InodeTimes
  /** What the machine's owner has below /etc: what a hook makes of it stays the owner's. */
  readonly overrides: Overrides
}

/** What hooks have made of a root, besides what its owner and its release have there. */
export async function findMade({
  directory,
  tree,
  before,
  overrides,
}: FindMadeRequest): Promise<MadeByHooks> {
  using verifier = new Verifier(directory, tree)
  using reader = new TreeReader(directory)
  using handles = new DirectoryHandles(directory)
  const made = new Map<TreePath, InodeEntry | undefined>()
  /** Directories in which something was made or removed. */
  const touched = new Set<TreePath>()
  for await (const [found, wanted] of mergeSorted(walkDirectory(directory), tree.entries())) {
    const entry = found?.entry ?? wanted?.entry
    if (entry === undefined) continue
    const { path } = entry
    if (found === undefined) {
      const isRemoved = touched.has(parentOf(path)) && !overrides.has(path) && canBeThere(entry)
      if (isRemoved) made.set(path, undefined)
      if (isRemoved && entry.type === 'directory') touched.add(path)
      continue
    }
    if (before.isUnchanged(handles.locate(path))) continue
    if (entry.type === 'directory') touched.add(path)
    if (overrides.has(path) || (await verifier.judge(found.entry, wanted?.entry)) === undefined) continue
    const described = describe(reader, path)
    if (described !== undefined) made.set(path, described)
  }
  return made
}

/** Devices are not missed where they could not be made. */
function canBeThere({ type }: Entry | SourceEntry): boolean {
  return isPrivileged() || (type !== 'character' && type !== 'block')
}

function describe(reader: TreeReader, path: TreePath): InodeEntry | undefined {
  const entry = reader.read(path)
  if (entry === undefined || entry.type === 'hardlink') return undefined
  if (entry.type !== 'file') return entry
  const fd = reader.openFile(path)
  if (fd === undefined) return undefined
  try {
    return { ...entry, digest: hashContent(fd, { ...entry, tree: reader.tree }), offset: 0 }
  } finally {
    closeSync(fd)
  }
}
