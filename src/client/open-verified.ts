import type { FileEntry } from '../../manifests/entry.ts'
import type { TreeReader } from '../tree/tree-reader.ts'
import { openContent } from './has-content.ts'

/**
 * A descriptor of the file at the entry's path if it has the entry's content, which was read to prove it. The caller
 * closes it.
 */
export function openVerified(reader: TreeReader, entry: FileEntry): number | undefined {
  const fd = openContent(reader, entry)
  return fd === 'refused' ? undefined : fd
}
