import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { defaultProfile } from '../../../src/chunking/profile.ts'
import { endsGroup } from '../../../src/chunking/small-files.ts'
import { treePathFromText } from '../../../manifests/tree-path.ts'
import { groupsOf, groupSizes, smallTree, type SmallFile } from '../../support/chunking-vectors.ts'
import { readVectors } from '../../support/format-vectors.ts'

const { minBytes, averageBytes, maxBytes, ownChunksBytes } = defaultProfile

function groupKeys(files: readonly SmallFile[]): string[] {
  return groupsOf(files, defaultProfile).map((group) =>
    group.map(({ path, bytes }) => `${path}:${bytes}`).join(),
  )
}

function groupBytes(group: readonly SmallFile[]): number {
  return group.reduce((sum, { bytes }) => sum + bytes, 0)
}

test.each(readVectors<{ seed: string; files: number }, number[]>('small-files.json'))(
  'groups: $comment',
  ({ input, expected }) => {
    expect(groupSizes(smallTree(input.seed, input.files), defaultProfile)).toEqual(expected)
  },
)

describe('a group', () => {
  const groups = groupsOf(smallTree('sizes', 5000), defaultProfile)

  test('has a chunk’s size, the last one aside', () => {
    const sizes = groups.slice(0, -1).map(groupBytes)
    expect(Math.min(...sizes)).toBeGreaterThanOrEqual(minBytes)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(maxBytes)
    const average = sizes.reduce((sum, bytes) => sum + bytes, 0) / sizes.length
    expect(average).toBeGreaterThan(averageBytes / 2)
    expect(average).toBeLessThan(averageBytes * 2)
  })

  test('ends where the next file might be too much, whatever its path', () => {
    for (const path of ['a', 'b', 'c', 'd'].map(treePathFromText)) {
      expect(endsGroup(path, 1, maxBytes - ownChunksBytes + 1, defaultProfile)).toBe(true)
      expect(endsGroup(path, ownChunksBytes - 1, minBytes - 1, defaultProfile)).toBe(false)
    }
  })
})

describe('one change in a tree', () => {
  const files = smallTree('stable', 3000)
  const before = groupKeys(files)
  const known = new Set(before)
  const other = fc.integer({ min: 1, max: ownChunksBytes - 1 })
  const place = fc.nat({ max: files.length - 1 })

  test.each([
    ['adds a file', (at: number, bytes: number) => files.toSpliced(at, 0, { path: between(at), bytes })],
    ['removes a file', (at: number) => files.toSpliced(at, 1)],
    ['changes a file’s size', (at: number, bytes: number) => files.with(at, { path: pathAt(at), bytes })],
  ])('that %s makes at most four new groups of some three hundred', (_, change) => {
    expect(before.length).toBeGreaterThan(250)
    fc.assert(
      fc.property(place, other, (at, bytes) => {
        const made = groupKeys(change(at, bytes)).filter((key) => !known.has(key))
        expect(made.length).toBeLessThanOrEqual(4)
      }),
      { numRuns: 60 },
    )
  })

  function pathAt(at: number) {
    return treePathFromText(files[at]?.path ?? '')
  }

  function between(at: number) {
    return treePathFromText(`${files[at - 1]?.path ?? 'stable/'}+`)
  }
})
