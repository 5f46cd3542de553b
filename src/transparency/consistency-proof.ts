import type { LogTree } from './log-tree.ts'
import { emptyRoot, nodeHash, splitOf } from './merkle-hash.ts'

/** That the tree of the first `size` leaves is a prefix of this one (RFC 6962 §2.1.2). */
export async function consistencyProof(tree: LogTree, size: number): Promise<Buffer[]> {
  if (size < 0 || size > tree.size) throw new RangeError(`the first ${size} of a log of ${tree.size}`)
  if (size === 0 || size === tree.size) return []
  const proof: Buffer[] = []
  let [start, end, isWhole] = [0, tree.size, true]
  while (end !== size) {
    const middle = start + splitOf(end - start)
    const isLeft = size <= middle
    proof.unshift(await (isLeft ? tree.hash(middle, end) : tree.hash(start, middle)))
    if (isLeft) end = middle
    else [start, isWhole] = [middle, false]
  }
  // Whoever checks the proof has the root of the older tree already.
  if (!isWhole) proof.unshift(await tree.hash(start, end))
  return proof
}

export interface TreeRoot {
  readonly size: number
  readonly root: Uint8Array
}

/** Whether the proof shows that the older tree is a prefix of the newer (RFC 9162 §2.1.4.2). */
export function isPrefix(older: TreeRoot, newer: TreeRoot, proof: readonly Buffer[]): boolean {
  const oldRoot = Buffer.from(older.root)
  if (older.size === newer.size) return proof.length === 0 && oldRoot.equals(newer.root)
  if (older.size > newer.size || older.size < 0) return false
  if (older.size === 0) return proof.length === 0 && oldRoot.equals(emptyRoot())
  // The root of a whole subtree is itself the first of the hashes that lead to both.
  const path = isPowerOfTwo(older.size) ? [oldRoot, ...proof] : proof
  return leadsToBoth(older, newer, path)
}

function leadsToBoth(older: TreeRoot, newer: TreeRoot, [first, ...rest]: readonly Buffer[]): boolean {
  if (first === undefined) return false
  let [node, last] = [older.size - 1, newer.size - 1]
  while (node % 2 === 1) [node, last] = [half(node), half(last)]
  let [oldRoot, newRoot] = [first, first]
  for (const sibling of rest) {
    if (last === 0) return false
    if (node % 2 === 1 || node === last) {
      oldRoot = nodeHash(sibling, oldRoot)
      newRoot = nodeHash(sibling, newRoot)
      while (node % 2 === 0 && node !== 0) [node, last] = [half(node), half(last)]
    } else {
      newRoot = nodeHash(newRoot, sibling)
    }
    ;[node, last] = [half(node), half(last)]
  }
  return last === 0 && oldRoot.equals(older.root) && newRoot.equals(newer.root)
}

function isPowerOfTwo(value: number): boolean {
  return 2 ** Math.round(Math.log2(value)) === value
}

function half(value: number): number {
  return Math.floor(value / 2)
}
