import type { BigIntStats } from 'node:fs'
import { chmodSync, closeSync, constants, lchownSync, lstatSync } from 'node:fs'
import type { Entry, HardlinkEntry, Metadata, SourceEntry } from '../../manifests/entry.ts'
import type { TreePath } from '../../manifests/tree-path.ts'
import { openInode } from './directory-handles.ts'
import { errnoOf, treeWriteError, TreeWriteError } from './errors.ts'
import { setMtime } from './libc.ts'
import type { NotKeptCounter } from './not-kept.ts'
import { replaceXattrs } from './replace-xattrs.ts'

/** Every entry that has metadata of its own. */
export type EntryWithMetadata = Exclude<Entry | SourceEntry, HardlinkEntry>

export interface MetadataWriterOptions {
  /** Directory the tree lies in, for messages. */
  readonly tree: string
  /** Whether what is not permitted is an error; otherwise it is counted. */
  readonly privileged: boolean
  readonly notKept: NotKeptCounter
}

const setuid = 0o4000
const setgid = 0o2000

const typeBits: Readonly<Record<EntryWithMetadata['type'], number>> = {
  file: constants.S_IFREG,
  directory: constants.S_IFDIR,
  symlink: constants.S_IFLNK,
  character: constants.S_IFCHR,
  block: constants.S_IFBLK,
  fifo: constants.S_IFIFO,
}

/** Gives what lies at a path the metadata of its entry. */
export class MetadataWriter {
  readonly #options: MetadataWriterOptions

  constructor(options: MetadataWriterOptions) {
    this.#options = options
  }

  /**
   * `location` is a path made by DirectoryHandles.locate. The order is what makes it last: a new owner clears setuid
   * and capabilities, an ACL changes the mode, and a read-only file takes no attributes from its owner.
   */
  apply(location: Buffer, entry: EntryWithMetadata): void {
    const before = this.#stat(location, entry)
    const owner = this.#applyOwner(location, entry, before)
    const opened = this.#openUp(location, entry, before)
    const changed = this.#applyXattrs(location, entry)
    if (entry.type !== 'symlink') {
      const mode = this.#modeFor(entry, owner)
      const isSame = (Number(before.mode) & 0o7777) === mode && !owner.changed && !opened && !changed
      if (!isSame) this.#attempt(entry.path, 'set the mode', () => setMode(location, mode))
    }
    this.#attempt(entry.path, 'set the mtime', () => setMtime(location, entry.mtime))
  }

  #stat(location: Buffer, entry: EntryWithMetadata): BigIntStats {
    const { path, type } = entry
    const look = (): BigIntStats => lstatSync(location, { bigint: true })
    const stats = this.#attempt(path, 'look at this path', look)
    if ((Number(stats.mode) & constants.S_IFMT) === typeBits[type]) return stats
    const problem = `could not set the metadata: this is not a ${type}; write the tree anew`
    throw new TreeWriteError('TREE_WRITE_FAILED', { tree: this.#options.tree, path }, problem)
  }

  #applyOwner(location: Buffer, entry: EntryWithMetadata, before: BigIntStats): Owner {
    const [uid, gid] = [Number(before.uid), Number(before.gid)]
    if (uid === entry.uid && gid === entry.gid) return { uidKept: true, gidKept: true, changed: false }
    if (this.#chown(location, entry.uid, entry.gid, entry.path)) {
      return { uidKept: true, gidKept: true, changed: true }
    }
    this.#options.notKept.add('owner', entry.path)
    // One of its groups is all that an ordinary user may give a file to.
    const gidKept = gid === entry.gid || this.#chown(location, -1, entry.gid, entry.path)
    return { uidKept: uid === entry.uid, gidKept, changed: gidKept }
  }

  #chown(location: Buffer, uid: number, gid: number, path: TreePath): boolean {
    try {
      lchownSync(location, uid, gid)
      return true
    } catch (error) {
      // EINVAL: an owner that this user namespace has no number for.
      const errno = errnoOf(error)
      if (!this.#options.privileged && (errno === 'EPERM' || errno === 'EINVAL')) return false
      throw treeWriteError(error, { tree: this.#options.tree, path }, 'set the owner')
    }
  }

  /** Root needs no permissions to set attributes; a file's owner does. */
  #openUp(location: Buffer, entry: EntryWithMetadata, before: BigIntStats): boolean {
    const mode = Number(before.mode) & 0o7777
    if (this.#options.privileged || entry.type === 'symlink' || (mode & 0o600) === 0o600) return false
    this.#attempt(entry.path, 'set the mode', () => setMode(location, mode | 0o600))
    return true
  }

  #applyXattrs(location: Buffer, entry: EntryWithMetadata): boolean {
    const { privileged, notKept } = this.#options
    return this.#attempt(entry.path, 'set the extended attributes', () =>
      replaceXattrs(location, entry.xattrs, {
        privileged,
        onNotKept: (kind) => notKept.add(kind, entry.path),
      }),
    )
  }

  #modeFor(entry: Metadata & { readonly path: TreePath }, owner: Owner): number {
    const lost = (owner.uidKept ? 0 : entry.mode & setuid) | (owner.gidKept ? 0 : entry.mode & setgid)
    if (lost !== 0) this.#options.notKept.add('setuid', entry.path)
    return entry.mode & ~lost
  }

  #attempt<R>(path: TreePath, doing: string, action: () => R): R {
    try {
      return action()
    } catch (error) {
      throw treeWriteError(error, { tree: this.#options.tree, path }, doing)
    }
  }
}

interface Owner {
  readonly uidKept: boolean
  readonly gidKept: boolean
  readonly changed: boolean
}

/** chmod() follows symlinks; through the inode's own descriptor there is nothing to follow. */
function setMode(location: Buffer, mode: number): void {
  const inode = openInode(location)
  try {
    chmodSync(`/proc/self/fd/${inode}`, mode)
  } finally {
    closeSync(inode)
  }
}
