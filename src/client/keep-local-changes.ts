import { closeSync } from 'node:fs'
import type { Entry, SourceEntry } from '../../manifests/entry.ts'
import { parentOf, rootPath, type TreePath } from '../../manifests/tree-path.ts'
import { TreeReader } from '../tree/tree-reader.ts'
import type { TreeWriter } from '../tree/tree-writer.ts'
import { differsInMoreThanTime, hasContentOf, type Configuration, type LocalChange } from './local-changes.ts'

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
  before: Configuration,
  after: Configuration,
): { readonly kept: readonly KeptChange[]; readonly overrides: Overrides } {
  using reader = new TreeReader(from)
  const keeper = new Keeper(reader, writer, before, after, changes)
  for (const change of changes) keeper.keep(change)
  return keeper
}

class Keeper {
  readonly kept: KeptChange[] = []
  readonly overrides = new Map<TreePath, SourceEntry | undefined>()
  readonly #reader: TreeReader
  readonly #writer: TreeWriter
  readonly #before: Configuration
  readonly #after: Configuration
  /** Directories that are needed for something in them which was not removed. */
  readonly #needed = new Set<TreePath>()
  /** What is no directory now; what was below it was not removed for its own sake. */
  readonly #replaced = new Set<TreePath>()

  constructor(
    reader: TreeReader,
    writer: TreeWriter,
    before: Configuration,
    after: Configuration,
    changes: readonly LocalChange[],
  ) {
    this.#reader = reader
    this.#writer = writer
    this.#before = before
    this.#after = after
    const removed = new Set<TreePath>()
    for (const change of changes) {
      if (change.kind === 'removed') removed.add(change.path)
      else if (change.entry.type !== 'directory') this.#replaced.add(change.path)
    }
    for (const path of after.keys()) {
      if (!removed.has(path)) for (const above of ancestorsOf(path)) this.#needed.add(above)
    }
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
    if (next === undefined || this.#needed.has(path)) return
    const above = ancestorsOf(path)
    if (above.some((ancestor) => this.#replaced.has(ancestor))) return
    const isGone = above.some((ancestor) => this.#staysRemoved(ancestor))
    this.overrides.set(path, undefined)
    if (isGone) return
    this.#writer.remove(path)
    this.kept.push({ path, outcome: 'stays-removed' })
  }

  #staysRemoved(path: TreePath): boolean {
    return this.overrides.has(path) && this.overrides.get(path) === undefined
  }

  #keepWhereNothingIs(entry: SourceEntry): void {
    // What an earlier update put beside a file has just been replaced by what this one puts there.
    if (this.overrides.has(entry.path)) return
    this.#makeParents(entry.path)
    this.#keepAt(entry.path, entry)
    if (entry.type !== 'directory') this.kept.push({ path: entry.path, outcome: 'kept' })
  }

  #keepAt(path: TreePath, entry: SourceEntry): void {
    this.#copy(entry, path)
    this.overrides.set(path, { ...entry, path })
  }

  #keepBeside(entry: SourceEntry): void {
    let beside = `${entry.path}.vend-local` as TreePath
    while (this.#reader.read(beside) !== undefined) beside = `${beside}.vend-local` as TreePath
    this.#keepAt(beside, entry)
    this.kept.push({ path: entry.path, outcome: 'kept-beside', beside })
  }

  #keepOver(entry: SourceEntry, next: Entry): void {
    const { path } = entry
    const original = this.#before.get(path)
    if (original !== undefined && !differsInMoreThanTime(original, next)) {
      this.#keepAt(path, entry)
      this.kept.push({ path, outcome: 'kept' })
      return
    }
    this.#putBeside(path, next)
    this.#keepAt(path, entry)
  }

  #putBeside(path: TreePath, next: Entry): void {
    const beside = `${path}.vend-new` as TreePath
    this.#writer.makeHardlink(beside, path)
    this.overrides.set(beside, { ...next, path: beside })
    this.kept.push({ path, outcome: 'kept-beside-new', beside })
  }

  /** For a file that was added below a directory which the new release no longer has, or has as something else. */
  #makeParents(path: TreePath): void {
    const parent = parentOf(path)
    if (parent === rootPath || this.overrides.get(parent)?.type === 'directory') return
    const next = this.#after.get(parent)
    const entry = this.#reader.read(parent)
    if (next?.type === 'directory' || entry?.type !== 'directory') return
    this.#makeParents(parent)
    if (next !== undefined) this.#putBeside(parent, next)
    this.#keepAt(parent, entry)
  }

  #isSame(entry: SourceEntry, next: Entry): boolean {
    return !differsInMoreThanTime(entry, next) && hasContentOf(this.#reader, entry, next)
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

/** The directories above a path, the root left out. */
function ancestorsOf(path: TreePath): TreePath[] {
  const ancestors: TreePath[] = []
  for (let above = parentOf(path); above !== rootPath; above = parentOf(above)) ancestors.push(above)
  return ancestors
}
