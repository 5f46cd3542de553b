import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { digestOf, emptyDigest } from '../../../manifests/digest.ts'
import { decodeEntry } from '../../../manifests/entry-line.ts'
import type { SourceEntry } from '../../../manifests/entry.ts'
import type { TreePath } from '../../../manifests/tree-path.ts'
import { EntrySpool } from '../../../src/ingest/entry-spool.ts'

const metadata = {
  uid: 0,
  gid: 5,
  mode: 0o644,
  mtime: { seconds: -3, nanos: 17 },
  xattrs: new Map([['user.x', Buffer.from([0, 255])]]),
}

function spool(): EntrySpool {
  const directory = mkdtempSync(join(tmpdir(), 'vend-spool-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  return new EntrySpool(join(directory, 'entries'))
}

function file(path: string, size: number, rest: object = {}): SourceEntry {
  return { type: 'file', path: path as TreePath, ...metadata, size, ...rest }
}

test('gives back what was added, with the places of the contents in their order', () => {
  using spooled = spool()
  const link: SourceEntry = { type: 'hardlink', path: 'b' as TreePath, target: 'a' as TreePath }
  const sparse = { sparse: { size: 100, data: [[10, 7]] } }
  const entries = [
    file('a', 5),
    link,
    file('c', 0),
    file('caf\xe9', 7, sparse),
    file('d', 0, { sparse: { size: 9, data: [] } }),
  ]
  for (const entry of entries) spooled.add(entry)
  expect(spooled.entries).toBe(5)
  let next = 0
  const place = (): { digest: `sha256:${string}`; offset: number } => {
    next++
    return { digest: digestOf(Buffer.from(String(next))), offset: next * 100 }
  }
  const lines = [...spooled.lines(place)].map((line) => decodeEntry(Buffer.from(line)))
  expect(next).toBe(2)
  const placed = [
    { digest: digestOf(Buffer.from('1')), offset: 100 },
    {},
    { digest: emptyDigest, offset: 0 },
    { digest: digestOf(Buffer.from('2')), offset: 200 },
    { digest: emptyDigest, offset: 0 },
  ]
  for (const [i, line] of lines.entries()) expect(line).toEqual({ ...entries[i], ...placed[i] })
  expect(lines).toHaveLength(entries.length)
})

test('holds more than fits into its buffers, and lines that lie across them', () => {
  using spooled = spool()
  const count = 9000
  const path = (i: number): string => `${String(i).padStart(6, '0')}-${'\xfc'.repeat(i % 200)}`
  for (let i = 0; i < count; i++) spooled.add(file(path(i), i))
  const place = { digest: digestOf(Buffer.from('x')), offset: 1 }
  let i = 0
  for (const line of spooled.lines(() => place)) {
    const entry = decodeEntry(Buffer.from(line))
    expect([entry.path, entry.type === 'file' ? entry.size : -1]).toEqual([path(i), i])
    i++
  }
  expect(i).toBe(count)
})
