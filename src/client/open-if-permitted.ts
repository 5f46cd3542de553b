import type { TreePath } from '../../manifests/tree-path.ts'
import { TreeError } from '../tree/errors.ts'
import type { TreeReader } from '../tree/tree-reader.ts'

/**
 * A descriptor of the regular file at a path, which the caller closes; undefined when none is there, and 'refused'
 * when this user may not read it.
 */
export function openIfPermitted(reader: TreeReader, path: TreePath): number | 'refused' | undefined {
  try {
    return reader.openFile(path)
  } catch (error) {
    if (error instanceof TreeError && error.code === 'TREE_NOT_PERMITTED') return 'refused'
    throw error
  }
}
