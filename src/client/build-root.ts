import { closeSync, fstatSync } from 'node:fs'
import type { Entry, FileEntry } from '../../manifests/entry.ts'
import { parentOf, rootPath, type TreePath } from '../../manifests/tree-path.ts'
import { TreeChangedError, TreeReadError } from '../tree/errors.ts'
import { mergeSorted } from '../tree/merge-sorted.ts'
import type { NotKept, NotKeptKind } from '../tree/not-kept.ts'
import { TreeReader } from '../tree/tree-reader.ts'
import { TreeWriter } from '../tree/tree-writer.ts'
import { walkDirectory } from '../tree/walk-directory.ts'
import type { BasisRoot } from './basis-root.ts'
import type { ChunkSource } from './chunk-source.ts'
import type { FileList } from './file-list.ts'
import { hasContent } from './has-content.ts'
import { nothingMade, withMade, type MadeByHooks } from './hooks/made-by-hooks.ts'
import { keepLocalChanges, type KeptChange, type Overrides } from './keep-local-changes.ts'
import { configurationEntries, findLocalChanges, type Configuration } from './local-changes.ts'
import { makeEmptyFile } from './make-empty-file.ts'
import { MissingFiles } from './missing-files.ts'
import type { ModuleTree, TreeEntry } from './module-tree.ts'
import { openDirectoryUp } from './open-directory-up.ts'
import { openVerified } from './open-verified.ts'
import { planContents, writeContents, type ContentPlan } from './write-contents.ts'

export interface BuildRootRequest {
  /** An existing directory. What is in it and is right stays; all else is removed or replaced. */
  readonly directory: string
  readonly tree: ModuleTree
  readonly source: ChunkSource
  /** The active root, and what was installed there. */
  readonly basis:
    | {
        readonly directory: string
        readonly tree: ModuleTree
        readonly root: BasisRoot
        /** What hooks made of it: nobody's local change. */
        readonly made?: MadeByHooks | undefined
      }
    | undefined
  /** Makes, in its own way, what it can of the files that miss their contents, and settles those. */
  readonly deliver?: (missing: MissingFiles, writer: TreeWriter) => Promise<void>
  readonly signal?: AbortSignal | undefined
  readonly onPhase?: (phase: BuildPhase) => void
  readonly onProgress?: (progress: BuildProgress) => void
}

/**
 * `layout`: everything but contents, and contents that are on the machine. `download`: of packs. `contents`: all
 * others. `images`: of image modules, beside the root. `hooks`: programs of the finished root.
 */
export type BuildPhase = 'layout' | 'download' | 'contents' | 'metadata' | 'sync' | 'images' | 'hooks'

export interface BuildProgress {
  readonly phase: BuildPhase
  /** Entries; of downloads bytes, and of contents plain bytes. */
  readonly done: number
  readonly total: number
}

export interface BuiltRoot {
  readonly kept: readonly KeptChange[]
  /** What lies below /etc otherwise than the release has it. */
  readonly overrides: Overrides
  /** Plain bytes of the chunks that contents were made of, fetched or not. */
  readonly contentBytes: number
  readonly notKept: ReadonlyMap<NotKeptKind, NotKept>
}

/**
 * Makes a directory equal to a tree, with the local changes of the basis's /etc carried over. Contents come from the
 * directory itself, from the basis, and from chunks, each verified; an interrupted build is simply begun again and
 * finds its own work. Everything is on the device when it returns.
 */
export async function buildRoot(request: BuildRootRequest): Promise<BuiltRoot> {
  using writer = new TreeWriter(request.directory)
  const builder = new RootBuilder(request, writer)
  await builder.removeOthers()
  const missing = await builder.layOut()
  await request.deliver?.(missing, writer)
  const needed = missing.list()
  const plan = planContents(needed, request.tree)
  await builder.writeContents(plan, needed)
  await builder.makeHardlinks()
  const { kept, overrides, configuration } = await builder.keepConfiguration()
  await builder.applyMetadata(overrides, configuration)
  builder.sync()
  return { kept, overrides, contentBytes: plan.contentBytes, notKept: writer.notKept }
}

interface KeptConfiguration {
  readonly kept: readonly KeptChange[]
  readonly overrides: Overrides
  /** Of the new tree. */
  readonly configuration: Configuration
}

class RootBuilder {
  readonly #request: BuildRootRequest
  readonly #writer: TreeWriter

  constructor(request: BuildRootRequest, writer: TreeWriter) {
    this.#request = request
    this.#writer = writer
  }

