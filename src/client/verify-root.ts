import { closeSync } from 'node:fs'
import type { Entry, SourceEntry } from '../../manifests/entry.ts'
import type { TreePath } from '../../manifests/tree-path.ts'
import { compareEntries, type EntryAspect } from '../tree/compare-entry.ts'
import { hashContent } from '../tree/file-content.ts'
import { mergeSorted } from '../tree/merge-sorted.ts'
import { TreeReader } from '../tree/tree-reader.ts'
import { walkDirectory } from '../tree/walk-directory.ts'
import { asFarAsPermitted, isPrivileged } from './as-far-as-permitted.ts'
import { isConfiguration } from './local-changes.ts'
import type { ModuleTree, TreeEntry } from './module-tree.ts'

export interface Finding {
  readonly path: TreePath
  readonly problem: 'missing' | 'different' | 'unknown'
  /** Of `different`: in what; `digest` is the content. */
  readonly aspects: readonly EntryAspect[]
  /** Below /etc: what people change there is theirs, and not damage. */
  readonly local: boolean
}

export interface VerifyRequest {
  readonly directory: string
  readonly tree: ModuleTree
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void
}

/** Everything in which a root differs from its tree; every content is read. */
export async function* verifyRoot(request: VerifyRequest): AsyncGenerator<Finding, void, undefined> {
  const { directory, tree, signal, onProgress } = request
  using reader = new TreeReader(directory)
  const total = tree.modules.reduce((sum, { header }) => sum + header.entries, 0)
  let done = 0
  for await (const [found, wanted] of mergeSorted(walkDirectory(directory), tree.entries())) {
    signal?.throwIfAborted()
    if (wanted !== undefined) onProgress?.({ done: ++done, total })
    const finding = judge(reader, found?.entry, wanted)
    if (finding !== undefined) yield finding
  }
}

function judge(
  reader: TreeReader,
  found: SourceEntry | undefined,
  wanted: TreeEntry | undefined,
): Finding | undefined {
  const path = found?.path ?? wanted?.entry.path
  if (path === undefined) return undefined
  const local = isConfiguration(path)
  if (wanted === undefined) return { path, problem: 'unknown', aspects: [], local }
  if (found === undefined && wanted.entry.type in deviceTypes && !isPrivileged()) return undefined
  if (found === undefined) return { path, problem: 'missing', aspects: [], local }
  const aspects = differences(reader, found, wanted.entry)
  return aspects.length === 0 ? undefined : { path, problem: 'different', aspects, local }
}

const deviceTypes = { character: true, block: true }

function differences(reader: TreeReader, found: SourceEntry, wanted: Entry): EntryAspect[] {
  // Which of an inode's names the walk calls the first is no matter: there may be one more than there should be.
  if (wanted.type === 'hardlink') return reader.isSameFile(found.path, wanted.target) ? [] : ['target']
  // The first of two names is missing or was replaced: what the walk calls a link may be the file that is wanted.
  const entry = found.type === 'hardlink' ? reader.read(found.path) : found
  if (entry === undefined) return ['type']
  const aspects = compareEntries(asFarAsPermitted(entry), asFarAsPermitted(wanted))
  if (aspects.includes('size') || aspects.includes('type')) return aspects
  if (wanted.type !== 'file' || entry.type !== 'file') return aspects
  return hasContent(reader, entry, wanted.digest) ? aspects : [...aspects, 'digest']
}

function hasContent(
  reader: TreeReader,
  entry: Extract<SourceEntry, { type: 'file' }>,
  digest: string,
): boolean {
  if (entry.size === 0) return true
  const fd = reader.openFile(entry.path)
  if (fd === undefined) return false
  try {
    return hashContent(fd, { ...entry, tree: reader.tree }) === digest
  } finally {
    closeSync(fd)
  }
}
