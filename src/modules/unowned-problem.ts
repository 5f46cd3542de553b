import { displayTreePath, type TreePath } from '../../manifests/tree-path.ts'
import { databaseDirectories } from '../packages/database-paths.ts'
import type { ModuleProblem } from './errors.ts'
import type { UnownedPath } from './file-placement.ts'
import { PathSelection } from './path-selection.ts'

const maxNamed = 8

/** What package managers keep for themselves. */
export function hiddenPaths(): PathSelection {
  return new PathSelection(databaseDirectories.map((path) => `/${path}`))
}

/** That some paths are nobody's, and nobody is to have such. */
export function unownedProblem(file: string, unowned: readonly UnownedPath[]): ModuleProblem {
  const hidden = hiddenPaths()
  const paths = unowned.map(({ path }) => path)
  const ofDatabase = paths.filter((path) => hidden.has(path)).length
  const others = paths.filter((path) => !hidden.has(path))
  const parts = [
    ...(ofDatabase > 0
      ? [`${ofDatabase} of the package manager's own, which "hide-packages: true" leaves out`]
      : []),
    ...(others.length > 0 ? [shownPaths(others)] : []),
  ]
  const message =
    `${file}: no package and no module has ${parts.join('; and ')}; write "unowned: MODULE", ` +
    'or name them in "paths" of a module or in "exclude"; vend modules unowned lists all'
  return { kind: 'file-unowned', subject: `/${displayTreePath(paths[0] ?? '')}`, message }
}

/** The first of them, and how many more. */
export function shownPaths(paths: readonly TreePath[]): string {
  const first = paths.slice(0, maxNamed).map((path) => `/${displayTreePath(path)}`)
  const more = paths.length > maxNamed ? ` and ${paths.length - maxNamed} more` : ''
  return first.join(', ') + more
}
