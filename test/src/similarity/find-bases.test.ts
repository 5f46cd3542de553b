import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { treePathFromText } from '../../../manifests/tree-path.ts'
import {
  BasisFinder,
  type Basis,
  type NewContent,
  type OldContent,
} from '../../../src/similarity/find-bases.ts'
import { sketchOf } from '../../../src/similarity/sketch.ts'
import { noise } from '../../support/tree-recipe.ts'

function fresh(path: string, bytes: Uint8Array): NewContent {
  return { path: treePathFromText(path), size: bytes.length, sketch: sketchOf(bytes) }
}

function old(ordinal: number, path: string, bytes: Uint8Array): OldContent {
  return { ordinal, ...fresh(path, bytes) }
}

/** With `edits` places changed, some of them longer or shorter than before. */
function edited(bytes: Uint8Array, edits: number, seed: number): Buffer {
  let content = Buffer.from(bytes)
  for (let i = 0; i < edits; i++) {
    const at = (Math.imul(seed + i, 2_654_435_761) >>> 0) % content.length
    const insert = noise(seed + i, i % 7)
    content = Buffer.concat([content.subarray(0, at), insert, content.subarray(at + (i % 5))])
  }
  return content
}

const reasons = (bases: readonly Basis[]) => bases.map(({ ordinal, reason }) => [ordinal, reason])

describe('among a thousand contents', () => {
  const contents = Array.from({ length: 1000 }, (_, i) => noise(i, 2000 + 37 * (i % 500)))
  const finder = new BasisFinder(
    contents.map((bytes, i) => old(i, `old/${i.toString(36)}-x${'y'.repeat(i)}`.slice(0, 250), bytes)),
  )

  test('the one that a content is an edited copy of is found, wherever it lies', () => {
    fc.assert(
      fc.property(fc.nat(999), fc.integer({ min: 1, max: 12 }), fc.nat(10_000), (i, edits, seed) => {
        const content = edited(contents[i] ?? Buffer.alloc(0), edits, seed)
        const [best] = finder.candidates(fresh('entirely/elsewhere', content))
        expect(best).toMatchObject({ ordinal: i, reason: 'similar' })
        expect(best?.similarity).toBeGreaterThan(0.3)
      }),
      { numRuns: 50 },
    )
  })

  test('none is found for what is like none of them', () => {
    expect(finder.candidates(fresh('entirely/elsewhere', noise(5000, 9000)))).toEqual([])
  })
})

describe('by its path', () => {
  const finder = new BasisFinder([
    old(0, 'usr/lib/libfoo.so.1.2', noise(0, 300)),
    old(1, 'usr/lib/libfoo.so', noise(1, 300)),
    old(2, 'usr/lib/modules/6.1.0-30/fs/ext4.ko', noise(2, 300)),
    old(3, 'usr/lib/modules/6.1.0-30/fs/xfs.ko', noise(3, 300)),
    old(4, 'opt/tool/share/theme/dark.css', noise(4, 300)),
    old(5, 'opt/tool/share/logo.svg', noise(5, 300)),
    old(6, 'srv/a/index.html', noise(6, 300)),
    old(6, 'srv/b/index.html', noise(6, 300)),
  ])

  test.each<[string, [number, string][]]>([
    ['usr/lib/libfoo.so', [[1, 'path']]],
    ['usr/lib/libfoo.so.1.3', [[0, 'name']]],
    ['usr/lib/modules/6.1.0-31/fs/ext4.ko', [[2, 'name']]],
    ['usr/share/tool/theme/dark.css', [[4, 'moved']]],
    ['usr/share/pixmaps/logo.svg', [[5, 'basename']]],
    ['srv/b/index.html', [[6, 'path']]],
    ['usr/bin/other', []],
  ])('%s', (path, expected) => {
    expect(reasons(finder.candidates(fresh(path, noise(100, 310))))).toEqual(expected)
  })

  test('the nearer size comes first where nothing else tells', () => {
    const many = new BasisFinder([1, 2, 3, 4].map((i) => old(i, `man/page.${i}`, noise(i, 100 * i))))
    const bases = many.candidates(fresh('man/page.9', noise(9, 310)))
    expect(reasons(bases)).toEqual([
      [3, 'name'],
      [4, 'name'],
      [2, 'name'],
    ])
  })

  test('a name that everything has says nothing', () => {
    const many = new BasisFinder(
      Array.from({ length: 40 }, (_, i) =>
        old(i, `${'d'.repeat(i + 1)}/e${'f'.repeat(i)}/__init__.py`, noise(i, 200)),
      ),
    )
    expect(many.candidates(fresh('x/y/__init__.py', noise(99, 200)))).toEqual([])
  })
})

