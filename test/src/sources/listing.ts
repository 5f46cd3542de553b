import { closeSync } from 'node:fs'
import type { Digest } from '../../../manifests/digest.ts'
import { encodeEntry } from '../../../manifests/entry-line.ts'
import { hashContent } from '../../../src/tree/file-content.ts'
import type { TreeSource } from '../../../src/tree/tree-source.ts'

/** The lines that a manifest would have of a tree's entries, but that every content is at offset 0. */
export function linesOf(tree: TreeSource): string[] {
  return Array.from(tree.walk(), ({ entry, open }) => {
    if (entry.type !== 'file') return encodeEntry(entry)
    const fd = open?.() ?? -1
    try {
      const digest: Digest = hashContent(fd, entry)
      return encodeEntry({ ...entry, digest, offset: 0 })
    } finally {
      closeSync(fd)
    }
  })
}
