import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { FileEntry } from '../../../manifests/entry.ts'
import { FileList } from '../../../src/client/file-list.ts'
import type { ModuleTree } from '../../../src/client/module-tree.ts'
import { planContents, writeContents } from '../../../src/client/write-contents.ts'
import { TreeWriter } from '../../../src/tree/tree-writer.ts'
import { noise } from '../../support/tree-recipe.ts'
import { fileIn, path as pathOf, scratch, sourceOf, treeOf } from './memory-tree.ts'

const stream = noise(1, 10_000)

function cut(...ends: readonly number[]): Uint8Array[] {
  return ends.map((end, i) => stream.subarray(ends[i - 1] ?? 0, end))
}

async function listOf(
  tree: ModuleTree,
  wanted: (entry: FileEntry) => boolean = () => true,
): Promise<FileList> {
  const list = new FileList(tree)
  for await (const item of tree.entries())
    if (item.entry.type === 'file' && wanted(item.entry)) list.add(item, item.entry)
  return list
}

const chunks = cut(1000, 3000, 3001, 7000, 10_000)
const files = [
  fileIn(stream, 'a', 0, 500),
  fileIn(stream, 'b', 500, 2000),
  fileIn(stream, 'c', 500, 2000),
  fileIn(stream, 'd', 600, 50),
  fileIn(stream, 'e', 2500, 6000),
  fileIn(stream, 'f', 9999, 1),
]

test('writes files that overlap, share spans, and reach over chunks', async () => {
  const tree = await treeOf({ name: 'm', chunks, entries: files })
  const needed = await listOf(tree)
  const plan = planContents(needed, tree)
  expect(plan.contentBytes).toBe(10_000)
  const { source, asked } = sourceOf(chunks)
  const root = scratch()
  using writer = new TreeWriter(root)
  let told = 0
  await writeContents(plan, needed, source, writer, { onBytes: (bytes) => void (told += bytes) })
  for (const { path, offset, size } of files) {
    expect(readFileSync(join(root, path)).equals(stream.subarray(offset, offset + size)), path).toBe(true)
  }
  expect(told).toBe(10_000)
  expect(asked).toHaveLength(chunks.length)
})

test.each([
  ['the first alone', ['a'], [0]],
  ['the last alone', ['f'], [4]],
  ['one that reaches over a chunk of a byte', ['e'], [1, 2, 3, 4]],
  ['two that share', ['b', 'c'], [0, 1]],
  ['two with a gap', ['d', 'f'], [0, 4]],
  ['none', [], []],
] as const)('plans the chunks that are needed for %s', async (_, names, wanted) => {
  const tree = await treeOf({ name: 'm', chunks, entries: files })
  const needed = await listOf(tree, ({ path }) => (names as readonly string[]).includes(path))
  const plan = planContents(needed, tree)
  expect(plan.chunks.map(({ start }) => start)).toEqual(wanted.map((i) => [0, 1000, 3000, 3001, 7000][i]))
  const { source, asked } = sourceOf(chunks)
  const root = scratch()
  using writer = new TreeWriter(root)
  await writeContents(plan, needed, source, writer)
  expect(asked).toHaveLength(wanted.length)
  for (const name of names) expect(readFileSync(join(root, name)).length).toBeGreaterThan(0)
})

test('takes several modules one after another', async () => {
  const other = noise(2, 5000)
  const tree = await treeOf(
    { name: 'm', chunks, entries: files },
    { name: 'n', chunks: [other], entries: [fileIn(other, 'aa', 100, 200), fileIn(other, 'z', 0, 5000)] },
  )
  const needed = await listOf(tree, ({ path }) => path !== 'a' && path !== 'b')
  const root = scratch()
  using writer = new TreeWriter(root)
  await writeContents(planContents(needed, tree), needed, sourceOf([...chunks, other]).source, writer)
  expect(readFileSync(join(root, 'z')).equals(other)).toBe(true)
  expect(readFileSync(join(root, 'aa')).equals(other.subarray(100, 300))).toBe(true)
  expect(readFileSync(join(root, 'e')).equals(stream.subarray(2500, 8500))).toBe(true)
})

