import type { BigIntStats } from 'node:fs'
import type { TreePath } from '../../manifests/tree-path.ts'

/** Remembers the first path of each inode that has several, until all of them were seen. */
export class HardlinkFinder {
  readonly #first = new Map<string, { readonly path: TreePath; unseen: bigint }>()

  /** The first path of the same inode, or undefined when there is none so far. */
  firstPathOf(stats: BigIntStats): TreePath | undefined {
    if (stats.nlink < 2n || stats.isDirectory()) return undefined
    const key = keyOf(stats)
    const known = this.#first.get(key)
    if (known === undefined) return undefined
    known.unseen -= 1n
    if (known.unseen === 0n) this.#first.delete(key)
    return known.path
  }

  /** To be called for a path that `firstPathOf` knew no other of. */
  add(path: TreePath, stats: BigIntStats): void {
    if (stats.nlink < 2n || stats.isDirectory()) return
    this.#first.set(keyOf(stats), { path, unseen: stats.nlink - 1n })
  }
}

function keyOf(stats: BigIntStats): string {
  return `${stats.dev}:${stats.ino}`
}
