import type { BigIntStats } from 'node:fs'
import { closeSync, constants, fstatSync } from 'node:fs'
import type { TreePlace } from './errors.ts'
import { TreeChangedError, treeReadError } from './errors.ts'
import { openWithoutAtime } from './open-without-atime.ts'

// O_NONBLOCK: were the file replaced by a fifo meanwhile, opening it must not wait for a writer.
const readFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

/**
 * Opens for reading the regular file whose `lstat` is `stats`, leaving its atime where that is allowed. The
 * descriptor is the caller's. Throws TreeChangedError when another file, or another content, is there by now.
 */
export function openForReading(location: Buffer, stats: BigIntStats, place: TreePlace): number {
  const fd = open(location, place)
  try {
    assertSameFile(fd, stats, place)
    return fd
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

/** Throws TreeChangedError unless `fd` is the file of `stats`, of that size and mtime. */
export function assertSameFile(fd: number, stats: BigIntStats, place: TreePlace): void {
  const now = fstatSync(fd, { bigint: true })
  const same =
    now.ino === stats.ino && now.dev === stats.dev && now.size === stats.size && now.mtimeNs === stats.mtimeNs
  if (!same) throw new TreeChangedError(place, 'changed while it was being read')
}

function open(location: Buffer, place: TreePlace): number {
  try {
    return openWithoutAtime(location, readFlags)
  } catch (error) {
    throw treeReadError(error, place, 'read this file')
  }
}