test('puts the data of a sparse file where its holes are not', async () => {
  const sparse = {
    size: 1_000_000,
    data: [
      [4096, 100],
      [500_000, 3900],
    ] as const,
  }
  const tree = await treeOf({ name: 'm', chunks, entries: [fileIn(stream, 'holes', 900, 4000, sparse)] })
  const needed = await listOf(tree)
  const root = scratch()
  using writer = new TreeWriter(root)
  await writeContents(planContents(needed, tree), needed, sourceOf(chunks).source, writer)
  const expected = Buffer.alloc(1_000_000)
  stream.copy(expected, 4096, 900, 1000)
  stream.copy(expected, 500_000, 1000, 4900)
  expect(readFileSync(join(root, 'holes')).equals(expected)).toBe(true)
})

test('refuses a file whose chunks are not its content', async () => {
  const lying = { ...fileIn(stream, 'b', 500, 2000), offset: 501 }
  const tree = await treeOf({ name: 'm', chunks, entries: [lying] })
  const needed = await listOf(tree)
  using writer = new TreeWriter(scratch())
  const written = writeContents(planContents(needed, tree), needed, sourceOf(chunks).source, writer)
  await expect(written).rejects.toMatchObject({
    code: 'OBJECT_CORRUPT',
    message: expect.stringContaining('"/b"') as string,
  })
})

test('names the chunk that is not there, and starts nothing more', async () => {
  const tree = await treeOf({ name: 'm', chunks, entries: files })
  const needed = await listOf(tree)
  using writer = new TreeWriter(scratch())
  const { source } = sourceOf(chunks.slice(0, 2))
  const written = writeContents(planContents(needed, tree), needed, source, writer)
  await expect(written).rejects.toMatchObject({ code: 'OBJECT_MISSING' })
})

test('of files that share one content of several chunks, only the first is open until it is whole', async () => {
  const holes = { size: 20_000, data: [[8192, 6000]] as const }
  const shared = Array.from({ length: 60 }, (_, i) => fileIn(stream, `same-${100 + i}`, 2500, 6000))
  const apart = ['holes-1', 'holes-2'].map((at) => fileIn(stream, at, 2500, 6000, holes))
  const tree = await treeOf({ name: 'm', chunks, entries: [...apart, ...shared] })
  const needed = await listOf(tree)
  const root = scratch()
  using writer = new TreeWriter(root)
  const { source } = sourceOf(chunks)
  const before = readdirSync('/proc/self/fd').length
  let most = 0
  const done: number[] = []
  await writeContents(planContents(needed, tree), needed, source, writer, {
    onBytes: () => (most = Math.max(most, readdirSync('/proc/self/fd').length)),
    onFile: (file) => void done.push(file),
  })
  expect(most - before).toBeLessThan(10)
  expect(done.sort((a, b) => a - b)).toEqual(Array.from({ length: 62 }, (_, i) => i))
  for (const { path } of shared) {
    expect(readFileSync(join(root, path)).equals(stream.subarray(2500, 8500)), path).toBe(true)
  }
  const expected = Buffer.concat([Buffer.alloc(8192), stream.subarray(2500, 8500), Buffer.alloc(5808)])
  for (const { path } of apart) expect(readFileSync(join(root, path)).equals(expected), path).toBe(true)
})

test('puts files where it is told', async () => {
  const tree = await treeOf({ name: 'm', chunks, entries: files })
  const needed = await listOf(tree)
  const root = scratch()
  using writer = new TreeWriter(root)
  const { source } = sourceOf(chunks)
  await writeContents(planContents(needed, tree), needed, source, writer, {
    placeOf: (file) => pathOf(`at-${file}`),
  })
  expect(readdirSync(root).sort()).toEqual(files.map((_, i) => `at-${i}`))
  expect(readFileSync(join(root, 'at-4')).equals(stream.subarray(2500, 8500))).toBe(true)
})
