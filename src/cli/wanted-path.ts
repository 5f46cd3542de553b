import { displayTreePath, parentOf, treePathFromText, type TreePath } from '../../manifests/tree-path.ts'

/**
 * A path as a person names it: with or without the slash at its beginning, and, where it is not UTF-8, as `vend ls`
 * shows it.
 */
export interface WantedPath {
  readonly path: TreePath
  readonly shown: string
}

export function parseWantedPath(text: string): WantedPath {
  const trimmed = text.replace(/^\/+|\/+$/g, '')
  try {
    return { path: treePathFromText(trimmed), shown: trimmed }
  } catch (error) {
    if (!(error instanceof Error)) throw error
    throw new Error(error.message.replace(/^path: /, ''), { cause: error })
  }
}

export function isWanted(path: TreePath, wanted: WantedPath): boolean {
  return path === wanted.path || displayTreePath(path) === wanted.shown
}

/** Whether the path lies in the wanted directory: anywhere below it, or directly. */
export function isBelow(
  path: TreePath,
  wanted: WantedPath,
  { directly }: { readonly directly: boolean },
): boolean {
  if (path === '') return false
  if (directly) return isWanted(parentOf(path), wanted)
  if (wanted.path === '') return true
  return path.startsWith(`${wanted.path}/`) || displayTreePath(path).startsWith(`${wanted.shown}/`)
}
