import { noXattrs, type DirectoryEntry, type Entry, type FileEntry, type SourceFileEntry } from './entry.ts'
import { FormatError } from './errors.ts'
import { rootPath, type TreePath } from './tree-path.ts'

/** Where the one file of an image module lies (format §8.8). */
export const imagePath = 'image' as TreePath

const metadata = { uid: 0, gid: 0, mtime: { seconds: 0, nanos: 0 }, xattrs: noXattrs } as const

/** The root of every image module. */
export const imageRoot: DirectoryEntry = { type: 'directory', path: rootPath, mode: 0o755, ...metadata }

/** An image of so many bytes, of which nothing else is said, so that the same bytes give the same manifest. */
export function imageOf(size: number): SourceFileEntry {
  return { type: 'file', path: imagePath, mode: 0o644, ...metadata, size }
}

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
