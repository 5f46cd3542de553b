import { closeSync } from 'node:fs'
import type { FileEntry } from '../../manifests/entry.ts'
import { ContentWriter } from '../tree/file-content.ts'
import type { TreeWriter } from '../tree/tree-writer.ts'

/** Makes a file without content, which may still have a length: all of it a hole. */
export function makeEmptyFile(writer: TreeWriter, entry: FileEntry): void {
  const fd = writer.createFile(entry.path)
  try {
    // Gives a sparse file its length.
    void new ContentWriter(fd, { ...entry, tree: writer.tree })
  } finally {
    closeSync(fd)
  }
}
