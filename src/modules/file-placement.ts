import type { TreePath } from '../../manifests/tree-path.ts'
import type { ModuleProblem } from './errors.ts'

/** Why a path is in a module, or in none. */
export type PathReason =
  | { readonly kind: 'glob'; readonly glob: string; readonly line: number }
  | { readonly kind: 'package'; readonly packages: readonly string[] }
  /** It goes where another path goes: that which a link leads to, or which it was made from. */
  | { readonly kind: 'link' | 'compiled'; readonly to: TreePath }
  | { readonly kind: 'unowned' }
  | { readonly kind: 'database' }
  | { readonly kind: 'excluded'; readonly glob: string; readonly line: number }
  | { readonly kind: 'left-out'; readonly packages: readonly string[] }

/** What became of a path other than a directory. `module` is undefined when it is published in none. */
export interface PlacedPath {
  readonly module: string | undefined
  readonly reason: PathReason
}

/** A path that nobody claims, and the package that alone has the directory it lies in. */
export interface UnownedPath {
  readonly path: TreePath
  readonly neighbour: string | undefined
}

export interface FilePlacement {
  /** Of everything but directories. */
  readonly files: ReadonlyMap<TreePath, PlacedPath>
  /** The modules that have each directory. Those that no module has are missing. */
  readonly directories: ReadonlyMap<TreePath, ReadonlySet<string>>
  /** By module, the files elsewhere that have hard links in it. */
  readonly linkedInto: ReadonlyMap<string, ReadonlySet<TreePath>>
  /** Ids of the packages that have a path, in the tree or not. */
  readonly ownersOf: (path: TreePath) => readonly string[]
  readonly unowned: readonly UnownedPath[]
  readonly problems: readonly ModuleProblem[]
  readonly notes: readonly string[]
}
