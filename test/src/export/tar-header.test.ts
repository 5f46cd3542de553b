import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { noXattrs, type SourceEntry, type InodeEntry } from '../../../manifests/entry.ts'
import { rootPath, treePathFromText, type TreePath } from '../../../manifests/tree-path.ts'
import { encodeTarHeader, endOfTar, paddingAfter } from '../../../src/export/tar-header.ts'
import { linkMember, memberOf } from '../../../src/export/tar-member.ts'
import { readTar } from '../../../src/sources/tar-reader.ts'
import { compareEntries } from '../../../src/tree/compare-entry.ts'
import { entriesAt, treePaths } from '../../support/format-arbitraries.ts'

const time = { seconds: 1_700_000_000, nanos: 0 }
const metadata = { mode: 0o640, uid: 3, gid: 4, mtime: time, xattrs: noXattrs }

async function readBack(...archive: readonly Buffer[]): Promise<SourceEntry[]> {
  const entries: SourceEntry[] = []
  async function* bytes(): AsyncGenerator<Buffer> {
    yield* await Promise.resolve([...archive, endOfTar()])
  }
  for await (const { entry } of readTar(bytes(), { source: 'test' })) entries.push(entry)
  return entries
}

function fifo(path: TreePath, changes: Partial<InodeEntry> = {}): InodeEntry {
  return { type: 'fifo', path, ...metadata, ...changes } as InodeEntry
}

describe('a header of a tar archive', () => {
  test('says all that an entry says', async () => {
    const sayable = treePaths
      .chain((path) => entriesAt(path, 1000))
      .filter((entry): entry is InodeEntry => entry.type !== 'hardlink' && isSayable(entry))
    await fc.assert(
      fc.asyncProperty(sayable, async (entry) => {
        if (entry.type === 'file') return
        const [read] = await readBack(encodeTarHeader(memberOf(entry)))
        expect(read?.path).toBe(entry.path)
        expect(read && compareEntries(read, entry)).toEqual([])
      }),
      { numRuns: 200 },
    )
  })

  test('is followed by as much as a file has, holes included', async () => {
    const entry = { type: 'file', path: treePathFromText('f'), ...metadata } as const
    const content = { size: 3, digest: 'sha256:00' as const, offset: 0 }
    const plain = memberOf({ ...entry, ...content })
    const sparse = memberOf({ ...entry, ...content, sparse: { size: 700, data: [[5, 3]] } })
    expect([plain.size, sparse.size]).toEqual([3, 700])
    const archive = [encodeTarHeader(plain), Buffer.from('abc'), paddingAfter(3)]
    expect(await readBack(...archive)).toEqual([{ ...entry, size: 3 }])
  })

  test('needs no pax header where ustar can say it', () => {
    const path = treePathFromText('a'.repeat(100))
    expect(encodeTarHeader(memberOf(fifo(path)))).toHaveLength(512)
    expect(encodeTarHeader(memberOf(fifo(path, { uid: 0o7777777 })))).toHaveLength(512)
  })

  test.each<[string, InodeEntry, string]>([
    ['a long name', fifo('n'.repeat(101) as TreePath), `111 path=${'n'.repeat(101)}\n`],
    ['a name that is not ASCII', fifo(treePathFromText('é')), '11 path=é\n'],
    ['an owner above 2,097,151', fifo(rootPath, { uid: 2_097_152 }), '15 uid=2097152\n'],
    [
      'a time with a fraction',
      fifo(rootPath, { mtime: { seconds: 7, nanos: 50_000_000 } }),
      '14 mtime=7.05\n',
    ],
    ['a time before 1970', fifo(rootPath, { mtime: { seconds: -1, nanos: 900_000_000 } }), '14 mtime=-0.1\n'],
    ['a time long before', fifo(rootPath, { mtime: { seconds: -12, nanos: 0 } }), '13 mtime=-12\n'],
    [
      'an attribute',
      fifo(rootPath, { xattrs: new Map([['user.x', Buffer.from('v')]]) }),
      '25 SCHILY.xattr.user.x=v\n',
    ],
  ])('says in pax %s', (_, entry, record) => {
    const header = encodeTarHeader(memberOf(entry)).toString('utf8')
    expect(header.length > 1024 && header[156] === 'x').toBe(true)
    expect(header).toContain(record)
  })

  test('says before a name that is not UTF-8 that it is binary', () => {
    const header = encodeTarHeader(memberOf(fifo('caf\xe9' as TreePath)))
    expect(header.toString('latin1')).toContain('21 hdrcharset=BINARY\n13 path=caf\xe9\n')
  })

  test('sorts attributes, in whatever order they came', () => {
    const [a, b] = [['user.a', Buffer.from('1')] as const, ['user.b', Buffer.from('2')] as const]
    const [one, other] = [
      fifo(rootPath, { xattrs: new Map([a, b]) }),
      fifo(rootPath, { xattrs: new Map([b, a]) }),
    ]
    expect(encodeTarHeader(memberOf(one))).toEqual(encodeTarHeader(memberOf(other)))
  })

  test('of a hard link has the metadata of what it leads to', async () => {
    const xattrs = new Map([['user.x', Buffer.from('v')]])
    const member = linkMember('b' as TreePath, fifo('a' as TreePath, { xattrs }))
    expect(member).toMatchObject({ mode: 0o640, uid: 3, gid: 4, mtime: time, xattrs, size: 0 })
    expect(await readBack(encodeTarHeader(member))).toEqual([{ type: 'hardlink', path: 'b', target: 'a' }])
  })
})

/** What planTar refuses. */
function isSayable(entry: InodeEntry): boolean {
  return ![...entry.xattrs.keys()].some((name) => /=|%3D|%25/.test(name))
}
