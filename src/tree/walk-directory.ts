import type { BigIntStats } from 'node:fs'
import { lstatSync } from 'node:fs'
import type { SourceEntry, SourceFileEntry } from '../../manifests/entry.ts'
import type { TreePath } from '../../manifests/tree-path.ts'
import { joinTreePath, maxPathBytes, nameOf, parentOf, rootPath } from '../../manifests/tree-path.ts'
import { clampMtime } from './clamp-mtime.ts'
import { DirectoryHandles, pathAt } from './directory-handles.ts'
import { TreeChangedError, TreePathBlockedError, treeReadError, TreeReadError } from './errors.ts'
import { HardlinkFinder } from './hardlink-finder.ts'
import type { DirectoryListing } from './list-directory.ts'
import { listDirectory } from './list-directory.ts'
import { assertSameFile, openForReading } from './open-for-reading.ts'
import type { EntryPlace } from './read-entry.ts'
import { readEntry, statEntry } from './read-entry.ts'

export interface WalkOptions {
  /** Told of what is left out: sockets, and with `oneFileSystem` what is mounted inside. */
  readonly onSkipped?: (path: TreePath, reason: string) => void
  /** SOURCE_DATE_EPOCH, in seconds: later mtimes become it. */
  readonly clampMtime?: number
  /** Do not descend into what is mounted inside the tree; the directory itself is still an entry. */
  readonly oneFileSystem?: boolean
}

export interface WalkedFile {
  readonly entry: SourceFileEntry
  /**
   * A descriptor for reading, which the caller closes. To be called before the walk goes on. Throws
   * TreeChangedError when another file or another content is there by now.
   */
  readonly open: () => number
  /** Throws TreeChangedError unless the file still has the size and mtime it had when the walk came by. */
  readonly assertUnchanged: (fd: number) => void
}

export interface WalkedOther {
  readonly entry: Exclude<SourceEntry, SourceFileEntry>
  readonly open?: undefined
  readonly assertUnchanged?: undefined
}

/** `open` is there for files only; testing for it tells the two apart. */
export type WalkedEntry = WalkedFile | WalkedOther

/**
 * Every entry of the tree at `root`, in the order of manifests: by the bytes of the whole path, beginning with the
 * root itself. Of an inode with several paths the first is the entry and the others are hard links to it. Keeps no
 * more in memory than the listings of the directories on the way down, and the inodes with paths still to come.
 *
 * Throws TreeReadError for what cannot be read, TreeChangedError for what changes meanwhile.
 */
export function* walkDirectory(root: string, options: WalkOptions = {}): Generator<WalkedEntry, void, void> {
  using walk = new Walk(root, options)
  const stack = [walk.list(rootPath)]
  yield walk.visitRoot()
  for (let level = stack.at(-1); level !== undefined; level = stack.at(-1)) {
    const key = level.keys[level.next++]
    if (key === undefined) {
      stack.pop()
    } else if (key.endsWith('/')) {
      stack.push(walk.list(joinTreePath(level.path, key.slice(0, -1))))
    } else {
      const walked = walk.visit(level, key)
      if (walked !== undefined) yield walked
    }
  }
}

interface Level {
  readonly path: TreePath
  readonly directories: ReadonlySet<string>
  /** What to do here, in byte order: `name` to visit, `name/` to descend. */
  readonly keys: readonly string[]
  next: number
}

class Walk implements Disposable {
  readonly #tree: string
  readonly #options: WalkOptions
  readonly #handles: DirectoryHandles
  readonly #hardlinks = new HardlinkFinder()
  readonly #device: bigint

  constructor(root: string, options: WalkOptions) {
    this.#tree = root
    this.#options = options
    this.#handles = new DirectoryHandles(root)
    this.#device = lstatSync(this.#handles.locate(rootPath), { bigint: true }).dev
  }

  [Symbol.dispose](): void {
    this.#handles[Symbol.dispose]()
  }

  list(path: TreePath): Level {
    const { names, directories } = this.#namesIn(path)
    // Contents of `a` sort as `a/…`, which is after `a-b`: descending is a step of its own.
    const keys = [...names, ...Array.from(directories, (name) => `${name}/`)].sort()
    return { path, directories, keys, next: 0 }
  }

  visitRoot(): WalkedEntry {
    const location = this.#handles.locate(rootPath)
    const place = this.#placeOf(rootPath)
    const stats = statEntry(location, place)
    const entry = stats === undefined ? undefined : readEntry(location, stats, place)
    if (entry?.type !== 'directory')
      throw new TreeChangedError(place, 'vanished while the tree was being read')
    return { entry: this.#clamp(entry) }
  }

  visit(level: Level, name: string): WalkedEntry | undefined {
    const place = this.#placeOf(joinTreePath(level.path, name))
    const location = this.#locate(place)
    const stats = statEntry(location, place)
    if (stats?.isDirectory() !== level.directories.has(name)) {
      throw new TreeChangedError(place, 'vanished or was replaced while the tree was being read')
    }
    const target = this.#hardlinks.firstPathOf(stats)
    if (target !== undefined) return { entry: { type: 'hardlink', path: place.path, target } }
    const entry = readEntry(location, stats, place)
    if (entry === undefined) {
      this.#options.onSkipped?.(
        place.path,
        'is a socket, which means nothing without the process that bound it',
      )
      return undefined
    }
    this.#hardlinks.add(place.path, stats)
    return this.#walked(entry, location, stats, place)
  }

  #walked(entry: SourceEntry, location: Buffer, stats: BigIntStats, place: EntryPlace): WalkedEntry {
    if (entry.type !== 'file') return { entry: this.#clamp(entry) }
    return {
      entry: this.#clamp(entry),
      open: () => openForReading(location, stats, place),
      assertUnchanged: (fd) => assertSameFile(fd, stats, place),
    }
  }

  #namesIn(path: TreePath): DirectoryListing {
    const place = this.#placeOf(path)
    try {
      const fd = this.#handles.fdOf(path)
      if (this.#isElsewhere(fd)) {
        this.#options.onSkipped?.(path, 'is on another file system: what is in it is left out')
        return { names: [], directories: new Set() }
      }
      return listDirectory(fd)
    } catch (error) {
      throw asChange(error, place) ?? treeReadError(error, place, 'list this directory')
    }
  }

  #isElsewhere(fd: number): boolean {
    if (this.#options.oneFileSystem !== true) return false
    return lstatSync(pathAt(fd, ''), { bigint: true }).dev !== this.#device
  }

  #locate(place: EntryPlace): Buffer {
    try {
      return pathAt(this.#handles.fdOf(parentOf(place.path)), nameOf(place.path))
    } catch (error) {
      throw asChange(error, place) ?? treeReadError(error, place, 'reach this path')
    }
  }

  #clamp<E extends SourceEntry>(entry: E): E {
    const { clampMtime: seconds } = this.#options
    return seconds === undefined ? entry : clampMtime(entry, seconds)
  }

  #placeOf(path: TreePath): EntryPlace {
    if (path.length <= maxPathBytes) return { tree: this.#tree, path }
    const problem = `is a path of ${path.length} bytes; the limit is ${maxPathBytes}`
    throw new TreeReadError('TREE_UNSUPPORTED', { tree: this.#tree, path }, problem)
  }
}

/** A directory was listed here: if a path is blocked now, it was replaced. */
function asChange(error: unknown, place: EntryPlace): TreeChangedError | undefined {
  if (!(error instanceof TreePathBlockedError)) return undefined
  return new TreeChangedError(place, 'was replaced while the tree was being read', error)
}
