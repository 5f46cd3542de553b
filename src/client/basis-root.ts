import { closeSync, fstatSync } from 'node:fs'
import { digestOf, type Digest } from '../../manifests/digest.ts'
import type { FileEntry } from '../../manifests/entry.ts'
import type { ChunkRef } from '../../manifests/manifest.ts'
import type { TreePath } from '../../manifests/tree-path.ts'
import { DigestMap } from '../digest-map.ts'
import { ContentReader, hashContent } from '../tree/file-content.ts'
import { TreeReader } from '../tree/tree-reader.ts'
import { BlockPool } from './block-pool.ts'
import { FileList } from './file-list.ts'
import { FileView } from './file-view.ts'
import { openIfReadable } from './has-content.ts'
import type { LocalContents } from './local-contents.ts'
import { ModuleContents } from './module-contents.ts'
import type { ModuleTree } from './module-tree.ts'
import { StreamOrder } from './stream-order.ts'

/** What lies on a machine already, for new contents to be made of. */
export type ContentBasis = Pick<BasisRoot, 'hasChunk' | 'contentsOf' | 'open' | 'chunk'>

/**
 * A root that is there already, as a source of content for the next one: whole files by digest, and chunks out of
 * the files they once were made of. Whoever reads from it checks digests before believing anything.
 */
export class BasisRoot implements LocalContents, Disposable {
  readonly #files: FileList
  readonly #byDigest = new DigestMap()
  readonly #chunks = new DigestMap()
  readonly #reader: TreeReader
  readonly #pool = new BlockPool()
  readonly #tree: ModuleTree
  #order: StreamOrder

  private constructor(directory: string, tree: ModuleTree) {
    this.#reader = new TreeReader(directory)
    this.#tree = tree
    this.#files = new FileList(tree)
    this.#order = new StreamOrder(this.#files)
  }

  static async open(directory: string, tree: ModuleTree): Promise<BasisRoot> {
    const basis = new BasisRoot(directory, tree)
    for await (const item of tree.entries()) {
      if (item.entry.type !== 'file' || item.entry.size === 0) continue
      basis.#byDigest.add(item.entry.digest, basis.#files.add(item, item.entry))
    }
    basis.#order = new StreamOrder(basis.#files)
    basis.#indexChunks()
    return basis
  }

  /**
   * Descriptors of files that should have the content of `wanted`, which nobody has verified; the caller closes each.
   * `hint` comes first.
   */
  *candidates(wanted: FileEntry, hint: TreePath): Generator<number, void, undefined> {
    const sameDigest = this.#byDigest.get(wanted.digest)
    if (sameDigest === undefined) return
    for (const path of new Set([hint, this.#files.entry(sameDigest).path])) {
      const fd = openIfReadable(this.#reader, { ...wanted, path })
      if (typeof fd === 'number') yield fd
    }
  }

  /** Whether a chunk's bytes should be here. */
  hasChunk(digest: Digest): boolean {
    return this.#chunks.has(digest)
  }

  /** What the content stream of a module consists of; undefined when it is not installed. */
  contentsOf(name: string): ModuleContents | undefined {
    const module = this.#tree.modules.findIndex((installed) => installed.name === name)
    return module === -1 ? undefined : new ModuleContents(this.#files, this.#order, module)
  }

  /** A content that nobody has changed here, as far as the file's time tells, and if that has changed its digest. */
  open(digest: Digest): FileView | undefined {
    const file = this.#byDigest.get(digest)
    if (file === undefined) return undefined
    const entry = this.#files.entry(file)
    const fd = openIfReadable(this.#reader, entry)
    if (typeof fd !== 'number') return undefined
    if (this.#isUnchanged(fd, entry)) return FileView.ofContent(fd, entry, this.#reader.tree, this.#pool)
    closeSync(fd)
    return undefined
  }

  #isUnchanged(fd: number, entry: FileEntry): boolean {
    const { size, mtimeNs } = fstatSync(fd, { bigint: true })
    if (Number(size) !== (entry.sparse?.size ?? entry.size)) return false
    const { seconds, nanos } = entry.mtime
    if (mtimeNs === BigInt(seconds) * 1_000_000_000n + BigInt(nanos)) return true
    try {
      return hashContent(fd, { ...entry, tree: this.#reader.tree }) === entry.digest
    } catch {
      return false
    }
  }

  /** The plain bytes of a chunk, verified; undefined when this root cannot give them. */
  chunk({ digest, size }: ChunkRef): Buffer | undefined {
    const place = this.#chunks.get(digest)
    if (place === undefined) return undefined
    const [module, start] = [place % this.#tree.modules.length, Math.floor(place / this.#tree.modules.length)]
    const plain = Buffer.allocUnsafe(size)
    if (!this.#readStream(plain, module, start)) return undefined
    return digestOf(plain) === digest ? plain : undefined
  }

  [Symbol.dispose](): void {
    this.#reader[Symbol.dispose]()
  }

  /** Where each chunk lies: its module and offset, folded into one number. */
  #indexChunks(): void {
    const { modules } = this.#tree
    for (const [module, { chunkTable }] of modules.entries()) {
      let start = 0
      for (const { digest, size } of chunkTable) {
        this.#chunks.add(digest, start * modules.length + module)
        start += size
      }
    }
  }

  #readStream(plain: Buffer, module: number, start: number): boolean {
    for (let done = 0; done < plain.length;) {
      const file = this.#order.covering(module, start + done)
      if (file === undefined) return false
      const { offset, size } = this.#files.span(file)
      const from = start + done - offset
      const piece = plain.subarray(done, done + Math.min(plain.length - done, size - from))
      if (!this.#readFile(file, piece, from)) return false
      done += piece.length
    }
    return true
  }

  #readFile(file: number, piece: Buffer, from: number): boolean {
    const entry = this.#files.entry(file)
    let fd: number | undefined
    try {
      fd = this.#reader.openFile(entry.path)
      return fd !== undefined && new ContentReader(fd, entry).read(piece, from) === piece.length
    } catch {
      // Whatever is wrong with the local file, the chunk can be fetched.
      return false
    } finally {
      if (fd !== undefined) closeSync(fd)
    }
  }
}
