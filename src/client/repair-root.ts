import type { TreePath } from '../../manifests/tree-path.ts'
import { TreeWriter } from '../tree/tree-writer.ts'
import type { ChunkSource } from './chunk-source.ts'
import { FileList } from './file-list.ts'
import { makeEmptyFile } from './make-empty-file.ts'
import type { ModuleTree, TreeEntry } from './module-tree.ts'
import type { Finding } from './verify-root.ts'
import { openDirectoryUp } from './open-directory-up.ts'
import { planContents, writeContents } from './write-contents.ts'

/** Makes right what `verifyRoot` found, except what is local and what it does not know. Returns what it repaired. */
export async function repairRoot(
  directory: string,
  tree: ModuleTree,
  source: ChunkSource,
  findings: readonly Finding[],
): Promise<readonly TreePath[]> {
  const damaged = new Map(findings.filter(isDamage).map((finding) => [finding.path, finding]))
  using writer = new TreeWriter(directory)
  const items = await itemsAt(tree, damaged)
  const parents = await directoriesAround(tree, items)
  for (const { entry } of parents) openDirectoryUp(writer, entry.path)
  const needed = new FileList(tree)
  for (const item of items) {
    const finding = damaged.get(item.entry.path)
    if (finding !== undefined && !isMetadataOnly(finding)) make(writer, item, needed)
  }
  await writeContents(planContents(needed, tree), needed, source, writer)
  for (const { entry } of items) if (entry.type === 'hardlink') writer.makeHardlink(entry.path, entry.target)
  for (const { entry } of items) if (entry.type !== 'directory') writer.applyMetadata(entry)
  // Making something in a directory changed its mtime, whether or not it was right before.
  for (const { entry } of parents.toReversed()) writer.applyMetadata(entry)
  writer.sync()
  return items.map(({ entry }) => entry.path)
}

export function isDamage({ local, problem }: Finding): boolean {
  return !local && problem !== 'unknown'
}

function isMetadataOnly({ problem, aspects }: Finding): boolean {
  const content = new Set(['type', 'size', 'digest', 'sparse', 'target', 'device'])
  return problem === 'different' && !aspects.some((aspect) => content.has(aspect))
}

function make(writer: TreeWriter, item: TreeEntry, needed: FileList): void {
  const { entry } = item
  if (entry.type === 'file' && entry.size > 0) needed.add(item, entry)
  else if (entry.type === 'file') makeEmptyFile(writer, entry)
  else if (entry.type === 'directory') writer.makeDirectory(entry.path)
  else if (entry.type === 'symlink') writer.makeSymlink(entry.path, entry.target)
  else if (entry.type === 'fifo') writer.makeFifo(entry.path)
  else if (entry.type !== 'hardlink') writer.makeDevice(entry.path, entry.type, entry.device)
}

/** The damaged entries, and the other names of damaged files: they are names of the old inode until linked anew. */
async function itemsAt(tree: ModuleTree, damaged: ReadonlyMap<TreePath, Finding>): Promise<TreeEntry[]> {
  const items: TreeEntry[] = []
  for await (const item of tree.entries()) {
    const { entry } = item
    if (damaged.has(entry.path) || (entry.type === 'hardlink' && damaged.has(entry.target))) items.push(item)
  }
  return items
}

async function directoriesAround(tree: ModuleTree, items: readonly TreeEntry[]): Promise<TreeEntry[]> {
  const paths = new Set<string>()
  for (const { entry } of items) {
    paths.add(entry.path)
    paths.add(entry.path.slice(0, Math.max(0, entry.path.lastIndexOf('/'))))
  }
  const directories: TreeEntry[] = []
  for await (const item of tree.entries()) {
    if (item.entry.type === 'directory' && paths.has(item.entry.path)) directories.push(item)
  }
  return directories
}
