import type { Entry, FileEntry } from './entry.ts'
import { FormatError } from './errors.ts'
import { rootPath, type TreePath } from './tree-path.ts'

/** Where the one file of an image module lies (format §8.8). */
export const imagePath = 'image' as TreePath

/**
 * The file of an image module out of all its entries. Throws a FormatError unless these are the root and one regular
 * file, at its place, with bytes and without holes.
 */
export function imageEntry(entries: readonly Entry[]): FileEntry {
  const [root, file, more] = entries
  if (root?.path !== rootPath || file?.path !== imagePath || more !== undefined || file.type !== 'file') {
    throw invalid(`has other entries than its root and the file "${imagePath}"`)
  }
  if (file.size === 0 || file.sparse !== undefined) throw invalid('has a file that is empty or has holes')
  return file
}

function invalid(problem: string): FormatError {
  return new FormatError('FORMAT_INVALID', 'image module', problem)
}
