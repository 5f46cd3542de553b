import { expect, test } from 'vitest'
import { MissingFiles } from '../../../src/client/missing-files.ts'
import { ModuleContents } from '../../../src/client/module-contents.ts'
import { StreamOrder } from '../../../src/client/stream-order.ts'
import { noise } from '../../support/tree-recipe.ts'
import { fileIn, treeOf } from './memory-tree.ts'

const stream = noise(1, 10_000)
const files = [
  fileIn(stream, 'a', 0, 500),
  fileIn(stream, 'b', 500, 2000),
  fileIn(stream, 'c', 500, 2000),
  fileIn(stream, 'd', 0, 0),
  fileIn(stream, 'e', 2500, 7500),
]

async function missingBut(present: readonly string[]): Promise<MissingFiles> {
  const tree = await treeOf(
    { name: 'm', chunks: [stream], entries: files },
    { name: 'n', chunks: [stream], entries: [fileIn(stream, 'x', 500, 2000)] },
  )
  const missing = new MissingFiles(tree)
  for await (const item of tree.entries()) {
    if (item.entry.type === 'file') missing.add(item, item.entry, !present.includes(item.entry.path))
  }
  return missing
}

test('files of one content are found together, over modules, as long as they are missing', async () => {
  const missing = await missingBut(['c', 'e'])
  const { files: all } = missing
  const paths = (): string[] =>
    missing.withContent(files[1]?.digest ?? 'sha256:').map((file) => all.entry(file).path)
  expect(missing.count).toBe(3)
  expect(paths()).toEqual(['b', 'x'])
  missing.settle(missing.withContent(files[1]?.digest ?? 'sha256:')[0] as number)
  expect(paths()).toEqual(['x'])
  const list = missing.list()
  expect(Array.from({ length: list.count }, (_, file) => list.entry(file).path)).toEqual(['a', 'x'])
})

test('contents are known by where they start, missing or not', async () => {
  const { files: all } = await missingBut(['b'])
  const [first, second] = [0, 1].map((module) => new ModuleContents(all, new StreamOrder(all), module))
  expect(first?.sizeAt(500)).toBe(2000)
  expect(first?.entryAt(2500)?.path).toBe('e')
  expect(second?.entryAt(500)?.path).toBe('x')
  for (const position of [-1, 1, 499, 3000, 10_000]) expect(first?.sizeAt(position)).toBeUndefined()
  expect(second?.sizeAt(0)).toBeUndefined()
})
