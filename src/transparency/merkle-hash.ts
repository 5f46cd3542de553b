import { createHash, hash } from 'node:crypto'

/** The Merkle tree of RFC 6962 §2.1, over SHA-256: every hash is 32 bytes. */

export const hashBytes = 32

const leafPrefix = Uint8Array.of(0)
const nodePrefix = Uint8Array.of(1)

/** Of a tree without leaves. */
export function emptyRoot(): Buffer {
  return hash('sha256', '', 'buffer')
}

export function leafHash(entry: Uint8Array): Buffer {
  return createHash('sha256').update(leafPrefix).update(entry).digest()
}

export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  return createHash('sha256').update(nodePrefix).update(left).update(right).digest()
}

/**
 * The root over hashes that stand for subtrees of one size, of which only the last may be smaller. Throws a RangeError
 * when there are none: how the root of nothing is spelled depends on the height.
 */
export function rootOver(hashes: readonly Buffer[]): Buffer {
  const [first] = hashes
  if (first === undefined) throw new RangeError('a root over no hashes')
  if (hashes.length === 1) return first
  const split = splitOf(hashes.length)
  return nodeHash(rootOver(hashes.slice(0, split)), rootOver(hashes.slice(split)))
}

/** Where a tree of so many leaves (at least 2) is divided: the largest power of two below their number. */
export function splitOf(leaves: number): number {
  let split = 1
  while (split * 2 < leaves) split *= 2
  return split
}
