import {
  isTreePath,
  joinTreePath,
  nameOf,
  parentOf,
  rootPath,
  type TreePath,
} from '../../manifests/tree-path.ts'
import type { Package } from '../packages/package-database.ts'
import type { PackageIndex } from '../packages/package-index.ts'
import type { SurveyedEntry } from './tree-survey.ts'

const maxLinks = 40

/**
 * Which packages have which paths of a tree: as their lists say, with diversions, and with directories that are
 * symbolic links in the tree, as /bin is where it is one with /usr/bin.
 */
export class FileOwners {
  readonly #entries: ReadonlyMap<TreePath, SurveyedEntry>
  readonly #owners = new Map<TreePath, Package | Package[]>()
  readonly #directories = new Map<TreePath, TreePath>()

  constructor(entries: ReadonlyMap<TreePath, SurveyedEntry>, index: PackageIndex) {
    this.#entries = entries
    const moved = new Map(index.database.moved.map((each) => [each.from, each]))
    for (const each of index.packages) {
      for (const path of each.paths) {
        const diverted = moved.get(path)
        const real = diverted === undefined || diverted.by === each.name ? path : diverted.to
        if (isTreePath(real)) this.#add(this.realPath(real), each)
      }
    }
    for (const [path, id] of index.database.made) {
      const maker = index.find(id)
      if (maker === undefined || !isTreePath(path)) continue
      const real = this.realPath(path)
      if (this.of(real).length === 0) this.#add(real, maker)
    }
  }

  /** By id; none of what no package has. The path need not be in the tree. */
  of(path: TreePath): readonly Package[] {
    const found = this.#owners.get(path)
    if (found === undefined) return []
    return Array.isArray(found) ? found : [found]
  }

  /** With all symbolic links on the way followed, and not that at its end. */
  realPath(path: TreePath): TreePath {
    return path === '' ? path : joinTreePath(this.#realDirectory(parentOf(path), maxLinks), nameOf(path))
  }

  /** The path that the text of a symbolic link names; undefined when it is none. */
  step(link: TreePath): TreePath | undefined {
    const entry = this.#entries.get(link)
    return entry?.type === 'symlink' ? this.#targetOf(link, entry.target ?? '') : undefined
  }

  #targetOf(link: TreePath, text: string): TreePath | undefined {
    let at: TreePath = text.startsWith('/') ? rootPath : parentOf(link)
    for (const name of text.split('/')) {
      if (name === '' || name === '.') continue
      if (name === '..') {
        at = parentOf(this.#realDirectory(at, maxLinks))
        continue
      }
      const next = at === '' ? name : `${at}/${name}`
      if (!isTreePath(next)) return undefined
      at = next
    }
    return this.realPath(at)
  }

  #realDirectory(path: TreePath, links: number): TreePath {
    if (path === '') return path
    const known = this.#directories.get(path)
    if (known !== undefined) return known
    const own = joinTreePath(this.#realDirectory(parentOf(path), links), nameOf(path))
    const entry = this.#entries.get(own)
    let real = own
    if (entry?.type === 'symlink' && links > 0) {
      // Stands until the link is followed, so that one that leads to itself comes to an end.
      this.#directories.set(path, own)
      real = this.#followDirectory(own, entry.target ?? '', links - 1)
    }
    this.#directories.set(path, real)
    return real
  }

  #followDirectory(link: TreePath, text: string, links: number): TreePath {
    let at: TreePath = text.startsWith('/') ? rootPath : parentOf(link)
    for (const name of text.split('/')) {
      if (name === '' || name === '.') continue
      const next = name === '..' ? parentOf(at) : at === '' ? name : `${at}/${name}`
      if (!isTreePath(next)) return link
      at = this.#realDirectory(next, links)
    }
    return at
  }

  #add(path: TreePath, owner: Package): void {
    const known = this.#owners.get(path)
    if (known === undefined) this.#owners.set(path, owner)
    else if (known === owner) return
    else if (!Array.isArray(known)) this.#owners.set(path, [known, owner])
    else if (!known.includes(owner)) known.push(owner)
  }
}
