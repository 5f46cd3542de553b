import { emptyDigest } from '../../manifests/digest.ts'
import { decodeEntry, encodeEntry } from '../../manifests/entry-line.ts'
import type { Entry, SourceEntry, SourceFileEntry, SparseMap } from '../../manifests/entry.ts'
import { maxLineBytes } from '../../manifests/manifest-decoder.ts'
import { TreeReadError } from '../tree/errors.ts'

/**
 * The entry, if every reader of manifests takes its line; a file with more holes than a line has room for, with
 * fewer of them. What no reader would take must not be published: throws a TreeReadError (TREE_UNSUPPORTED) for
 * extended attributes that do not fit and for values that the format has no room for.
 */
export function fitEntry(entry: SourceFileEntry, tree: string): SourceFileEntry
export function fitEntry(entry: SourceEntry, tree: string): SourceEntry
export function fitEntry(entry: SourceEntry, tree: string): SourceEntry {
  if (isPlain(entry) || fits(entry, tree)) return entry
  const filled = entry.type === 'file' ? withFewerHoles(entry, tree) : undefined
  if (filled !== undefined) return filled
  const problem = `has more extended attributes than the ${maxLineBytes} bytes that its entry may have; remove some`
  throw new TreeReadError('TREE_UNSUPPORTED', { tree, path: entry.path }, problem)
}

/** As most are: what it says is within the limits of the kernel, and those are within the limits of the format. */
function isPlain(entry: SourceEntry): boolean {
  if (entry.type === 'hardlink') return true
  if (entry.xattrs.size > 0 || !Number.isSafeInteger(entry.mtime.seconds)) return false
  return entry.type !== 'file' || (entry.sparse === undefined && Number.isSafeInteger(entry.size))
}

/** Throws a TreeReadError for what is refused for another reason than its length. */
function fits(entry: SourceEntry, tree: string): boolean {
  try {
    const line = Buffer.from(encodeEntry(placed(entry)))
    if (line.length > maxLineBytes) return false
    decodeEntry(line)
    return true
  } catch (cause) {
    const problem = `cannot be said in a manifest: ${(cause as Error).message}; change it`
    throw new TreeReadError('TREE_UNSUPPORTED', { tree, path: entry.path }, problem, cause)
  }
}

/** With the longest offset that its content may turn out to have. */
function placed(entry: SourceEntry): Entry {
  if (entry.type !== 'file') return entry
  return { ...entry, digest: emptyDigest, offset: entry.size === 0 ? 0 : Number.MAX_SAFE_INTEGER }
}

/** No file system has smaller blocks. */
const smallestHole = 512

/** With as many of the larger holes as fit, or undefined when it is not for the holes that the entry does not. */
function withFewerHoles(entry: SourceFileEntry, tree: string): SourceFileEntry | undefined {
  for (let least = smallestHole; ; least *= 2) {
    const filled = entry.sparse === undefined ? entry : withoutHolesBelow(least, entry, entry.sparse)
    if (fits(filled, tree)) return filled
    if (filled.sparse === undefined || filled.sparse.data.length < 2) return undefined
  }
}

/** The same file with what lies in its smaller holes, zeros, as content. */
function withoutHolesBelow(bytes: number, entry: SourceFileEntry, sparse: SparseMap): SourceFileEntry {
  const data: [offset: number, length: number][] = []
  for (const [offset, length] of sparse.data) {
    const last = data.at(-1)
    if (last === undefined || offset - (last[0] + last[1]) >= bytes) data.push([offset, length])
    else last[1] = offset + length - last[0]
  }
  const size = data.reduce((sum, [, length]) => sum + length, 0)
  const { sparse: _, ...whole } = entry
  return size === sparse.size ? { ...whole, size } : { ...whole, size, sparse: { ...sparse, data } }
}
