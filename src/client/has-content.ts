import { closeSync, fstatSync, readSync } from 'node:fs'
import type { FileEntry } from '../../manifests/entry.ts'
import { errnoOf, TreeError, treeReadError } from '../tree/errors.ts'
import { hashContent } from '../tree/file-content.ts'
import { seekDataFrom, seekHoleFrom } from '../tree/libc.ts'
import type { TreeReader } from '../tree/tree-reader.ts'
import { openIfPermitted } from './open-if-permitted.ts'

/**
 * Whether a regular file with the entry's content lies at its path: the same bytes, whatever of its holes this file
 * system keeps as data. False, too, of what cannot be read.
 */
export function hasContent(reader: TreeReader, entry: FileEntry): boolean {
  const fd = openContent(reader, entry)
  if (fd === undefined || fd === 'refused') return false
  closeSync(fd)
  return true
}

/**
 * A descriptor of the regular file at the entry's path, which the caller closes, if it has the entry's content, which
 * was read to prove it; 'refused' when this user may not read it.
 */
export function openContent(reader: TreeReader, entry: FileEntry): number | 'refused' | undefined {
  const fd = openIfReadable(reader, entry)
  if (fd === undefined || fd === 'refused') return fd
  let verified = false
  try {
    verified = isContentOf(fd, entry)
  } finally {
    if (!verified) closeSync(fd)
  }
  return verified ? fd : undefined
}

const bufferBytes = 1024 * 1024
const damagedFileSystem: ReadonlySet<string> = new Set(['EIO', 'EUCLEAN', 'EBADMSG'])

/** Like `openIfPermitted`; undefined, too, when the file system is damaged there. */
export function openIfReadable(reader: TreeReader, { path }: FileEntry): number | 'refused' | undefined {
  try {
    return openIfPermitted(reader, path)
  } catch (error) {
    // Not for want of descriptors or memory: those say nothing about the file.
    if (error instanceof TreeError && damagedFileSystem.has(errnoOf(error.cause) ?? '')) return undefined
    throw error
  }
}

function isContentOf(fd: number, entry: FileEntry): boolean {
  try {
    if (fstatSync(fd).size !== (entry.sparse?.size ?? entry.size)) return false
    return holesOf(entry).every((hole) => isZero(fd, hole, entry)) && hashContent(fd, entry) === entry.digest
  } catch (error) {
    // A block that cannot be read, or somebody who writes to the file.
    if (error instanceof TreeError) return false
    throw error
  }
}

interface Range {
  readonly start: number
  readonly end: number
}

function holesOf({ sparse }: FileEntry): Range[] {
  if (sparse === undefined) return []
  const starts = [0, ...sparse.data.map(([offset, length]) => offset + length)]
  return starts.map((start, index) => ({ start, end: sparse.data[index]?.[0] ?? sparse.size }))
}

function isZero(fd: number, { start, end }: Range, entry: FileEntry): boolean {
  const buffer = Buffer.allocUnsafe(Math.min(end - start, bufferBytes))
  for (let position = start; position < end;) {
    const data = attempt(entry, () => dataFrom(fd, position, end))
    for (position = data.start; position < data.end;) {
      const count = attempt(entry, () =>
        readSync(fd, buffer, 0, Math.min(data.end - position, buffer.length), position),
      )
      if (count === 0 || !isAllZero(buffer.subarray(0, count))) return false
      position += count
    }
  }
  return true
}

/** The next data of a file before `limit`; empty, and at the limit, when only a hole is left. */
function dataFrom(fd: number, position: number, limit: number): Range {
  try {
    const start = Math.min(seekDataFrom(fd, position) ?? limit, limit)
    return { start, end: start === limit ? limit : Math.min(seekHoleFrom(fd, start), limit) }
  } catch (error) {
    // A file system that cannot tell.
    if (errnoOf(error) === 'EINVAL') return { start: position, end: limit }
    throw error
  }
}

function isAllZero(bytes: Buffer): boolean {
  return bytes[0] === 0 && bytes.subarray(1).equals(bytes.subarray(0, -1))
}

function attempt<R>(entry: FileEntry, action: () => R): R {
  try {
    return action()
  } catch (error) {
    throw treeReadError(error, entry, 'read this file')
  }
}
