import { expect, test } from 'vitest'
import { FileList } from '../../../src/client/file-list.ts'
import { noise } from '../../support/tree-recipe.ts'
import { fileIn, treeOf } from './memory-tree.ts'

const stream = noise(8, 4000)

test('keeps files in the order of their streams, and finds their entries again', async () => {
  const count = 700
  const many = Array.from({ length: count }, (_, i) =>
    fileIn(stream, `f${String(i).padStart(4, '0')}`, (i * 7919) % 3900, 1 + (i % 90)),
  )
  const tree = await treeOf(
    { name: 'm', chunks: [stream], entries: many.filter((_, i) => i % 2 === 0) },
    { name: 'n', chunks: [stream], entries: many.filter((_, i) => i % 2 === 1) },
  )
  const list = new FileList(tree)
  for await (const item of tree.entries()) {
    if (item.entry.type === 'file') expect(list.add(item, item.entry)).toBe(list.count - 1)
  }
  expect(list.count).toBe(count)
  const order = [...list.inStreamOrder()].map((file) => ({ span: list.span(file), entry: list.entry(file) }))
  for (const [i, { span, entry }] of order.entries()) {
    const { module, offset, size } = span
    expect([entry.offset, entry.size]).toEqual([offset, size])
    const before = order[i - 1]?.span
    if (before === undefined) continue
    expect(before.module < module || (before.module === module && before.offset <= offset)).toBe(true)
  }
  expect(new Set(order.map(({ entry }) => entry.path)).size).toBe(count)
  expect(order.filter(({ span }) => span.module === 0)).toHaveLength(count / 2)
})
