import { expect, test } from 'vitest'
import { emptyDigest } from '../../../manifests/digest.ts'
import { encodeEntry } from '../../../manifests/entry-line.ts'
import type { SourceFileEntry, SparseMap } from '../../../manifests/entry.ts'
import { maxLineBytes } from '../../../manifests/manifest-decoder.ts'
import type { TreePath } from '../../../manifests/tree-path.ts'
import { fitEntry } from '../../../src/ingest/fit-entry.ts'

const plain: SourceFileEntry = {
  type: 'file',
  path: 'some/file' as TreePath,
  uid: 0,
  gid: 0,
  mode: 0o644,
  mtime: { seconds: 1, nanos: 0 },
  xattrs: new Map(),
  size: 5,
}

function sparse(data: SparseMap['data'], size: number): SourceFileEntry {
  return { ...plain, size: data.reduce((sum, [, length]) => sum + length, 0), sparse: { data, size } }
}

function attributes(count: number, bytes: number): ReadonlyMap<string, Buffer> {
  return new Map(Array.from({ length: count }, (_, i) => [`user.${i}`, Buffer.alloc(bytes)] as const))
}

function lineBytes(entry: SourceFileEntry): number {
  const placed = { ...entry, digest: emptyDigest, offset: Number.MAX_SAFE_INTEGER }
  return Buffer.byteLength(encodeEntry(placed))
}

test('what fits stays as it is', () => {
  for (const entry of [plain, sparse([[4096, 5]], 10_000), { ...plain, xattrs: attributes(11, 65_536) }]) {
    expect(fitEntry(entry, '/tree')).toBe(entry)
  }
})

test('a file with too many holes keeps the largest, and its content adds up', () => {
  const data: [number, number][] = []
  for (let i = 0; i < 100_000; i++) data.push([i * 8192 + Math.floor(i / 1000) * 1_000_000, 4096])
  const end = (data.at(-1)?.[0] ?? 0) + 4096
  const fitted = fitEntry(sparse(data, end + 10), '/tree')
  expect(fitted.sparse?.data).toHaveLength(100)
  expect(fitted.sparse?.size).toBe(end + 10)
  expect(fitted.size).toBe(fitted.sparse?.data.reduce((sum, [, length]) => sum + length, 0))
  expect(lineBytes(fitted)).toBeLessThanOrEqual(maxLineBytes)
})

test('a file whose last hole goes has none', () => {
  const data = Array.from({ length: 100_000 }, (_, i) => [i * 8192, 4096] as const)
  const size = 100_000 * 8192 - 4096
  expect(fitEntry(sparse(data, size), '/tree')).toEqual({ ...plain, size })
})

test('at the limit of a line', () => {
  const padding = (bytes: number): SourceFileEntry => ({
    ...plain,
    xattrs: new Map([...attributes(11, 65_536), ['user.last', Buffer.alloc(bytes)]]),
  })
  const fitting = Math.floor((maxLineBytes - lineBytes(padding(0))) / 4) * 3
  expect(fitEntry(padding(fitting), '/tree').xattrs.size).toBe(12)
  expect(() => fitEntry(padding(fitting + 3), '/tree')).toThrow()
})

test.each([
  ['too many attributes', { ...plain, xattrs: attributes(12, 65_536) }, /more extended attributes than/],
  [
    'too many attributes, and holes',
    { ...sparse([[10, 5]], 20), xattrs: attributes(12, 65_536) },
    /more extended attributes than/,
  ],
  [
    'an attribute without a name space',
    { ...plain, xattrs: new Map([['name', Buffer.alloc(1)]]) },
    /cannot be said/,
  ],
  ['a time beyond all integers', { ...plain, mtime: { seconds: 2 ** 60, nanos: 0 } }, /not a safe integer/],
])('%s: is refused by its name', (_, entry, message) => {
  expect(() => fitEntry(entry, '/tree')).toThrow(
    expect.objectContaining({
      code: 'TREE_UNSUPPORTED',
      message: expect.stringMatching(message) as string,
      path: 'some/file',
      tree: '/tree',
    }),
  )
})
