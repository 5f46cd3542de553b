import { parentOf, type TreePath } from '../../manifests/tree-path.ts'
import { compileGlob } from './path-glob.ts'

interface Pattern {
  readonly glob: string
  readonly expression: RegExp
  readonly isTakenBack: boolean
}

/**
 * Which paths a list of globs selects. What matches a directory goes for all below it; of several globs that match
 * the last one decides, and one after a `!` takes back.
 */
export class PathSelection {
  readonly #patterns: readonly Pattern[]
  readonly #matched: boolean[]
  /** The last glob that matched each directory asked for so far, or -1. */
  readonly #directories = new Map<TreePath, number>()

  constructor(globs: readonly string[]) {
    this.#patterns = globs.map((glob) => ({
      glob,
      expression: compileGlob(glob.replace(/^!/, '')),
      isTakenBack: glob.startsWith('!'),
    }))
    this.#matched = this.#patterns.map(() => false)
  }

  /** The place in the list of the glob that selects a path, or undefined. */
  indexFor(path: TreePath): number | undefined {
    if (this.#patterns.length === 0) return undefined
    const index = this.#lastMatch(path)
    return index === -1 || this.#patterns[index]?.isTakenBack === true ? undefined : index
  }

  has(path: TreePath): boolean {
    return this.indexFor(path) !== undefined
  }

  /** The places of globs that no path asked for has matched. */
  unmatched(): number[] {
    return this.#matched.flatMap((isMatched, i) => (isMatched ? [] : [i]))
  }

  #lastMatch(path: TreePath): number {
    if (path === '') return -1
    let last = this.#directoryMatch(parentOf(path))
    for (const [i, { expression }] of this.#patterns.entries()) {
      if (i <= last && this.#matched[i] === true) continue
      if (!expression.test(path)) continue
      this.#matched[i] = true
      last = Math.max(last, i)
    }
    return last
  }

  #directoryMatch(path: TreePath): number {
    if (path === '') return -1
    const known = this.#directories.get(path)
    if (known !== undefined) return known
    const match = this.#lastMatch(path)
    this.#directories.set(path, match)
    return match
  }
}
