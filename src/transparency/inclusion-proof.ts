import type { LogTree } from './log-tree.ts'
import { nodeHash, splitOf } from './merkle-hash.ts'

/** The audit path of a leaf, from the leaf up (RFC 6962 §2.1.1). */
export async function inclusionProof(tree: LogTree, leaf: number): Promise<Buffer[]> {
  if (leaf < 0 || leaf >= tree.size) throw new RangeError(`leaf ${leaf} of a log of ${tree.size}`)
  const path: Buffer[] = []
  let [start, end] = [0, tree.size]
  while (end - start > 1) {
    const middle = start + splitOf(end - start)
    const isLeft = leaf < middle
    path.unshift(await (isLeft ? tree.hash(middle, end) : tree.hash(start, middle)))
    if (isLeft) end = middle
    else start = middle
  }
  return path
}

/** Whether the proof leads from a leaf's hash to the root of a tree of `size` leaves (RFC 9162 §2.1.3.2). */
export function isIncluded(
  hash: Buffer,
  { leaf, size }: { readonly leaf: number; readonly size: number },
  root: Uint8Array,
  proof: readonly Buffer[],
): boolean {
  if (leaf < 0 || leaf >= size) return false
  let [node, last, found] = [leaf, size - 1, hash]
  for (const sibling of proof) {
    if (last === 0) return false
    const isRight = node % 2 === 1
    if (isRight || node === last) {
      found = nodeHash(sibling, found)
      // A node without a sibling goes up as it is.
      while (node % 2 === 0 && node !== 0) [node, last] = [half(node), half(last)]
    } else {
      found = nodeHash(found, sibling)
    }
    ;[node, last] = [half(node), half(last)]
  }
  return last === 0 && found.equals(root)
}

/** Sizes do not fit the 32 bits of a shift. */
function half(value: number): number {
  return Math.floor(value / 2)
}
