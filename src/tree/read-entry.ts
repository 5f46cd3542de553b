import type { BigIntStats } from 'node:fs'
import { closeSync, constants, lstatSync, readlinkSync } from 'node:fs'
import type {
  DeviceEntry,
  Metadata,
  Mtime,
  SourceEntry,
  SourceFileEntry,
  SymlinkEntry,
  Xattrs,
} from '../../manifests/entry.ts'
import type { TreePath } from '../../manifests/tree-path.ts'
import { displayTreePath } from '../../manifests/tree-path.ts'
import { errnoOf, treeReadError, TreeReadError } from './errors.ts'
import { decodeDevice } from './libc.ts'
import { openForReading } from './open-for-reading.ts'
import { readSparseMap } from './read-sparse-map.ts'
import { readXattrs } from './read-xattrs.ts'

/** The path being read, and the directory its tree lies in, as errors name them. */
export interface EntryPlace {
  readonly tree: string
  readonly path: TreePath
}

const nanosPerSecond = 1_000_000_000n

/** What `lstat` says of a path made by DirectoryHandles.locate, or undefined when nothing is there. */
export function statEntry(location: Buffer, place: EntryPlace): BigIntStats | undefined {
  try {
    return lstatSync(location, { bigint: true })
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw treeReadError(error, place, 'look at this path')
  }
}

/**
 * The entry of what lies at `location`, whose `lstat` is `stats`; a path that has other names is described as if
 * it had none. Undefined for a socket. Throws TreeChangedError when it vanishes or changes meanwhile, and
 * TreeReadError for what cannot be read or what no manifest can say.
 */
export function readEntry(location: Buffer, stats: BigIntStats, place: EntryPlace): SourceEntry | undefined {
  const type = Number(stats.mode) & constants.S_IFMT
  if (type === constants.S_IFSOCK) return undefined
  const { path } = place
  const metadata = readMetadata(location, stats, place)
  switch (type) {
    case constants.S_IFREG:
      return readFileEntry(location, stats, place, metadata)
    case constants.S_IFDIR:
      return { type: 'directory', path, ...metadata }
    case constants.S_IFLNK:
      return readSymlinkEntry(location, place, metadata)
    case constants.S_IFCHR:
      return deviceEntry('character', path, stats, metadata)
    case constants.S_IFBLK:
      return deviceEntry('block', path, stats, metadata)
    case constants.S_IFIFO:
      return { type: 'fifo', path, ...metadata }
    default: {
      const problem = `has the unknown file type 0o${type.toString(8)}; remove it`
      throw new TreeReadError('TREE_UNSUPPORTED', place, problem)
    }
  }
}

/** A time of `stat` in nanoseconds, also one before 1970. */
export function mtimeFromNanos(time: bigint): Mtime {
  const nanos = ((time % nanosPerSecond) + nanosPerSecond) % nanosPerSecond
  return { seconds: Number((time - nanos) / nanosPerSecond), nanos: Number(nanos) }
}

function readMetadata(location: Buffer, stats: BigIntStats, place: EntryPlace): Metadata {
  return {
    mode: Number(stats.mode) & 0o7777,
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    mtime: mtimeFromNanos(stats.mtimeNs),
    xattrs: readXattrsOf(location, place),
  }
}

function readXattrsOf(location: Buffer, place: EntryPlace): Xattrs {
  try {
    return readXattrs(location, (name) => {
      const problem = `has the extended attribute "${displayTreePath(name)}", whose name is not UTF-8; remove it`
      return new TreeReadError('TREE_UNSUPPORTED', place, problem)
    })
  } catch (error) {
    throw treeReadError(error, place, 'read the extended attributes')
  }
}

function readFileEntry(
  location: Buffer,
  stats: BigIntStats,
  place: EntryPlace,
  metadata: Metadata,
): SourceFileEntry {
  const file = { type: 'file', path: place.path, ...metadata, size: Number(stats.size) } as const
  // Fewer blocks than bytes is how a file with holes shows without being opened.
  if (stats.blocks * 512n >= stats.size) return file
  const fd = openForReading(location, stats, place)
  try {
    const sparse = readSparseMap(fd, file.size)
    if (sparse === undefined) return file
    return { ...file, size: sparse.data.reduce((sum, [, length]) => sum + length, 0), sparse }
  } catch (error) {
    throw treeReadError(error, place, 'find the holes')
  } finally {
    closeSync(fd)
  }
}

function readSymlinkEntry(location: Buffer, place: EntryPlace, metadata: Metadata): SymlinkEntry {
  const { uid, gid, mtime, xattrs } = metadata
  try {
    const target = readlinkSync(location, 'latin1')
    return { type: 'symlink', path: place.path, uid, gid, mtime, xattrs, target }
  } catch (error) {
    throw treeReadError(error, place, 'read this symbolic link')
  }
}

function deviceEntry(
  type: DeviceEntry['type'],
  path: TreePath,
  stats: BigIntStats,
  metadata: Metadata,
): DeviceEntry {
  return { type, path, ...metadata, device: decodeDevice(stats.rdev) }
}
