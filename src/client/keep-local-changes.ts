import { closeSync } from 'node:fs'
import type { Entry, SourceEntry } from '../../manifests/entry.ts'
import { parentOf, type TreePath } from '../../manifests/tree-path.ts'
import { compareEntries } from '../tree/compare-entry.ts'
import { TreeReader } from '../tree/tree-reader.ts'
import type { TreeWriter } from '../tree/tree-writer.ts'
import { hasContentOf, type LocalChange } from './local-changes.ts'

/** What an update did about one local change; for people and `--json`. */
export interface KeptChange {
  readonly path: TreePath
  readonly outcome:
    | 'kept' // the local file stays; the release has nothing new for it
    | 'kept-beside-new' // the local file stays, and the release's lies beside it, at `beside`
    | 'kept-beside' // the release needs the path; the local file lies beside it, at `beside`
    | 'stays-removed'
  readonly beside?: TreePath
}

/** The metadata that paths get instead of, or besides, what the release says; `undefined`: the path is not there. */
export type Overrides = ReadonlyMap<TreePath, SourceEntry | undefined>

/**
 * Carries local changes of /etc over into a root that has just been written from a release, as those who run
 * machines expect of a distribution: what they changed stays, what the release changed in the same file is put
 * beside it, and nothing is lost. `before` and `after` are the entries below /etc of the release they changed and of
 * the new one.
 */
export function keepLocalChanges(
  changes: readonly LocalChange[],
  from: string,
  writer: TreeWriter,
  before: ReadonlyMap<TreePath, Entry>,
  after: ReadonlyMap<TreePath, Entry>,
): { readonly kept: readonly KeptChange[]; readonly overrides: Overrides } {
  using reader = new TreeReader(from)
  const keeper = new Keeper(reader, writer, before, after)
  for (const change of changes) keeper.keep(change)
  return keeper
}

class Keeper {
  readonly kept: KeptChange[] = []
  readonly overrides = new Map<TreePath, SourceEntry | undefined>()
  readonly #reader: TreeReader
  readonly #writer: TreeWriter
  readonly #before: ReadonlyMap<TreePath, Entry>
  readonly #after: ReadonlyMap<TreePath, Entry>

  constructor(
    reader: TreeReader,
    writer: TreeWriter,
    before: ReadonlyMap<TreePath, Entry>,
    after: ReadonlyMap<TreePath, Entry>,
  ) {
    this.#reader = reader
    this.#writer = writer
    this.#before = before
    this.#after = after
  }

  keep(change: LocalChange): void {
    const next = this.#after.get(change.path)
    if (change.kind === 'removed') this.#keepRemoved(change.path, next)
    else if (next === undefined) this.#keepWhereNothingIs(change.entry)
    else if (this.#isSame(change.entry, next)) return
    else if (change.entry.type === 'directory' && next.type === 'directory')
      this.#keepAt(change.path, change.entry)
    else if (next.type === 'directory') this.#keepBeside(change.entry)
    else this.#keepOver(change.entry, next)
  }

  #keepRemoved(path: TreePath, next: Entry | undefined): void {
    if (next === undefined || this.#isGone(path)) return
    this.#writer.remove(path)
    this.overrides.set(path, undefined)
    this.kept.push({ path, outcome: 'stays-removed' })
  }

  #keepWhereNothingIs(entry: SourceEntry): void {
    this.#makeParents(entry.path)
    this.#keepAt(entry.path, entry)
    if (entry.type !== 'directory') this.kept.push({ path: entry.path, outcome: 'kept' })
  }

  #keepAt(path: TreePath, entry: SourceEntry): void {
    this.#copy(entry, path)
    this.overrides.set(path, { ...entry, path })
  }

  #keepBeside(entry: SourceEntry): void {
    const beside = `${entry.path}.vend-local` as TreePath
    this.#keepAt(beside, entry)
    this.kept.push({ path: entry.path, outcome: 'kept-beside', beside })
  }

  #keepOver(entry: SourceEntry, next: Entry): void {
    const { path } = entry
    const original = this.#before.get(path)
    if (original !== undefined && sameButForTime(original, next)) {
      this.#keepAt(path, entry)
      this.kept.push({ path, outcome: 'kept' })
      return
    }
    const beside = `${path}.vend-new` as TreePath
    if (next.type !== 'hardlink') {
      this.#writer.makeHardlink(beside, path)
      this.overrides.set(beside, { ...next, path: beside })
    }
    this.#keepAt(path, entry)
    this.kept.push({ path, outcome: 'kept-beside-new', beside })
  }

  /** A file that was added below a directory which the new release no longer has, or has as something else. */
  #makeParents(path: TreePath): void {
    const parent = parentOf(path)
    if (this.#after.get(parent)?.type === 'directory' || this.overrides.get(parent)?.type === 'directory')
      return
    const entry = this.#reader.read(parent)
    if (entry?.type !== 'directory') return
    this.#makeParents(parent)
    this.#keepAt(parent, entry)
  }

  #isGone(path: TreePath): boolean {
    const parent = parentOf(path)
    return this.overrides.has(parent) && this.overrides.get(parent)?.type !== 'directory'
  }

  #isSame(entry: SourceEntry, next: Entry): boolean {
    return sameButForTime(entry, next) && hasContentOf(this.#reader, entry, next)
  }

  #copy(entry: SourceEntry, path: TreePath): void {
    switch (entry.type) {
      case 'file':
        return this.#copyFile(entry.path, path)
      case 'directory':
        return this.#writer.makeDirectory(path)
      case 'symlink':
        return this.#writer.makeSymlink(path, entry.target)
      case 'character':
      case 'block':
        return this.#writer.makeDevice(path, entry.type, entry.device)
      case 'fifo':
        return this.#writer.makeFifo(path)
      case 'hardlink':
        throw new TypeError('a local change is described by its own entry')
    }
  }

  #copyFile(from: TreePath, to: TreePath): void {
    const fd = this.#reader.openFile(from)
    if (fd === undefined) return
    try {
      this.#writer.cloneFile(to, fd)
    } finally {
      closeSync(fd)
    }
  }
}

function sameButForTime(a: Entry | SourceEntry, b: Entry): boolean {
  return compareEntries(a, b).every((aspect) => aspect === 'mtime' || aspect === 'sparse')
}
