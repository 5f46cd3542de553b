import { closeSync, fstatSync, fsyncSync } from 'node:fs'
import type { Entry, FileEntry, HardlinkEntry } from '../../manifests/entry.ts'
import { joinTreePath, nameOf, parentOf, type TreePath } from '../../manifests/tree-path.ts'
import { TreeReader } from '../tree/tree-reader.ts'
import { TreeWriter } from '../tree/tree-writer.ts'
import type { ChunkSource } from './chunk-source.ts'
import { FileList } from './file-list.ts'
import { isConfiguration } from './local-changes.ts'
import { makeEmptyFile } from './make-empty-file.ts'
import type { ModuleTree, TreeEntry } from './module-tree.ts'
import { openDirectoryUp } from './open-directory-up.ts'
import { openIfPermitted } from './open-if-permitted.ts'
import { openVerified } from './open-verified.ts'
import type { Finding } from './verify-root.ts'
import { planContents, writeContents } from './write-contents.ts'

/**
 * Makes right what `verifyRoot` found, except what is local and what it does not know. Returns what it repaired.
 * Everything is made beside what it replaces, and takes its place when it is whole: whatever fails, and whenever it
 * is interrupted, nothing is worse than before, and the same call goes on.
 */
export async function repairRoot(
  directory: string,
  tree: ModuleTree,
  source: ChunkSource,
  findings: readonly Finding[],
): Promise<readonly TreePath[]> {
  using writer = new TreeWriter(directory)
  using reader = new TreeReader(directory)
  const byPath = new Map(findings.map((finding) => [finding.path, finding]))
  const leftovers = findings.filter((finding) => isLeftover(reader, finding)).map(({ path }) => path)
  const items = await apartFromLocal(await itemsAt(tree, byPath), tree, byPath)
  const parents = await directoriesAround(tree, [...items.map(({ entry }) => entry.path), ...leftovers])
  for (const { entry } of parents) openDirectoryUp(writer, entry.path)
  for (const path of leftovers) writer.remove(path)
  const repair = new Repair(writer, reader, byPath, tree)
  try {
    await repair.run(items, source)
  } catch (error) {
    repair.abandon()
    asFarAsPossible(parents.toReversed(), ({ entry }) => writer.applyMetadata(entry))
    throw error
  }
  // Making something in a directory changed its mtime, whether or not it was right before.
  for (const { entry } of parents.toReversed()) writer.applyMetadata(entry)
  writer.sync()
  return items.map(({ entry }) => entry.path)
}

export function isDamage({ local, problem, hooks }: Finding): boolean {
  return !local && problem !== 'unknown' && hooks === undefined
}

type Findings = ReadonlyMap<TreePath, Finding>

const temporaryName = /^\.vend-repair-\d+$/

/** What a repair that was killed had not put in place yet. */
function isLeftover(reader: TreeReader, finding: Finding): boolean {
  const { path, problem, local } = finding
  if (problem !== 'unknown' || local || !temporaryName.test(nameOf(path))) return false
  return reader.read(path)?.type !== 'directory'
}

class Repair {
  readonly #writer: TreeWriter
  readonly #reader: TreeReader
  readonly #findings: Findings
  readonly #tree: ModuleTree
  readonly #needed: FileList
  /** The files of `needed`, by number. */
  readonly #files: FileEntry[] = []
  /** Where what is being made lies, by where it is to lie. */
  readonly #temporaries = new Map<TreePath, TreePath>()
  #names = 0

  constructor(writer: TreeWriter, reader: TreeReader, findings: Findings, tree: ModuleTree) {
    this.#writer = writer
    this.#reader = reader
    this.#findings = findings
    this.#tree = tree
    this.#needed = new FileList(tree)
  }

  async run(items: readonly TreeEntry[], source: ChunkSource): Promise<void> {
    const inPlace = new Set(items.filter(({ entry }) => this.#canStay(entry)))
    const anew = items.filter((item) => !inPlace.has(item))
    for (const { entry } of anew) if (entry.type === 'directory') this.#writer.makeDirectory(entry.path)
    for (const item of anew) this.#make(item)
    await writeContents(planContents(this.#needed, this.#tree), this.#needed, source, this.#writer, {
      placeOf: (file) => this.#temporaryOf(this.#file(file)),
      onFile: (file) => this.#putInPlace(this.#file(file)),
    })
    for (const { entry } of anew) if (entry.type === 'hardlink') this.#link(entry)
    for (const { entry } of inPlace) if (entry.type !== 'directory') this.#writer.applyMetadata(entry)
  }

  /** Removes what is not in place. */
  abandon(): void {
    asFarAsPossible(this.#temporaries.values(), (path) => this.#writer.remove(path))
  }

  /** Whether what lies there needs other metadata, and nobody else has it under another name. */
  #canStay({ path, type }: Entry): boolean {
    if (!this.#needsOnlyMetadata(path)) return false
    return type === 'file'
      ? this.#namesOf(path) === 1
      : type !== 'hardlink' && type !== 'symlink' && type !== 'fifo'
  }

  #needsOnlyMetadata(path: TreePath): boolean {
    const finding = this.#findings.get(path)
    return finding?.problem === 'different' && !finding.aspects.some((aspect) => contentAspects.has(aspect))
  }

  #namesOf(path: TreePath): number | undefined {
    const fd = openIfPermitted(this.#reader, path)
    // Whose own file it is may have no permission to read it.
    if (fd === 'refused') return 1
    if (fd === undefined) return undefined
    try {
      return fstatSync(fd).nlink
    } finally {
      closeSync(fd)
    }
  }

  #make(item: TreeEntry): void {
    const { entry } = item
    const writer = this.#writer
    switch (entry.type) {
      case 'file':
        return this.#makeFile(item, entry)
      case 'symlink':
        return this.#put(entry, (path) => writer.makeSymlink(path, entry.target))
      case 'fifo':
        return this.#put(entry, (path) => writer.makeFifo(path))
      case 'character':
      case 'block':
        // An ordinary user's tree does without: there is nothing to put in place.
        writer.makeDevice(entry.path, entry.type, entry.device)
        return writer.applyMetadata(entry)
      case 'directory':
      case 'hardlink':
        return undefined
    }
  }

  #makeFile(item: TreeEntry, entry: FileEntry): void {
    if (entry.size === 0) {
      this.#put(entry, (path) => makeEmptyFile(this.#writer, { ...entry, path }))
      return
    }
    const fd = this.#needsOnlyMetadata(entry.path) ? openVerified(this.#reader, entry) : undefined
    if (fd === undefined) {
      this.#files[this.#needed.add(item, entry)] = entry
      return
    }
    try {
      this.#put(entry, (path) => this.#writer.cloneFile(path, fd))
    } finally {
      closeSync(fd)
    }
  }

