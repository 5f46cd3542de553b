import { closeSync } from 'node:fs'
import type { Entry, SourceEntry } from '../../manifests/entry.ts'
import { parentOf, rootPath, type TreePath } from '../../manifests/tree-path.ts'
import { TreeReader } from '../tree/tree-reader.ts'
import type { TreeWriter } from '../tree/tree-writer.ts'
import { differsInMoreThanTime, hasContentOf, type Configuration, type LocalChange } from './local-changes.ts'
import { nameBeside } from './name-beside.ts'

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
  // What lies beside something is outdated or not when its turn comes.
  const isMore = ({ kind, path }: LocalChange): boolean => kind === 'added' && !after.has(path)
  for (const change of changes.filter((each) => !isMore(each))) keeper.keep(change)
  for (const change of changes.filter(isMore)) keeper.keep(change)
  const kept = keeper.kept.sort((a, b) => (a.path < b.path ? -1 : 1))
  return { kept, overrides: keeper.overrides }
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
  readonly #changes: readonly LocalChange[]
  /** What earlier updates put beside local files, and this one puts something else in the place of. */
  readonly #outdated = new Set<TreePath>()

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
    this.#changes = changes
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
    else if (next.type !== 'directory') this.#keepOver(change.entry)
    else if (this.#before.get(change.path)?.type === 'directory') this.#keepInsteadOf(change.entry)
    else this.#keepBeside(change.entry)
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
    if (this.#outdated.has(entry.path)) return
    this.#makeParents(entry.path)
    this.#keepAt(entry.path, entry)
    if (entry.type !== 'directory') this.kept.push({ path: entry.path, outcome: 'kept' })
  }

  #keepAt(path: TreePath, entry: SourceEntry): void {
    this.#copy(entry, path)
    this.overrides.set(path, { ...entry, path })
  }

  #keepBeside(entry: SourceEntry): void {
    const beside = nameBeside(entry.path, 'vend-local', (path) => this.#isFree(path))
    this.#keepAt(beside, entry)
    this.kept.push({ path: entry.path, outcome: 'kept-beside', beside })
  }

  #keepOver(entry: SourceEntry): void {
    const { path } = entry
    if (this.#isNews(path)) this.#putBeside(path)
    else this.kept.push({ path, outcome: 'kept' })
    this.#keepAt(path, entry)
  }

  /** For what somebody put in the place of a directory. */
  #keepInsteadOf(entry: SourceEntry): void {
    const { path } = entry
    const hidden = pathsIn(this.#after, path)
    const known = pathsIn(this.#before, path)
    if ([...new Set([...hidden, ...known])].some((each) => this.#isNews(each))) {
      const beside = this.#makeRoomBeside(path)
      for (const each of hidden) this.#putAt(joinBelow(beside, path, each), each)
      this.kept.push({ path, outcome: 'kept-beside-new', beside })
    } else this.kept.push({ path, outcome: 'kept' })
    for (const each of hidden) this.overrides.set(each, undefined)
    this.#keepAt(path, entry)
  }

  /** Whether the new release has something else there than the one before. */
  #isNews(path: TreePath): boolean {
    const [original, next] = [this.#before.get(path), this.#after.get(path)]
    if (original === undefined || next === undefined) return original !== next
    return differsInMoreThanTime(original, next)
  }

  #putBeside(path: TreePath): void {
    const beside = this.#makeRoomBeside(path)
    this.#putAt(beside, path)
    this.kept.push({ path, outcome: 'kept-beside-new', beside })
  }

  /** Gives what the release has at one path to another. */
  #putAt(path: TreePath, from: TreePath): void {
    const next = this.#after.get(from)
    if (next === undefined) return
    if (next.type === 'directory') this.#writer.makeDirectory(path)
    else this.#writer.makeHardlink(path, from)
    this.overrides.set(path, { ...next, path })
  }

  /** What an earlier update put beside the path gives way, unless somebody has changed it. */
  #makeRoomBeside(path: TreePath): TreePath {
    const beside = nameBeside(path, 'vend-new', (name) => this.#isFree(name) || this.#isOutdated(name, path))
    for (const { path: each } of this.#addedIn(beside)) this.#outdated.add(each)
    return beside
  }

  #isFree(path: TreePath): boolean {
    return !this.#after.has(path) && !this.overrides.has(path) && this.#reader.read(path) === undefined
  }

  /** Whether all that lies at one path is what the release before had at the other. */
  #isOutdated(beside: TreePath, path: TreePath): boolean {
    if (this.#after.has(beside) || this.#before.has(beside) || this.overrides.has(beside)) return false
    return this.#addedIn(beside).every((entry) => {
      const original = this.#before.get(joinBelow(path, beside, entry.path))
      return original !== undefined && this.#isSame(entry, original)
    })
  }

  #addedIn(directory: TreePath): SourceEntry[] {
    return this.#changes.flatMap((change) =>
      change.kind === 'added' && isIn(directory, change.path) ? [change.entry] : [],
    )
  }

  /** For a file that was added below a directory which the new release no longer has, or has as something else. */
  #makeParents(path: TreePath): void {
    const parent = parentOf(path)
    if (parent === rootPath || this.overrides.get(parent)?.type === 'directory') return
    const next = this.#after.get(parent)
    const entry = this.#reader.read(parent)
    if (next?.type === 'directory' || entry?.type !== 'directory') return
    this.#makeParents(parent)
    if (next !== undefined) this.#putBeside(parent)
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

/** The path itself and all below it. */
function pathsIn(configuration: Configuration, directory: TreePath): TreePath[] {
  return [...configuration.keys()].filter((path) => isIn(directory, path)).sort()
}

function isIn(directory: TreePath, path: TreePath): boolean {
  return path === directory || path.startsWith(`${directory}/`)
}

/** What `path` is called when what is at or below `from` goes to `to`. */
function joinBelow(to: TreePath, from: TreePath, path: TreePath): TreePath {
  return `${to}${path.slice(from.length)}` as TreePath
}
