import { closeSync } from 'node:fs'
import type { FileEntry } from '../../manifests/entry.ts'
import { hashContent } from '../tree/file-content.ts'
import type { TreeReader } from '../tree/tree-reader.ts'
import { openIfPermitted } from './open-if-permitted.ts'

/**
 * A descriptor of the file at the entry's path if it has the entry's content, holes included, which was read to
 * prove it. The caller closes it.
 */
export function openVerified(reader: TreeReader, entry: FileEntry): number | undefined {
  const there = reader.read(entry.path)
  if (there?.type !== 'file' || there.size !== entry.size || !sameHoles(there, entry)) return undefined
  const fd = openIfPermitted(reader, entry.path)
  if (fd === undefined || fd === 'refused') return undefined
  let verified = false
  try {
    verified = hashContent(fd, entry) === entry.digest
  } finally {
    if (!verified) closeSync(fd)
  }
  return verified ? fd : undefined
}

function sameHoles(a: Pick<FileEntry, 'sparse'>, b: Pick<FileEntry, 'sparse'>): boolean {
  return JSON.stringify(a.sparse) === JSON.stringify(b.sparse)
}
