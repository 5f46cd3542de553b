import type { SourceEntry } from '../../manifests/entry.ts'
import { joinTreePath, nameOf, parentOf, rootPath, type TreePath } from '../../manifests/tree-path.ts'
import { SourceError, showMember } from './errors.ts'
import type { TarMember } from './tar-reader.ts'
import type { TreeSpool } from './tree-spool.ts'

const whiteoutPrefix = '.wh.'
const opaqueName = '.wh..wh..opq'
const aufsPrefix = '.wh..wh.'

/**
 * One layer on its way onto the tree of the layers below it (OCI image-spec, "Applying Changesets"). A whiteout hides
 * what lower layers have, wherever it stands among the members, and never what its own layer has.
 */
export class OciLayer {
  readonly #spool: TreeSpool
  readonly #source: string
  /** What this layer has, and the directories above. */
  readonly #own = new Map<TreePath, 'entry' | 'above'>()
  readonly #hidden = new Set<TreePath>()
  /** Of each path at or above the target of a hard link to what lower layers have, the first such target. */
  readonly #targets = new Map<TreePath, TreePath>()

  /** `source`: what the layer is called in messages. */
  constructor(spool: TreeSpool, source: string) {
    this.#spool = spool
    this.#source = source
  }

  /** Throws SourceError for what is no whiteout that all programs read alike, and what TreeSpool refuses. */
  async add({ entry, content }: TarMember): Promise<void> {
    const name = nameOf(entry.path)
    this.#refuseBelowWhiteout(entry.path)
    if (!name.startsWith(whiteoutPrefix)) {
      await this.#put(entry, content)
      return
    }
    this.#refuseStrange(entry, name)
    const directory = parentOf(entry.path)
    if (name === opaqueName) this.#hideAllIn(directory)
    else this.#hide(joinTreePath(directory, name.slice(whiteoutPrefix.length)))
  }

  async #put(entry: SourceEntry, content: TarMember['content']): Promise<void> {
    const { path } = entry
    this.#refuseTwice(entry)
    if (entry.type === 'hardlink') this.#noteTarget(entry.path, entry.target)
    await this.#spool.put(entry, content)
    this.#own.set(path, 'entry')
    for (let above = parentOf(path); !this.#own.has(above); above = parentOf(above)) {
      this.#own.set(above, 'above')
      if (above === rootPath) break
    }
  }

  #hide(path: TreePath): void {
    const target = this.#targets.get(path)
    if (target !== undefined) throw this.#linkThroughWhiteout(target, path)
    this.#hidden.add(path)
    this.#remove(path)
  }

  #hideAllIn(directory: TreePath): void {
    const names = this.#spool.children(directory)
    for (const name of names) this.#hide(joinTreePath(directory, name))
  }

  /** All at and below a path but what this layer has put there. */
  #remove(path: TreePath): void {
    if (!this.#own.has(path)) {
      this.#spool.remove(path)
      return
    }
    for (const name of this.#spool.children(path)) this.#remove(joinTreePath(path, name))
  }

  #noteTarget(path: TreePath, target: TreePath): void {
    if (this.#own.get(target) === 'entry') return
    for (let above = target; above !== rootPath; above = parentOf(above)) {
      if (this.#hidden.has(above)) throw this.#linkThroughWhiteout(path, above)
    }
    for (let above = target; above !== rootPath && !this.#targets.has(above); above = parentOf(above)) {
      this.#targets.set(above, target)
    }
  }

  #refuseTwice({ path, type }: SourceEntry): void {
    if (this.#own.get(path) !== 'entry') return
    // Some programs write the directories above each file once more.
    if (type === 'directory' && this.#spool.find(path)?.type === 'directory') return
    throw this.#error(
      'SOURCE_CONFLICT',
      path,
      'comes twice in one layer; programs differ in which of them they take',
    )
  }

  #refuseBelowWhiteout(path: TreePath): void {
    if (!`/${parentOf(path)}`.includes(`/${whiteoutPrefix}`)) return
    const problem =
      'lies below a name that begins with ".wh.", which in a layer is no directory but a deletion'
    throw this.#error('SOURCE_REFUSED', path, problem)
  }

  #refuseStrange(entry: SourceEntry, name: string): void {
    const { path } = entry
    const hidden = name.slice(whiteoutPrefix.length)
    if (hidden === '') throw this.#error('SOURCE_REFUSED', path, 'is a whiteout of no name')
    if (hidden === '.') throw this.#error('SOURCE_REFUSED', path, 'is a whiteout of its own directory')
    if (hidden === '..')
      throw this.#error('SOURCE_REFUSED', path, 'is a whiteout of the directory above its own')
    if (name.startsWith(aufsPrefix) && name !== opaqueName) {
      throw this.#error('SOURCE_UNSUPPORTED', path, "is one of AUFS' own files, which no image should have")
    }
    // Where AUFS stored the layers of Docker, all whiteouts were one inode.
    const isLink = entry.type === 'hardlink' && nameOf(entry.target).startsWith(whiteoutPrefix)
    const isEmptyFile = entry.type === 'file' && entry.size === 0 && entry.sparse === undefined
    if (!isLink && !isEmptyFile) {
      throw this.#error('SOURCE_REFUSED', path, 'has the name of a whiteout, and is no empty file')
    }
  }

  #linkThroughWhiteout(path: TreePath, hidden: TreePath): SourceError {
    const problem = `is a hard link, or the target of one, through a whiteout: ${showMember(hidden)} is deleted in the same layer`
    return this.#error('SOURCE_REFUSED', path, problem)
  }

  #error(code: ConstructorParameters<typeof SourceError>[0], member: string, problem: string): SourceError {
    return new SourceError(code, { source: this.#source, member }, problem)
  }
}
