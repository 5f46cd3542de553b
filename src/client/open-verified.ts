import { closeSync } from 'node:fs'
import type { FileEntry, SourceFileEntry } from '../../manifests/entry.ts'
import { compareEntries } from '../tree/compare-entry.ts'
import { hashContent } from '../tree/file-content.ts'
import type { TreeReader } from '../tree/tree-reader.ts'
import { openIfPermitted } from './open-if-permitted.ts'

/**
 * A descriptor of the file at the entry's path if it has the entry's content, holes included, which was read to
 * prove it. The caller closes it.
 */
export function openVerified(reader: TreeReader, entry: FileEntry): number | undefined {
  const there = reader.read(entry.path)
  if (there?.type !== 'file' || !hasShapeOf(there, entry)) return undefined
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

function hasShapeOf(there: SourceFileEntry, entry: FileEntry): boolean {
  const aspects = compareEntries(there, entry)
  return there.size === entry.size && !aspects.includes('size') && !aspects.includes('sparse')
}
