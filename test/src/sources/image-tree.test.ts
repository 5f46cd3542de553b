import {
  chmodSync,
  closeSync,
  mkdtempSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { imageEntry, imagePath } from '../../../manifests/image.ts'
import { emptyDigest } from '../../../manifests/digest.ts'
import type { Entry } from '../../../manifests/entry.ts'
import { ImageTree, openImage } from '../../../src/sources/image-tree.ts'
import { hashContent } from '../../../src/tree/file-content.ts'

const directory = mkdtempSync(join(tmpdir(), 'vend-image-tree-'))

function file(name: string, bytes: string): string {
  const path = join(directory, name)
  writeFileSync(path, bytes)
  return path
}

/** Its entries with digests, as a manifest has them. */
function entriesOf(path: string): Entry[] {
  const entries: Entry[] = []
  for (const walked of new ImageTree(path).walk()) {
    if (walked.open === undefined) {
      entries.push(walked.entry)
      continue
    }
    const fd = walked.open()
    entries.push({ ...walked.entry, digest: hashContent(fd, walked.entry), offset: 0 })
    walked.assertUnchanged(fd)
    closeSync(fd)
  }
  return entries
}

test('the same bytes are the same tree, whatever the file is like', () => {
  const one = file('vmlinuz-1', 'kernel')
  const other = file('bzImage', 'kernel')
  chmodSync(other, 0o751)
  utimesSync(other, 5, 5)
  symlinkSync('bzImage', join(directory, 'link'))
  expect(entriesOf(one)).toEqual(entriesOf(other))
  expect(entriesOf(join(directory, 'link'))).toEqual(entriesOf(one))
  expect(entriesOf(one).map(({ path }) => path)).toEqual(['', imagePath])
  expect(imageEntry(entriesOf(one))).toMatchObject({
    mode: 0o644,
    uid: 0,
    mtime: { seconds: 0, nanos: 0 },
    size: 6,
  })
})

test('holes are zeros', () => {
  const path = file('sparse', 'x')
  truncateSync(path, 200_000)
  const [, entry] = entriesOf(path)
  expect(entry).toMatchObject({ size: 200_000 })
  expect(entry).not.toHaveProperty('sparse')
})

test('a file that changes meanwhile is found out', () => {
  const path = file('changing', 'before')
  const [, walked] = [...new ImageTree(path).walk()]
  writeFileSync(path, 'after that')
  expect(() => walked?.open?.()).toThrow(/changed while it was being read/)
})

test('what is no image is refused', async () => {
  await expect(openImage(join(directory, 'none'))).rejects.toMatchObject({ code: 'SOURCE_UNREADABLE' })
  await expect(openImage(directory)).rejects.toThrow(/is not a regular file/)
  await expect(openImage(file('empty', ''))).rejects.toThrow(/is empty/)
})

test('a manifest with anything else is no image', () => {
  const [root, image] = entriesOf(file('a', 'a')) as [Entry, Extract<Entry, { type: 'file' }>]
  const wrong: Entry[][] = [
    [root],
    [root, image, { ...image, path: 'more' as typeof image.path }],
    [root, { ...image, path: 'other' as typeof image.path }],
    [root, { ...image, size: 0, digest: emptyDigest }],
    [root, { ...image, sparse: { size: 9, data: [[0, 1]] } }],
    [root, { ...root, path: imagePath }],
  ]
  for (const entries of wrong) expect(() => imageEntry(entries)).toThrow(/^image module: /)
})
