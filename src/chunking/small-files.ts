import { hash } from 'node:crypto'
import type { TreePath } from '../../manifests/tree-path.ts'
import type { ChunkingProfile } from './profile.ts'

/**
 * Small files lie together, in path order, in chunks of about the average size. Whether such a chunk ends after a
 * file depends on the file's *path* and size, never on its content, so that a file which is changed, added or
 * removed touches the chunk it lies in and seldom another: the chance to end is the file's share of an average
 * chunk. It also ends where the next small file might take it over the largest size (format §9.3).
 *
 * `groupBytes` is what the chunk holds so far, this file included.
 */
export function endsGroup(
  path: TreePath,
  fileBytes: number,
  groupBytes: number,
  profile: ChunkingProfile,
): boolean {
  if (groupBytes < profile.minBytes) return false
  if (groupBytes > profile.maxBytes - profile.ownChunksBytes) return true
  return pathFraction(path) * profile.averageBytes < fileBytes
}

/** Evenly spread over 0 ≤ f < 1. */
function pathFraction(path: TreePath): number {
  return hash('sha256', Buffer.from(path, 'latin1'), 'buffer').readUInt32LE(0) / 2 ** 32
}
