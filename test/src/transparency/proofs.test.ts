import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { consistencyProof, isPrefix } from '../../../src/transparency/consistency-proof.ts'
import { inclusionProof, isIncluded } from '../../../src/transparency/inclusion-proof.ts'
import { LogTree } from '../../../src/transparency/log-tree.ts'
import { leafHash } from '../../../src/transparency/merkle-hash.ts'
import { entriesUpTo, MemoryLog, naiveConsistency, naivePath, naiveRoot } from './naive-tree.ts'

const entries = entriesUpTo(600)
const roots = new Map<number, Buffer>()
const rootAt = (size: number): Buffer => {
  const root = roots.get(size) ?? naiveRoot(entries.slice(0, size))
  roots.set(size, root)
  return root
}

/** A log as it lies there after appends of these numbers of entries. */
const grown = fc
  .array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constantFrom(255, 256, 257)), {
    minLength: 1,
    maxLength: 6,
  })
  .filter((steps) => sum(steps) <= entries.length)

function sum(steps: readonly number[]): number {
  return steps.reduce((total, step) => total + step, 0)
}

function grow(steps: readonly number[]): MemoryLog {
  const log = new MemoryLog()
  for (const step of steps) log.append(entries.slice(log.edge.size, log.edge.size + step))
  return log
}

test('proofs out of tiles are those of the naive tree, and hold', async () => {
  await fc.assert(
    fc.asyncProperty(grown, fc.nat(), fc.nat(), async (steps, a, b) => {
      const { edge, read } = grow(steps)
      const size = edge.size
      const all = entries.slice(0, size)
      const tree = new LogTree(size, read)
      expect(await tree.hash(0, size)).toEqual(rootAt(size))
      const leaf = a % size
      const path = await inclusionProof(tree, leaf)
      expect(path).toEqual(naivePath(leaf, all))
      expect(isIncluded(leafHash(all[leaf] ?? Buffer.of()), { leaf, size }, rootAt(size), path)).toBe(true)
      const older = 1 + (b % size)
      const proof = await consistencyProof(tree, older)
      expect(proof).toEqual(naiveConsistency(older, all))
      expect(isPrefix({ size: older, root: rootAt(older) }, { size, root: rootAt(size) }, proof)).toBe(true)
    }),
    { numRuns: 60 },
  )
})

test('every leaf and every prefix of every small tree is proved', async () => {
  for (let size = 1; size <= 20; size++) {
    const log = grow([size])
    const tree = new LogTree(size, log.read)
    for (let leaf = 0; leaf < size; leaf++) {
      const proof = await inclusionProof(tree, leaf)
      expect(isIncluded(leafHash(entries[leaf] ?? Buffer.of()), { leaf, size }, rootAt(size), proof)).toBe(
        true,
      )
    }
    for (let older = 0; older <= size; older++) {
      const proof = await consistencyProof(tree, older)
      const [from, to] = [older, size].map((each) => ({ size: each, root: rootAt(each) }))
      expect(isPrefix(from ?? never(), to ?? never(), proof)).toBe(true)
    }
  }
})

test('nothing else is proved by them', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 2, max: 300 }),
      fc.nat(),
      fc.nat(),
      fc.nat(),
      async (size, a, b, change) => {
        const tree = new LogTree(size, grow([size]).read)
        const root = rootAt(size)
        const leaf = a % size
        const path = await inclusionProof(tree, leaf)
        const hash = leafHash(entries[leaf] ?? Buffer.of())
        expect(isIncluded(leafHash(Buffer.from('other')), { leaf, size }, root, path)).toBe(false)
        expect(isIncluded(hash, { leaf: (leaf + 1) % size, size }, root, path)).toBe(false)
        expect(isIncluded(hash, { leaf, size }, root, spoilt(path, change))).toBe(false)
        const older = 1 + (b % (size - 1))
        const proof = await consistencyProof(tree, older)
        const [from, to] = [
          { size: older, root: rootAt(older) },
          { size, root },
        ]
        expect(isPrefix({ ...from, root: rootAt(older + 1) }, to, proof)).toBe(false)
        expect(isPrefix(from, { ...to, root: rootAt(size - 1) }, proof)).toBe(false)
        expect(isPrefix(from, to, spoilt(proof, change))).toBe(false)
        expect(isPrefix(to, from, proof)).toBe(false)
      },
    ),
    { numRuns: 60 },
  )
})

/** One hash changed, left out or added. */
function spoilt(proof: readonly Buffer[], change: number): Buffer[] {
  const copy = proof.map((hash) => Buffer.from(hash))
  const at = change % Math.max(1, copy.length)
  const hash = copy[at]
  if (change % 3 === 0 || hash === undefined) return [...copy, Buffer.alloc(32)]
  if (change % 3 === 1) return copy.filter((_, i) => i !== at)
  hash[change % 32] = (hash[change % 32] ?? 0) ^ 1
  return copy
}

test('a proof needs few tiles of a large log', async () => {
  const log = grow([600])
  const tree = new LogTree(600, log.read)
  await inclusionProof(tree, 300)
  await consistencyProof(tree, 299)
  expect(log.reads).toBeLessThanOrEqual(4)
})

function never(): never {
  throw new Error('there are two')
}
