import type { Digest } from './digest.ts'
import type { TreePath } from './tree-path.ts'

/** Since 1970-01-01T00:00:00Z; before it, `seconds` is negative and `nanos` still counts forwards (0..999,999,999). */
export interface Mtime {
  readonly seconds: number
  readonly nanos: number
}

/** By name (format §3.3.6). Values are as the kernel gave them: ACLs, capabilities and labels are not interpreted. */
export type Xattrs = ReadonlyMap<string, Uint8Array>

export const noXattrs: Xattrs = new Map()

export interface Metadata {
  /** Permission bits with setuid, setgid and sticky: 0..0o7777. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly mtime: Mtime
  readonly xattrs: Xattrs
}

/** Where the data of a sparse file lie: sorted, disjoint, not touching; `[offset, length]` in the file. */
export interface SparseMap {
  /** The file's length with its holes, in bytes. */
  readonly size: number
  readonly data: readonly (readonly [offset: number, length: number])[]
}

export interface FileEntry extends Metadata {
  readonly type: 'file'
  readonly path: TreePath
  /** Bytes of content: the file's length, or, of a sparse file, the sum of its data. */
  readonly size: number
  /** Of those bytes. */
  readonly digest: Digest
  /** Where they begin in the module's content stream; 0 when `size` is 0. */
  readonly offset: number
  readonly sparse?: SparseMap
}

export interface DirectoryEntry extends Metadata {
  readonly type: 'directory'
  readonly path: TreePath
}

export interface SymlinkEntry extends Omit<Metadata, 'mode'> {
  readonly type: 'symlink'
  readonly path: TreePath
  /** The link's text, one character a byte; not a TreePath, it may say anything. */
  readonly target: string
}

/** Another name of the file at `target`, which sorts before it; all metadata are the target's. */
export interface HardlinkEntry {
  readonly type: 'hardlink'
  readonly path: TreePath
  readonly target: TreePath
}

export interface DeviceEntry extends Metadata {
  readonly type: 'character' | 'block'
  readonly path: TreePath
  readonly device: { readonly major: number; readonly minor: number }
}

export interface FifoEntry extends Metadata {
  readonly type: 'fifo'
  readonly path: TreePath
}

/** One path of a tree (format §3.3). Sockets have no entry: they mean nothing without the process that bound them. */
export type Entry = FileEntry | DirectoryEntry | SymlinkEntry | HardlinkEntry | DeviceEntry | FifoEntry

/** What an inode is: all but a further name of one. */
export type InodeEntry = Exclude<Entry, HardlinkEntry>

/** An entry as a source yields it: what its content is, and where it will lie, is not known yet. */
export type SourceEntry = Exclude<Entry, FileEntry> | SourceFileEntry

export type SourceFileEntry = Omit<FileEntry, 'digest' | 'offset'>