  #link(entry: HardlinkEntry): void {
    if (this.#reader.isSameFile(entry.path, entry.target)) return
    this.#put(entry, (path) => this.#writer.makeHardlink(path, entry.target))
  }

  #put(entry: Entry, make: (temporary: TreePath) => void): void {
    make(this.#temporaryOf(entry))
    this.#putInPlace(entry)
  }

  #putInPlace(entry: Entry): void {
    const temporary = this.#temporaryOf(entry)
    // Else a crash could leave the new name with nothing behind it.
    if (entry.type === 'file' && this.#findings.get(entry.path)?.problem !== 'missing') this.#sync(temporary)
    this.#writer.applyMetadata({ ...entry, path: temporary })
    this.#writer.replace(temporary, entry.path)
    this.#temporaries.delete(entry.path)
  }

  #sync(path: TreePath): void {
    const fd = this.#writer.openFile(path)
    try {
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
  }

  #file(number: number): FileEntry {
    const entry = this.#files[number]
    if (entry === undefined) throw new RangeError(`there is no file ${number}`)
    return entry
  }

  /** A path beside the entry's at which there is nothing and is to be nothing. */
  #temporaryOf({ path }: Entry): TreePath {
    const known = this.#temporaries.get(path)
    if (known !== undefined) return known
    for (;;) {
      const temporary = joinTreePath(parentOf(path), `.vend-repair-${++this.#names}`)
      if (this.#findings.has(temporary) || this.#reader.read(temporary) !== undefined) continue
      this.#temporaries.set(path, temporary)
      return temporary
    }
  }
}

const contentAspects: ReadonlySet<string> = new Set(['type', 'size', 'digest', 'target', 'device'])

function asFarAsPossible<T>(items: Iterable<T>, action: (item: T) => void): void {
  for (const item of items) {
    try {
      action(item)
    } catch {
      // There is an error to tell of already.
    }
  }
}

/** The damaged entries, and the other names of damaged files: they are names of the old inode until linked anew. */
async function itemsAt(tree: ModuleTree, findings: Findings): Promise<TreeEntry[]> {
  const isDamaged = (path: TreePath): boolean => {
    const finding = findings.get(path)
    return finding !== undefined && isDamage(finding)
  }
  const items: TreeEntry[] = []
  for await (const item of tree.entries()) {
    const { entry } = item
    const isOtherName = entry.type === 'hardlink' && !isConfiguration(entry.path) && isDamaged(entry.target)
    if (isDamaged(entry.path) || isOtherName) items.push(item)
  }
  return items
}

/** A link to what is a local change becomes a file of its own: what is local stays where it is, and as it is. */
async function apartFromLocal(
  items: readonly TreeEntry[],
  tree: ModuleTree,
  findings: Findings,
): Promise<readonly TreeEntry[]> {
  const targets = new Map<TreePath, TreeEntry | undefined>()
  for (const { entry } of items) {
    if (entry.type === 'hardlink' && findings.get(entry.target)?.local === true)
      targets.set(entry.target, undefined)
  }
  if (targets.size === 0) return items
  for await (const item of tree.entries())
    if (targets.has(item.entry.path)) targets.set(item.entry.path, item)
  return items.map((item) => {
    const named = item.entry.type === 'hardlink' ? targets.get(item.entry.target) : undefined
    return named === undefined ? item : { ...named, entry: { ...named.entry, path: item.entry.path } }
  })
}

async function directoriesAround(tree: ModuleTree, paths: readonly TreePath[]): Promise<TreeEntry[]> {
  const around = new Set(paths.flatMap((path) => [path, parentOf(path)]))
  const directories: TreeEntry[] = []
  for await (const item of tree.entries()) {
    if (item.entry.type === 'directory' && around.has(item.entry.path)) directories.push(item)
  }
  return directories
}
