import { bytesToken, digestToken, integerToken, naturalToken } from './canonical-tokens.ts'
import { emptyDigest, type Digest } from './digest.ts'
import type {
  DirectoryEntry,
  Entry,
  FifoEntry,
  FileEntry,
  HardlinkEntry,
  Mtime,
  SymlinkEntry,
} from './entry.ts'
import { maxId } from './entry-limits.ts'
import { scanXattrs, xattrsToken } from './scan-xattrs.ts'
import { isTreePath, maxPathBytes, textOf, type TreePath } from './tree-path.ts'

/**
 * The entry of a line such as trees are full of, in a fraction of the time that its schema takes. Undefined says
 * nothing about a line: it may be wrong, or be right and have what is rare (an escape, base64 for a path, holes, a
 * device). What is not undefined is what the schema makes of the line. One character of `line` is one byte.
 */
export function scanEntry(line: string): Entry | undefined {
  if (line.startsWith('{"d')) return scanFile(line)
  if (line.startsWith('{"p')) return scanHardlink(line)
  return scanPlain(line) ?? scanSymlink(line)
}

const modeToken = '"([0-7]{4})"'
const mtimeTokens = `"mtime":${integerToken}(?:,"mtimeNanos":([1-9]\\d{0,8}))?`
const endTokens = `"uid":${naturalToken}(?:,"xattrs":${xattrsToken})?\\}$`

const fileLine = new RegExp(
  `^\\{"digest":${digestToken},"gid":${naturalToken},"mode":${modeToken},${mtimeTokens},"offset":${naturalToken},` +
    `"path":${bytesToken},"size":${naturalToken},"type":"file",${endTokens}`,
)
const plainLine = new RegExp(
  `^\\{"gid":${naturalToken},"mode":${modeToken},${mtimeTokens},` +
    `"path":${bytesToken},"type":"(directory|fifo)",${endTokens}`,
)
const symlinkLine = new RegExp(
  `^\\{"gid":${naturalToken},${mtimeTokens},` +
    `"path":${bytesToken},"target":${bytesToken},"type":"symlink",${endTokens}`,
)
const hardlinkLine = new RegExp(`^\\{"path":${bytesToken},"target":${bytesToken},"type":"hardlink"\\}$`)

function scanFile(line: string): FileEntry | undefined {
  const match = fileLine.exec(line)
  if (match === null) return undefined
  const [, digest, gid, mode, seconds, nanos, offset, path, size, uid, attributes] = match
  const xattrs = scanXattrs(attributes)
  if (xattrs === undefined) return undefined
  const entry: FileEntry = {
    path: path as TreePath,
    uid: Number(uid),
    gid: Number(gid),
    mtime: mtimeOf(seconds, nanos),
    xattrs,
    mode: Number.parseInt(mode as string, 8),
    type: 'file',
    size: Number(size),
    digest: digest as Digest,
    offset: Number(offset),
  }
  return isOwned(entry) && isPlaced(entry) ? entry : undefined
}

function scanPlain(line: string): DirectoryEntry | FifoEntry | undefined {
  const match = plainLine.exec(line)
  if (match === null) return undefined
  const [, gid, mode, seconds, nanos, path, type, uid, attributes] = match
  const xattrs = scanXattrs(attributes)
  if (xattrs === undefined) return undefined
  const entry: DirectoryEntry | FifoEntry = {
    path: path as TreePath,
    uid: Number(uid),
    gid: Number(gid),
    mtime: mtimeOf(seconds, nanos),
    xattrs,
    mode: Number.parseInt(mode as string, 8),
    type: type as 'directory' | 'fifo',
  }
  return isOwned(entry) ? entry : undefined
}

function scanSymlink(line: string): SymlinkEntry | undefined {
  const match = symlinkLine.exec(line)
  if (match === null) return undefined
  const [, gid, seconds, nanos, path, target, uid, attributes] = match
  const xattrs = scanXattrs(attributes)
  if (xattrs === undefined) return undefined
  const entry: SymlinkEntry = {
    path: path as TreePath,
    uid: Number(uid),
    gid: Number(gid),
    mtime: mtimeOf(seconds, nanos),
    xattrs,
    type: 'symlink',
    target: target as string,
  }
  return isOwned(entry) && isLinkText(entry.target) ? entry : undefined
}

function scanHardlink(line: string): HardlinkEntry | undefined {
  const match = hardlinkLine.exec(line)
  if (match === null) return undefined
  const path = match[1] as TreePath
  const target = match[2] as TreePath
  if (!isTextPath(path) || !isTextPath(target) || target === '' || target >= path) return undefined
  return { type: 'hardlink', path, target }
}

function mtimeOf(seconds: string | undefined, nanos: string | undefined): Mtime {
  return { seconds: Number(seconds), nanos: nanos === undefined ? 0 : Number(nanos) }
}

function isOwned({ path, uid, gid, mtime }: Exclude<Entry, HardlinkEntry>): boolean {
  return uid <= maxId && gid <= maxId && Number.isSafeInteger(mtime.seconds) && isTextPath(path)
}

function isPlaced({ size, offset, digest }: FileEntry): boolean {
  if (size === 0) return offset === 0 && digest === emptyDigest
  return Number.isSafeInteger(size) && Number.isSafeInteger(offset)
}

function isTextPath(path: string): boolean {
  return isTreePath(path) && textOf(path) !== undefined
}

function isLinkText(target: string): boolean {
  return target !== '' && target.length <= maxPathBytes && textOf(target) !== undefined
}
