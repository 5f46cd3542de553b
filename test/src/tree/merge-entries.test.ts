import { expect, test } from 'vitest'
import { treePathFromText } from '../../../manifests/tree-path.ts'
import { mergeEntries } from '../../../src/tree/merge-entries.ts'
import type { ManifestEntry } from '../../../src/tree/read-manifest.ts'

function sources(...lists: readonly (readonly string[])[]): {
  iterators: AsyncGenerator<ManifestEntry, void, undefined>[]
  ended: number[]
} {
  const ended: number[] = []
  const iterators = lists.map(async function* (list, index) {
    try {
      for (const name of list) {
        await Promise.resolve()
        if (name === '!') throw new Error('broken')
        const path = treePathFromText(name)
        yield { entry: { type: 'hardlink', path, target: path }, line: { position: 0, bytes: 1 } } as const
      }
    } finally {
      ended.push(index)
    }
  })
  return { iterators, ended }
}

test('walks side by side', async () => {
  const { iterators } = sources(['a', 'c'], [], ['b', 'c'])
  const groups = await Array.fromAsync(mergeEntries(iterators), ({ path, items }) => [
    path,
    items.flatMap((item, i) => (item === undefined ? [] : i)),
  ])
  expect(groups).toEqual([
    ['a', [0]],
    ['b', [2]],
    ['c', [0, 2]],
  ])
})

test('lets go of its sources when nobody wants the rest', async () => {
  const { iterators, ended } = sources(['a', 'b'], ['b', 'c'])
  for await (const { path } of mergeEntries(iterators)) if (path === 'a') break
  expect(ended).toEqual([0, 1])
})

test.each([
  ['at once', ['!']],
  ['later', ['a', '!']],
])('lets go of the others when one fails %s', async (_, failing) => {
  const { iterators, ended } = sources(['a', 'b', 'c'], failing)
  await expect(Array.fromAsync(mergeEntries(iterators))).rejects.toThrow('broken')
  expect(new Set(ended)).toEqual(new Set([0, 1]))
})
