import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { FileEntry, SparseMap } from '../../../manifests/entry.ts'
import { hasContent } from '../../../src/client/has-content.ts'
import { TreeReader } from '../../../src/tree/tree-reader.ts'
import { noise } from '../../support/tree-recipe.ts'
import { failReadsOf } from './failing-reads.ts'
import { fileIn, scratch } from './memory-tree.ts'

const stream = noise(3, 3_000_000)
const tebibyte = 2 ** 40

function judge(root: string, entry: FileEntry): boolean {
  using reader = new TreeReader(root)
  return hasContent(reader, entry)
}

/** Of pieces at offsets, and holes between them. */
function write(size: number, ...pieces: readonly (readonly [number, Uint8Array])[]): string {
  const root = scratch()
  const fd = openSync(join(root, 'file'), 'w')
  onTestFinished(() => closeSync(fd))
  for (const [offset, bytes] of pieces) writeSync(fd, bytes, 0, bytes.length, offset)
  ftruncateSync(fd, size)
  return root
}

function sparse(size: number, ...data: readonly (readonly [number, number])[]): SparseMap {
  return { size, data }
}

test.each([0, 1, 1000, 3_000_000])('has the content of %i bytes that were written', (size) => {
  expect(judge(write(size, [0, stream.subarray(0, size)]), fileIn(stream, 'file', 0, size))).toBe(true)
})

test('has not another content, length or type, and is not nothing', () => {
  const entry = fileIn(stream, 'file', 0, 1000)
  const piece = stream.subarray(0, 1000)
  expect(judge(write(1000, [0, piece], [999, Buffer.from('x')]), entry)).toBe(false)
  expect(judge(write(999, [0, piece]), entry)).toBe(false)
  expect(judge(write(1001, [0, piece]), entry)).toBe(false)
  const root = scratch()
  expect(judge(root, entry)).toBe(false)
  mkdirSync(join(root, 'file'))
  expect(judge(root, entry)).toBe(false)
})

test.each<readonly [string, SparseMap, readonly (readonly [number, Uint8Array])[], boolean]>([
  ['the same holes', sparse(200_000, [65_536, 4096]), [[65_536, stream.subarray(0, 4096)]], true],
  ['data at the end', sparse(69_632, [65_536, 4096]), [[65_536, stream.subarray(0, 4096)]], true],
  ['data at the beginning', sparse(200_000, [0, 4096]), [[0, stream.subarray(0, 4096)]], true],
  ['finer holes', sparse(20_480, [5120, 4096]), [[5120, stream.subarray(0, 4096)]], true],
  [
    'no holes',
    sparse(200_000, [65_536, 4096]),
    [
      [0, Buffer.alloc(200_000)],
      [65_536, stream.subarray(0, 4096)],
    ],
    true,
  ],
  [
    'something in a hole',
    sparse(200_000, [65_536, 4096]),
    [
      [65_536, stream.subarray(0, 4096)],
      [150_000, Buffer.from([1])],
    ],
    false,
  ],
  [
    'something just after the data',
    sparse(200_000, [65_536, 4096]),
    [[65_536, stream.subarray(0, 4097)]],
    false,
  ],
  ['its data elsewhere', sparse(200_000, [65_536, 4096]), [[131_072, stream.subarray(0, 4096)]], false],
  ['another length', sparse(200_001, [65_536, 4096]), [[65_536, stream.subarray(0, 4096)]], false],
])('judges a sparse file with %s by its bytes', (_, map, pieces, expected) => {
  const length = map.size === 200_001 ? 200_000 : map.size
  expect(judge(write(length, ...pieces), fileIn(stream, 'file', 0, 4096, map))).toBe(expected)
})

test('a file that is only a hole is judged by its length, and by what is written into it', () => {
  const entry = fileIn(stream, 'file', 0, 0, sparse(70_000))
  expect(judge(write(70_000), entry)).toBe(true)
  expect(judge(write(70_000, [0, Buffer.alloc(70_000)]), entry)).toBe(true)
  expect(judge(write(70_000, [69_999, Buffer.from('x')]), entry)).toBe(false)
  expect(judge(write(69_999), entry)).toBe(false)
})

test('holes cost nothing, however long they are', () => {
  const root = write(tebibyte, [0, stream.subarray(0, 4096)], [tebibyte - 4096, stream.subarray(4096, 8192)])
  const entry = fileIn(stream, 'file', 0, 8192, sparse(tebibyte, [0, 4096], [tebibyte - 4096, 4096]))
  const started = performance.now()
  expect(judge(root, entry)).toBe(true)
  expect(performance.now() - started).toBeLessThan(2000)
})

test('a file without a hole in its entry may have some on the machine', () => {
  const zeros = Buffer.alloc(1_000_000)
  const root = write(1_000_000)
  expect(judge(root, fileIn(zeros, 'file', 0, zeros.length))).toBe(true)
  truncateSync(join(root, 'file'), 999_999)
  expect(judge(root, fileIn(zeros, 'file', 0, zeros.length))).toBe(false)
})

test.each([
  ['of data', fileIn(stream, 'file', 0, 4096)],
  ['of what should be a hole', fileIn(stream, 'file', 0, 0, sparse(4096))],
])('what cannot be read, %s, has not the content', (_, entry) => {
  const root = scratch()
  const content = entry.sparse === undefined ? stream.subarray(0, 4096) : Buffer.alloc(4096)
  writeFileSync(join(root, 'file'), content)
  expect(judge(root, entry)).toBe(true)
  failReadsOf(join(root, 'file'))
  expect(judge(root, entry)).toBe(false)
})