  /** Removes what the tree does not have, and what it has as something else. */
  async removeOthers(): Promise<void> {
    this.#enter('layout')
    const found = walkDirectory(this.#request.directory, { onSkipped: (path) => this.#writer.remove(path) })
    const doomed: TreePath[] = []
    const gone = new Set<TreePath>()
    for await (const [there, wanted] of mergeSorted(found, this.#entries())) {
      if (there === undefined) continue
      const { path, type } = there.entry
      // Before the walk goes on into it.
      if (type === 'directory') openDirectoryUp(this.#writer, path)
      if (path === rootPath) continue
      const isRight = wanted !== undefined && (type === 'directory') === (wanted.entry.type === 'directory')
      if (isRight) continue
      if (!gone.has(parentOf(path))) doomed.push(path)
      gone.add(path)
    }
    for (const path of doomed) this.#writer.remove(path)
  }

  /** Makes all but hard links, contents only as far as they are on the machine; returns the files. */
  async layOut(): Promise<MissingFiles> {
    using present = new TreeReader(this.#request.directory)
    const missing = new MissingFiles(this.#request.tree)
    await this.#forEach('layout', (item) => {
      if (item.entry.type === 'file') {
        missing.add(item, item.entry, !this.#placeLocally(item.entry, present))
      } else this.#make(item.entry)
    })
    return missing
  }

  async writeContents(plan: ContentPlan, needed: FileList): Promise<void> {
    this.#enter('contents')
    const { source, onProgress } = this.#request
    let done = 0
    await writeContents(plan, needed, source, this.#writer, {
      onBytes: (bytes) => {
        done += bytes
        onProgress?.({ phase: 'contents', done, total: plan.contentBytes })
      },
    })
  }

  async makeHardlinks(): Promise<void> {
    await this.#forEach('metadata', ({ entry }) => {
      if (entry.type === 'hardlink') this.#writer.makeHardlink(entry.path, entry.target)
    })
  }

  async keepConfiguration(): Promise<KeptConfiguration> {
    const { basis, tree } = this.#request
    if (basis === undefined) return { kept: [], overrides: new Map(), configuration: new Map() }
    const [before, after] = [await configurationEntries(basis.tree), await configurationEntries(tree)]
    const changes = findLocalChanges(basis.directory, withMade(before, basis.made ?? nothingMade))
    const { kept, overrides } = keepLocalChanges(changes, basis.directory, this.#writer, before, after)
    return { kept, overrides, configuration: after }
  }

  /** Directories come last, the deepest first: whatever is made in one changes its mtime, and may need its mode. */
  async applyMetadata(overrides: Overrides, configuration: Configuration): Promise<void> {
    const directories = new Map<TreePath, TreeEntry | undefined>()
    await this.#forEach('metadata', (item) => {
      const { entry } = item
      if (overrides.has(entry.path)) return
      if (entry.type === 'directory') directories.set(entry.path, item)
      else this.#writer.applyMetadata(ownMetadata(entry, overrides, configuration))
    })
    for (const entry of overrides.values()) {
      if (entry?.type === 'directory') directories.set(entry.path, undefined)
      else if (entry !== undefined) this.#writer.applyMetadata(entry)
    }
    for (const path of [...directories.keys()].sort().reverse()) {
      const item = directories.get(path)
      const entry =
        item === undefined ? overrides.get(path) : this.#request.tree.entryAt(item.module, item.line)
      if (entry !== undefined) this.#writer.applyMetadata(entry)
    }
  }

  sync(): void {
    this.#enter('sync')
    this.#writer.sync()
  }

  async *#entries(): AsyncGenerator<TreeEntry, void, undefined> {
    for await (const item of this.#request.tree.entries()) {
      this.#request.signal?.throwIfAborted()
      yield item
    }
  }

  async #forEach(phase: BuildPhase, visit: (item: TreeEntry) => void): Promise<void> {
    this.#enter(phase)
    const { tree, onProgress } = this.#request
    const total = tree.modules.reduce((sum, { header }) => sum + header.entries, 0)
    let done = 0
    for await (const item of this.#entries()) {
      visit(item)
      onProgress?.({ phase, done: ++done, total })
    }
  }

  #enter(phase: BuildPhase): void {
    this.#request.signal?.throwIfAborted()
    this.#request.onPhase?.(phase)
  }

  #make(entry: Exclude<TreeEntry['entry'], FileEntry>): void {
    const writer = this.#writer
    switch (entry.type) {
      case 'directory':
        return writer.makeDirectory(entry.path)
      case 'symlink':
        return writer.makeSymlink(entry.path, entry.target)
      case 'character':
      case 'block':
        return writer.makeDevice(entry.path, entry.type, entry.device)
      case 'fifo':
        return writer.makeFifo(entry.path)
      case 'hardlink':
        // After contents: the file it names is not there yet.
        return undefined
    }
  }

  /** True when the file's content is in place. */
  #placeLocally(entry: FileEntry, present: TreeReader): boolean {
    if (entry.size === 0) {
      makeEmptyFile(this.#writer, entry)
      return true
    }
    const own = openVerified(present, entry)
    if (own === undefined) {
      const candidates = this.#request.basis?.root.candidates(entry, entry.path) ?? []
      return candidates.some((fd) => this.#cloneVerified(entry, fd, present))
    }
    // A file with other names is made anew: whether it has them still is not its entry's to say.
    if (fstatSync(own).nlink > 1) return this.#cloneVerified(entry, own, present)
    closeSync(own)
    return true
  }

  /** Verifies what was copied, not what was there to be copied, which others may write to; closes `fd`. */
  #cloneVerified(entry: FileEntry, fd: number, present: TreeReader): boolean {
    try {
      if (fstatSync(fd).size !== (entry.sparse?.size ?? entry.size)) return false
      this.#writer.cloneFile(entry.path, fd)
    } catch (error) {
      // It cannot be read, or is being written to.
      if (error instanceof TreeReadError || error instanceof TreeChangedError) return false
      throw error
    } finally {
      closeSync(fd)
    }
    return hasContent(present, entry)
  }
}

/** A hard link has the metadata of its inode, which nobody else gives it when the first of its names is a local file. */
function ownMetadata(entry: Entry, overrides: Overrides, configuration: Configuration): Entry {
  if (entry.type !== 'hardlink' || !overrides.has(entry.target)) return entry
  const named = configuration.get(entry.target)
  return named === undefined ? entry : { ...named, path: entry.path }
}
