import { closeSync, fstatSync } from 'node:fs'
import { openInode } from './directory-handles.ts'
import { openWithoutAtime } from './open-without-atime.ts'

/**
 * Opens the regular file at a path made by DirectoryHandles.locate; undefined when something else lies there, which
 * is then not even opened: opening a device or a fifo can do things. Throws what node:fs throws.
 */
export function openRegularFile(location: Buffer, flags: number): number | undefined {
  const inode = openInode(location)
  try {
    return fstatSync(inode).isFile() ? openWithoutAtime(`/proc/self/fd/${inode}`, flags) : undefined
  } finally {
    closeSync(inode)
  }
}