describe('what is like the content', () => {
  const [a, b, c] = [noise(21, 90_000), noise(22, 90_000), noise(23, 90_000)]

  test('comes before what only has the path of another', () => {
    const finder = new BasisFinder([old(0, 'bin/tool', b), old(1, 'bin/helper', a)])
    const bases = finder.candidates(fresh('bin/tool', edited(a, 20, 1)))
    expect(reasons(bases)).toEqual([
      [1, 'similar'],
      [0, 'path'],
    ])
  })

  test('comes after what has the same path and is nearly as like', () => {
    const finder = new BasisFinder([
      old(0, 'bin/other', edited(a, 3, 1)),
      old(1, 'bin/tool', edited(a, 8, 2)),
    ])
    expect(finder.candidates(fresh('bin/tool', a))[0]).toMatchObject({ ordinal: 1, reason: 'path' })
  })

  test('in parts, when it was merged: those that together have it', () => {
    const finder = new BasisFinder([
      old(0, 'x/a', a),
      old(1, 'y/b', b),
      old(2, 'z/c', c),
      old(3, 'y/d', edited(b, 9, 3)),
    ])
    const bases = finder.candidates(fresh('all', Buffer.concat([a, b, c])))
    expect(new Set(bases.map(({ ordinal }) => (ordinal === 3 ? 1 : ordinal)))).toEqual(new Set([0, 1, 2]))
    expect(bases.map(({ reason }) => reason)).toEqual(['similar', 'part', 'part'])
  })

  test('as a whole, when it was split off', () => {
    const finder = new BasisFinder([old(0, 'all', Buffer.concat([a, b, c])), old(1, 'y', noise(24, 90_000))])
    expect(reasons(finder.candidates(fresh('b', edited(b, 5, 1))))).toEqual([[0, 'similar']])
  })

  test('is not told by features that very many have', () => {
    const licence = noise(30, 4000)
    const many = Array.from({ length: 100 }, (_, i) =>
      old(i, `f/${'g'.repeat(i + 1)}`, Buffer.concat([licence, noise(1000 + i, 4000)])),
    )
    const finder = new BasisFinder(many)
    const other = Buffer.concat([licence, noise(5000, 4000)])
    expect(finder.candidates(fresh('other', other))).toEqual([])
    const like = Buffer.concat([licence, edited(noise(1042, 4000), 3, 1)])
    expect(finder.candidates(fresh('other', like))[0]).toMatchObject({ ordinal: 42 })
  })
})

test('there are no more candidates than asked for', () => {
  const finder = new BasisFinder([1, 2, 3, 4, 5].map((i) => old(i, `a/x-${i}`, noise(1, 5000))))
  const content = fresh('a/x-9', noise(1, 5000))
  for (const limit of [0, 1, 2, 5]) expect(finder.candidates(content, limit)).toHaveLength(limit)
  expect(finder.candidates(content)).toHaveLength(3)
})

test('of nothing, nothing is found', () => {
  expect(new BasisFinder([]).candidates(fresh('a', noise(1, 5000)))).toEqual([])
})
