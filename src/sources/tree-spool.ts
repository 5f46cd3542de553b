import { openSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  noXattrs,
  type DirectoryEntry,
  type HardlinkEntry,
  type Metadata,
  type SourceEntry,
} from '../../manifests/entry.ts'
import { FormatError } from '../../manifests/errors.ts'
import { nameOf, parseTreePath, rootPath, type TreePath } from '../../manifests/tree-path.ts'
import { clampMtime } from '../tree/clamp-mtime.ts'
import { compareEntries } from '../tree/compare-entry.ts'
import type { TreeSource } from '../tree/tree-source.ts'
import type { WalkedEntry, WalkOptions } from '../tree/walk-directory.ts'
import { EntryLog, type SourceInode } from './entry-log.ts'
import { SourceError, showMember, type SourceErrorCode } from './errors.ts'
import { ScratchContents, type Content } from './scratch-contents.ts'
import {
  directoryFor,
  impliedLine,
  inOrder,
  newDirectory,
  noContent,
  nodeAt,
  nodesBelow,
  obstacleTo,
  type SpoolNode,
} from './spool-node.ts'

/** What a directory is that a source needs and does not name. */
export const impliedDirectory: Metadata = {
  mode: 0o755,
  uid: 0,
  gid: 0,
  mtime: { seconds: 0, nanos: 0 },
  xattrs: noXattrs,
}

const defaultMaxEntries = 5_000_000

export interface TreeSpoolOptions {
  /** Directories that are only implied count too. Default: 5,000,000. */
  readonly maxEntries?: number
}

/**
 * What to do where something is already. `replace`: a directory keeps what is in it when a directory replaces it;
 * anything else goes with all below. `refuse`: only a directory may come twice, and must then say the same.
 */
export type IfThere = 'replace' | 'refuse'

/**
 * The entries of one tree, put in any order, and then a source of that tree in the order of manifests. Contents lie
 * in scratch files named by number, below TMPDIR, so that nothing a source says can make a file anywhere. Names are
 * as on a file system: a hard link shares the inode that its target has at that moment, and keeps it when something
 * else replaces the target.
 *
 * Memory: about 200 bytes an entry; contents, extended attributes and sparse maps are on disk.
 */
export class TreeSpool implements AsyncDisposable {
  readonly name: string
  readonly #directory: string
  readonly #log: EntryLog
  readonly #contents: ScratchContents
  readonly #maxEntries: number
  readonly #root = newDirectory(impliedLine)
  #entries = 1
  #contentBytes = 0
  #isFinished = false

  private constructor(name: string, directory: string, options: TreeSpoolOptions) {
    this.name = name
    this.#directory = directory
    this.#log = new EntryLog(directory)
    this.#contents = new ScratchContents(directory)
    this.#maxEntries = options.maxEntries ?? defaultMaxEntries
  }

  /** `name`: the source, as people named it; for messages. */
  static async create(name: string, options: TreeSpoolOptions = {}): Promise<TreeSpool> {
    return new TreeSpool(name, await mkdtemp(join(tmpdir(), 'vend-source-')), options)
  }

  /** With the directories that are only implied, and the root. */
  get entries(): number {
    return this.#entries
  }

  /** Of all that was put, replaced or not. */
  get contentBytes(): number {
    return this.#contentBytes
  }

  /**
   * `content`: of a file that has any; it must be as long as the entry's size. Throws SourceError for what lies below
   * something that is no directory, for a hard link to what is not there or is a directory, for what is there
   * already if that is to be refused, and for what no manifest can say; TreeWriteError when there is no room.
   */
  async put(
    entry: SourceEntry,
    content: Content = [],
    { ifThere = 'replace' }: { readonly ifThere?: IfThere } = {},
  ): Promise<void> {
    this.#assertOpen()
    this.#check(entry.path)
    if (entry.type === 'directory') this.#putDirectory(entry, ifThere)
    else if (entry.type === 'hardlink') this.#putHardlink(entry, ifThere)
    else await this.#putLeaf(entry, content, ifThere)
  }

