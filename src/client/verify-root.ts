import { closeSync } from 'node:fs'
import type { Entry, FileEntry, HardlinkEntry, SourceEntry } from '../../manifests/entry.ts'
import type { TreePath } from '../../manifests/tree-path.ts'
import { compareEntries, type EntryAspect } from '../tree/compare-entry.ts'
import { TreeReadError } from '../tree/errors.ts'
import { mergeSorted } from '../tree/merge-sorted.ts'
import { TreeReader } from '../tree/tree-reader.ts'
import { walkDirectory } from '../tree/walk-directory.ts'
import { asFarAsPermitted, isPrivileged } from './as-far-as-permitted.ts'
import { openContent } from './has-content.ts'
import { configurationEntries, isConfiguration, type Configuration } from './local-changes.ts'
import { nothingMade, type MadeByHooks } from './hooks/made-by-hooks.ts'
import type { ModuleTree } from './module-tree.ts'

export interface Finding {
  readonly path: TreePath
  readonly problem: 'missing' | 'different' | 'unknown'
  /** Of `different`: in what; `digest` is the content. */
  readonly aspects: readonly EntryAspect[]
  /** Below /etc: what people change there is theirs, and not damage. */
  readonly local: boolean
  /** Of a path that hooks made or changed: as they left it, which is no damage, or changed or gone since. */
  readonly hooks?: 'as-left' | 'changed' | undefined
}

export interface VerifyRequest {
  readonly directory: string
  readonly tree: ModuleTree
  /** What hooks made there. */
  readonly made?: MadeByHooks | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void
}

/** Everything in which a root differs from its tree; every content is read. */
export async function* verifyRoot(request: VerifyRequest): AsyncGenerator<Finding, void, undefined> {
  const { directory, tree, made = nothingMade, signal, onProgress } = request
  using verifier = new Verifier(directory, tree, made)
  const total = tree.modules.reduce((sum, { header }) => sum + header.entries, 0)
  const unseen = new Set(made.keys())
  let done = 0
  for await (const [found, wanted] of mergeSorted(walkDirectory(directory), tree.entries())) {
    signal?.throwIfAborted()
    const path = found?.entry.path ?? wanted?.entry.path
    if (path !== undefined) unseen.delete(path)
    if (wanted !== undefined) onProgress?.({ done: ++done, total })
    const finding = await verifier.judge(found?.entry, wanted?.entry)
    if (finding !== undefined) yield finding
  }
  for (const path of unseen) {
    yield { path, problem: 'missing', aspects: [], local: isConfiguration(path), hooks: 'changed' }
  }
}

/** Compares what lies at a path with what a release, or the hooks that ran in it, have there. */
export class Verifier implements Disposable {
  readonly #tree: ModuleTree
  readonly #made: MadeByHooks
  readonly #reader: TreeReader
  /** So far; a link comes after what it names. */
  readonly #findings = new Map<TreePath, Finding>()
  #configuration: Promise<Configuration> | undefined

  constructor(directory: string, tree: ModuleTree, made: MadeByHooks = nothingMade) {
    this.#tree = tree
    this.#made = made
    this.#reader = new TreeReader(directory)
  }

  [Symbol.dispose](): void {
    this.#reader[Symbol.dispose]()
  }

  async judge(found: SourceEntry | undefined, wanted: Entry | undefined): Promise<Finding | undefined> {
    const finding = this.#considerHooks(await this.#compare(found, wanted), found, wanted)
    if (finding !== undefined && wanted !== undefined) this.#findings.set(finding.path, finding)
    return finding
  }

  /** What is as the release has it, or as hooks left it, is right; else only what nobody can bring back is no damage. */
  #considerHooks(
    finding: Finding | undefined,
    found: SourceEntry | undefined,
    wanted: Entry | undefined,
  ): Finding | undefined {
    if (finding === undefined || !this.#made.has(finding.path)) return finding
    const left = this.#made.get(finding.path)
    const isAsLeft =
      left === undefined || found === undefined
        ? left === undefined && found === undefined
        : differences(this.#reader, found, left).length === 0
    if (isAsLeft) return { ...finding, hooks: 'as-left' }
    if (wanted !== undefined || left === undefined || found === undefined) return finding
    const aspects = differences(this.#reader, found, left)
    return { ...finding, problem: 'different', aspects, hooks: 'changed' }
  }

  async #compare(found: SourceEntry | undefined, wanted: Entry | undefined): Promise<Finding | undefined> {
    const path = found?.path ?? wanted?.path
    if (path === undefined) return undefined
    const local = isConfiguration(path)
    if (wanted === undefined) return { path, problem: 'unknown', aspects: [], local }
    if (found === undefined && wanted.type in deviceTypes && !isPrivileged()) return undefined
    if (found === undefined) return { path, problem: 'missing', aspects: [], local }
    const aspects = await this.#differences(found, wanted)
    return aspects.length === 0 ? undefined : { path, problem: 'different', aspects, local }
  }

  async #differences(found: SourceEntry, wanted: Entry): Promise<readonly EntryAspect[]> {
    if (wanted.type !== 'hardlink') return differences(this.#reader, found, wanted)
    const target = this.#findings.get(wanted.target)
    // Which of an inode's names the walk calls the first is no matter: there may be one more than there should be.
    const isLinked = this.#reader.isSameFile(found.path, wanted.target)
    // A name below /etc, and one whose other name is a local change, must not depend on what lies at the other.
    const isOnItsOwn = isConfiguration(wanted.path) || target?.local === true
    if (isLinked && (target === undefined || !isOnItsOwn)) return []
    const own = isOnItsOwn ? await this.#ownEntry(wanted) : undefined
    return own === undefined ? ['target'] : differences(this.#reader, found, own)
  }

  /** The entry of a link as a file of its own. */
  async #ownEntry({ path, target }: HardlinkEntry): Promise<Entry | undefined> {
    this.#configuration ??= configurationEntries(this.#tree)
    const configuration = await this.#configuration
    const named = configuration.get(path) ?? configuration.get(target)
    return named === undefined ? undefined : { ...named, path }
  }
}

const deviceTypes = { character: true, block: true }

function differences(reader: TreeReader, found: SourceEntry, wanted: Entry): readonly EntryAspect[] {
  // The first of two names is missing or was replaced: what the walk calls a link may be the file that is wanted.
  const entry = found.type === 'hardlink' ? reader.read(found.path) : found
  if (entry === undefined) return ['type']
  // Where a file system keeps holes is its own affair, as long as they read as zeros.
  const aspects = compareEntries(asFarAsPermitted(entry), asFarAsPermitted(wanted)).filter(
    (aspect) => aspect !== 'sparse',
  )
  if (aspects.includes('size') || aspects.includes('type') || wanted.type !== 'file') return aspects
  return isIntact(reader, wanted) ? aspects : [...aspects, 'digest']
}

function isIntact(reader: TreeReader, wanted: FileEntry): boolean {
  if (wanted.size === 0 && wanted.sparse === undefined) return true
  const fd = openContent(reader, wanted)
  if (fd === 'refused') {
    const problem = 'could not read this file: permission denied; run as root'
    throw new TreeReadError('TREE_NOT_PERMITTED', { tree: reader.tree, path: wanted.path }, problem)
  }
  if (fd === undefined) return false
  closeSync(fd)
  return true
}
