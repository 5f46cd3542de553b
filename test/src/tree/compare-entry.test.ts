import { describe, expect, it } from 'vitest'
import { digestOf, emptyDigest } from '../../../manifests/digest.ts'
import type { Entry, FileEntry, Metadata } from '../../../manifests/entry.ts'
import { treePathFromText } from '../../../manifests/tree-path.ts'
import { compareEntries } from '../../../src/tree/compare-entry.ts'

const path = treePathFromText('usr/bin/program')
const metadata: Metadata = {
  mode: 0o755,
  uid: 0,
  gid: 0,
  mtime: { seconds: 1, nanos: 2 },
  xattrs: new Map([['user.a', Buffer.from('b')]]),
}
const file: FileEntry = { type: 'file', path, ...metadata, size: 3, digest: emptyDigest, offset: 0 }
const { mode: _mode, ...linkMetadata } = metadata
const symlink: Entry = { type: 'symlink', path, ...linkMetadata, target: 'a' }
const device: Entry = { type: 'block', path, ...metadata, device: { major: 1, minor: 2 } }
const hardlink: Entry = { type: 'hardlink', path, target: treePathFromText('a') }

describe('compareEntries', () => {
  it.each<[string, Entry, Entry, string[]]>([
    ['equal files elsewhere', file, { ...file, path: treePathFromText('x'), offset: 9 }, []],
    ['types', file, symlink, ['type']],
    ['modes', file, { ...file, mode: 0o4755 }, ['mode']],
    ['users', file, { ...file, uid: 1 }, ['owner']],
    ['groups', file, { ...file, gid: 1 }, ['owner']],
    ['nanoseconds', file, { ...file, mtime: { seconds: 1, nanos: 3 } }, ['mtime']],
    ['missing attributes', file, { ...file, xattrs: new Map() }, ['xattrs']],
    ['other attributes', file, { ...file, xattrs: new Map([['user.b', Buffer.from('b')]]) }, ['xattrs']],
    ['attribute values', file, { ...file, xattrs: new Map([['user.a', Buffer.from('c')]]) }, ['xattrs']],
    [
      'sizes and digests',
      file,
      { ...file, size: 4, digest: digestOf(Buffer.from('four')) },
      ['size', 'digest'],
    ],
    ['holes', file, { ...file, sparse: { size: 3, data: [[1, 2]] } }, ['sparse']],
    ['lengths with holes', file, { ...file, sparse: { size: 9, data: [[0, 3]] } }, ['size', 'sparse']],
    ['link targets', symlink, { ...symlink, target: 'b' }, ['target']],
    ['hard link targets', hardlink, { ...hardlink, target: path }, ['target']],
    ['device numbers', device, { ...device, device: { major: 1, minor: 3 } }, ['device']],
    [
      'several things',
      device,
      { ...device, mode: 0, uid: 5, device: { major: 0, minor: 0 } },
      ['mode', 'owner', 'device'],
    ],
  ])('tells %s apart', (_, a, b, aspects) => {
    expect(compareEntries(a, b)).toEqual(aspects)
    expect(compareEntries(b, a)).toEqual(aspects)
  })

  it('compares digests only where both are known', () => {
    const { digest: _digest, offset: _offset, ...source } = file
    expect(compareEntries(source, { ...file, digest: digestOf(Buffer.from('x')) })).toEqual([])
  })
})
