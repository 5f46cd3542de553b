import { hash } from 'node:crypto'
import { treePathFromText, type TreePath } from '../../manifests/tree-path.ts'
import { cutContent } from '../../src/chunking/cut-content.ts'
import type { ChunkingProfile } from '../../src/chunking/profile.ts'
import { endsGroup } from '../../src/chunking/small-files.ts'

export interface SmallFile {
  readonly path: TreePath
  readonly bytes: number
}

/** Files as test/vectors/small-files.json describes them, in path order. */
export function smallTree(seed: string, files: number): SmallFile[] {
  return Array.from({ length: files }, (_, i) => {
    const path = `${seed}/${String(i).padStart(8, '0')}`
    return {
      path: treePathFromText(path),
      bytes: 1 + (hash('sha256', path, 'buffer').readUInt32BE(0) % 65_535),
    }
  })
}

/** The groups that files of less than `ownChunksBytes`, in path order, are laid together in. */
export function groupsOf(files: readonly SmallFile[], profile: ChunkingProfile): SmallFile[][] {
  const groups: SmallFile[][] = []
  let open: SmallFile[] = []
  let groupBytes = 0
  for (const file of files) {
    open.push(file)
    groupBytes += file.bytes
    if (!endsGroup(file.path, file.bytes, groupBytes, profile)) continue
    groups.push(open)
    open = []
    groupBytes = 0
  }
  return open.length === 0 ? groups : [...groups, open]
}

export function groupSizes(files: readonly SmallFile[], profile: ChunkingProfile): number[] {
  return groupsOf(files, profile).map((group) => group.length)
}

export function cutLengths(content: Uint8Array, profile: ChunkingProfile): number[] {
  return [...cutContent(readerOf(content), content.length, profile)].map((chunk) => chunk.length)
}

/** Reads from memory, at most `most(position)` bytes at a time. */
export function readerOf(content: Uint8Array, most: (position: number) => number = () => Infinity) {
  return (buffer: Uint8Array, position: number): number => {
    const length = Math.min(buffer.length, content.length - position, most(position))
    buffer.set(content.subarray(position, position + length))
    return length
  }
}