  /** What is at a path: of each name of a file the file itself, under that name. */
  find(path: TreePath): SourceInode | undefined {
    const node = nodeAt(this.#root, path)
    return node === undefined ? undefined : this.#entryOf(path, node, impliedDirectory)
  }

  /** A descriptor for reading the file at a path, which the caller closes; undefined when there is no file. */
  open(path: TreePath): number | undefined {
    const node = nodeAt(this.#root, path)
    if (node?.children !== undefined || node === undefined) return undefined
    const entry = this.#entryOf(path, node, impliedDirectory)
    return entry.type === 'file' ? this.#openContent(node, entry) : undefined
  }

  /** The names in a directory, in byte order; none when it is not there or no directory. */
  children(path: TreePath): string[] {
    return [...(nodeAt(this.#root, path)?.children?.keys() ?? [])].sort()
  }

  /** Removes what is at a path with all below; of the root, all below only. False when nothing is there. */
  remove(path: TreePath): boolean {
    this.#assertOpen()
    if (path === rootPath) {
      for (const name of this.children(rootPath)) this.remove(name as TreePath)
      return true
    }
    const node = nodeAt(this.#root, path)
    if (node === undefined) return false
    for (const each of nodesBelow(node)) this.#forget(each)
    directoryFor(this.#root, path, () => undefined).children.delete(nameOf(path))
    return true
  }

  /**
   * The tree; nothing can be put any more. `implied`: what directories are that no entry names; default 0755, root's,
   * 1970. It can be walked until the spool is disposed of.
   */
  finish(implied: Metadata = impliedDirectory): TreeSource {
    this.#isFinished = true
    return { name: this.name, walk: (options) => this.#walk(implied, options) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#log[Symbol.dispose]()
    await rm(this.#directory, { recursive: true, force: true })
  }

  #putDirectory(entry: DirectoryEntry, ifThere: IfThere): void {
    const there = nodeAt(this.#root, entry.path)
    if (there?.children === undefined) {
      this.#place(entry.path, newDirectory(this.#addLine(entry)), ifThere)
      return
    }
    if (there.line !== impliedLine && ifThere === 'refuse') {
      const aspects = compareEntries(entry, this.#log.read(there.line))
      if (aspects.length === 0) return
      const problem = `comes twice, as directories that differ in ${aspects.join(', ')}; leave one of them out`
      throw this.#error('SOURCE_CONFLICT', entry.path, problem)
    }
    there.line = this.#addLine(entry)
  }

  #putHardlink({ path, target }: HardlinkEntry, ifThere: IfThere): void {
    this.#check(target)
    const node = nodeAt(this.#root, target)
    const shown = showMember(target)
    if (path === target) throw this.#error('SOURCE_REFUSED', path, 'is a hard link to itself')
    if (node === undefined) {
      const problem = `is a hard link to ${shown}, which is not there; the target must come before the link`
      throw this.#error('SOURCE_REFUSED', path, problem)
    }
    if (node.children !== undefined) {
      throw this.#error('SOURCE_REFUSED', path, `is a hard link to ${shown}, which is a directory`)
    }
    node.names++
    this.#place(path, node, ifThere)
  }

  async #putLeaf(
    entry: Exclude<SourceInode, DirectoryEntry>,
    content: Content,
    ifThere: IfThere,
  ): Promise<void> {
    this.#makeRoom(entry.path, ifThere)
    const line = this.#addLine(entry)
    if (entry.type === 'file') this.#contentBytes += entry.size
    const isEmpty = entry.type !== 'file' || (entry.size === 0 && entry.sparse === undefined)
    const place = { source: this.name, member: entry.path }
    const number = isEmpty ? noContent : await this.#contents.add(entry, content, place)
    this.#place(entry.path, { line, content: number, names: 1 }, ifThere)
  }

  #place(path: TreePath, node: SpoolNode, ifThere: IfThere): void {
    this.#makeRoom(path, ifThere)
    const directory = directoryFor(this.#root, path, () => this.#count(path))
    directory.children.set(nameOf(path), node)
    this.#count(path)
  }

  #makeRoom(path: TreePath, ifThere: IfThere): void {
    if (path === rootPath) {
      throw this.#error('SOURCE_REFUSED', path, 'is the root of the tree, and not a directory')
    }
    const obstacle = obstacleTo(this.#root, path)
    if (obstacle !== undefined) {
      const type = this.find(obstacle)?.type ?? 'file'
      const problem = `lies below ${showMember(obstacle)}, which is ${words[type]}; nothing is put through it`
      throw this.#error('SOURCE_REFUSED', path, problem)
    }
    const there = this.find(path)
    if (there === undefined) return
    if (ifThere === 'refuse') {
      const problem = `comes twice: there is ${words[there.type]} of that name already; leave one of them out`
      throw this.#error('SOURCE_CONFLICT', path, problem)
    }
    this.remove(path)
  }

  #addLine(entry: SourceInode): number {
    try {
      return this.#log.add(entry)
    } catch (error) {
      if (!(error instanceof FormatError) && !(error instanceof TypeError)) throw error
      const problem = `cannot be said in a manifest: ${error.message}`
      throw new SourceError('SOURCE_REFUSED', { source: this.name, member: entry.path }, problem, error)
    }
  }

  #count(path: TreePath): void {
    this.#entries++
    if (this.#entries <= this.#maxEntries) return
    const problem = `the tree has more than ${this.#maxEntries} entries; split it into modules`
    throw this.#error('SOURCE_TOO_LARGE', path, problem)
  }

  #forget(node: SpoolNode): void {
    this.#entries--
    if (node.children !== undefined) return
    node.names--
    if (node.names === 0 && node.content !== noContent) this.#contents.remove(node.content)
  }

  *#walk(implied: Metadata, { clampMtime: seconds }: WalkOptions = {}): Generator<WalkedEntry, void, void> {
    const clamp = <E extends SourceEntry>(entry: E): E =>
      seconds === undefined ? entry : clampMtime(entry, seconds)
    const first = new Map<SpoolNode, TreePath>()
    yield { entry: clamp(this.#directoryEntry(rootPath, this.#root.line, implied)) }
    for (const [path, node] of inOrder(this.#root)) {
      const target = first.get(node)
      if (target !== undefined) {
        yield { entry: { type: 'hardlink', path, target } }
        continue
      }
      if (node.children === undefined && node.names > 1) first.set(node, path)
      yield this.#walked(clamp(this.#entryOf(path, node, implied)), node)
    }
  }

  #walked(entry: SourceInode, node: SpoolNode): WalkedEntry {
    if (entry.type !== 'file') return { entry }
    // Nobody else changes what lies in the scratch directory; that it is whole shows when it is opened.
    return { entry, open: () => this.#openContent(node, entry), assertUnchanged: () => undefined }
  }

  #openContent(node: SpoolNode, entry: Extract<SourceInode, { type: 'file' }>): number {
    const content = node.children === undefined ? node.content : noContent
    return content === noContent ? openSync('/dev/null', 'r') : this.#contents.open(content, entry)
  }

  #entryOf(path: TreePath, node: SpoolNode, implied: Metadata): SourceInode {
    if (node.children !== undefined) return this.#directoryEntry(path, node.line, implied)
    return { ...this.#log.read(node.line), path }
  }

  #directoryEntry(path: TreePath, line: number, implied: Metadata): DirectoryEntry {
    if (line === impliedLine) return { type: 'directory', path, ...implied }
    const entry = this.#log.read(line)
    if (entry.type !== 'directory') throw new TypeError('only a directory has children')
    return { ...entry, path }
  }

  #check(path: TreePath): void {
    try {
      parseTreePath(path)
    } catch (error) {
      if (!(error instanceof FormatError)) throw error
      const problem = error.message.replace(/^path: ".*" (?=[a-z])/s, '')
      throw new SourceError('SOURCE_REFUSED', { source: this.name, member: path }, problem, error)
    }
  }

  #assertOpen(): void {
    if (this.#isFinished) throw new TypeError('the tree is finished')
  }

  #error(code: SourceErrorCode, member: TreePath, problem: string): SourceError {
    return new SourceError(code, { source: this.name, member }, problem)
  }
}

const words: Readonly<Record<SourceInode['type'], string>> = {
  file: 'a file',
  directory: 'a directory',
  symlink: 'a symbolic link',
  character: 'a device',
  block: 'a device',
  fifo: 'a fifo',
}
