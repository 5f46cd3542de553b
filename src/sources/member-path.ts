import { FormatError } from '../../manifests/errors.ts'
import { parseTreePath, type TreePath } from '../../manifests/tree-path.ts'

/**
 * The path that a member's name means: without `./` before it, a slash after it, and components that say nothing.
 * Throws an Error that says in words what is wrong with a name that could lead out of the tree, or means none.
 * `isRooted`: a slash before it stands for the root of the tree.
 */
export function memberPath(name: string, isRooted = false): TreePath {
  if (name === '') throw new Error('has no name')
  if (name.startsWith('/') && !isRooted)
    throw new Error('is absolute; names must be relative to the root of the tree')
  const components = name.split('/').filter((each) => each !== '' && each !== '.')
  if (components.includes('..')) throw new Error('leads up with ".."')
  try {
    return parseTreePath(components.join('/'))
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    throw new Error(error.message.replace(/^path: "[^]*" (?=(?:is|has|contains) )/, ''), { cause: error })
  }
}
