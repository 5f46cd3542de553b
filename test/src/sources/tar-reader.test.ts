import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { SourceEntry } from '../../../manifests/entry.ts'
import { SourceError } from '../../../src/sources/errors.ts'
import { readTar } from '../../../src/sources/tar-reader.ts'
import { base256, memberOf, octal, pax, sign, tarOf, type MemberRecipe } from '../../corpus/tar-maker.ts'

async function* inPieces(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  for (let start = 0, i = 0; start < bytes.length; i++) {
    const end = start + (sizes[i % sizes.length] ?? bytes.length)
    yield await Promise.resolve(bytes.subarray(start, end))
    start = end
  }
}

interface Read {
  readonly entry: SourceEntry
  readonly content: string
}

async function readAll(
  bytes: Buffer,
  sizes: readonly number[] = [1 << 20],
  onLost?: (...lost: string[]) => void,
): Promise<Read[]> {
  const members: Read[] = []
  const options = { source: 'test.tar', ...(onLost !== undefined && { onLost }) }
  for await (const { entry, content } of readTar(inPieces(bytes, sizes), options)) {
    const pieces: Uint8Array[] = []
    for await (const piece of content) pieces.push(Uint8Array.from(piece))
    members.push({ entry, content: Buffer.concat(pieces).toString('latin1') })
  }
  return members
}

async function readOne(...members: readonly MemberRecipe[]): Promise<Read> {
  const [first] = await readAll(tarOf(members))
  if (first === undefined) throw new Error('there is no member')
  return first
}

describe('readTar', () => {
  it('reads every type', async () => {
    const device: MemberRecipe = {
      path: 'null',
      type: '3',
      patch: (header) => {
        header.write(octal(1, 7), 329)
        header.write(octal(3, 7), 337)
      },
    }
    const members = await readAll(
      tarOf([
        { path: './', type: '5', mode: 0o755 },
        { path: 'a', content: 'hello', mode: 0o4755, mtime: 77 },
        { path: 'contiguous', type: '7', content: 'c' },
        { path: 'b', type: '1', link: './a' },
        { path: 'l', type: '2', link: '../anything at all' },
        device,
        { path: 'p', type: '6' },
        { path: 'old/', type: '\0', mode: 0o700 },
      ]),
    )
    expect(members.map(({ entry }) => [entry.type, entry.path])).toEqual([
      ['directory', ''],
      ['file', 'a'],
      ['file', 'contiguous'],
      ['hardlink', 'b'],
      ['symlink', 'l'],
      ['character', 'null'],
      ['fifo', 'p'],
      ['directory', 'old'],
    ])
    expect(members[1]).toMatchObject({
      content: 'hello',
      entry: { mode: 0o4755, mtime: { seconds: 77, nanos: 0 }, size: 5 },
    })
    expect(members[3]?.entry).toEqual({ type: 'hardlink', path: 'b', target: 'a' })
    expect(members[4]?.entry).toMatchObject({ target: '../anything at all' })
    expect(members[5]?.entry).toMatchObject({ device: { major: 1, minor: 3 } })
  })

  it('reads names and values as bytes, whatever they are', async () => {
    const { entry } = await readOne(
      pax([
        'path=caf\xe9\xff/\xc3\xa9',
        'SCHILY.xattr.security.capability=\x01\x00=\n\xff',
        'SCHILY.xattr.user.\xc3\xa9=',
      ]),
      { path: 'x' },
    )
    expect(entry.path).toBe('caf\xe9\xff/\xc3\xa9')
    const xattrs =
      entry.type === 'file' ? [...entry.xattrs].map(([name, value]) => [name, Buffer.from(value)]) : []
    expect(xattrs).toEqual([
      ['security.capability', Buffer.from('01003d0aff', 'hex')],
      ['user.é', Buffer.alloc(0)],
    ])
  })

  it('reads the attributes of bsdtar, and takes a name that GNU tar escapes for what it is', async () => {
    const { entry } = await readOne(
      pax(['LIBARCHIVE.xattr.user.a%20b=AQID', 'SCHILY.xattr.user.e%3Dq%25=v']),
      { path: 'x' },
    )
    expect(
      entry.type === 'file' &&
        [...entry.xattrs].map(([name, value]) => `${name}=${Buffer.from(value).toString('hex')}`),
    ).toEqual(['user.a b=010203', 'user.e=q%=76'])
  })

  it.each([
    ['1700000000.123456789', 1_700_000_000, 123_456_789],
    ['1.5', 1, 500_000_000],
    ['7', 7, 0],
    ['-1.75', -2, 250_000_000],
    ['-3', -3, 0],
    ['0.0000000019', 0, 1],
    ['12.', 12, 0],
  ])('reads the time %s', async (text, seconds, nanos) => {
    const { entry } = await readOne(pax([`mtime=${text}`]), { path: 'x' })
    expect(entry).toMatchObject({ mtime: { seconds, nanos } })
  })

  it('reads numbers in base 256, negative times too', async () => {
    const { entry } = await readOne({
      path: 'x',
      patch: (header) => {
        base256(4_000_000_000n, 8).copy(header, 108)
        base256(-1n, 12).copy(header, 136)
      },
    })
    expect(entry).toMatchObject({ uid: 4_000_000_000, mtime: { seconds: -1, nanos: 0 } })
  })

  it('takes what a global header says for all that follow, and what a member says before it', async () => {
    const members = await readAll(
      tarOf([
        { path: 'before' },
        pax(['uid=5', 'mtime=9', 'comment=made by git'], 'g'),
        { path: 'after' },
        pax(['uid=6']),
        { path: 'own' },
      ]),
    )
    expect(members.map(({ entry }) => 'uid' in entry && [entry.uid, entry.mtime.seconds])).toEqual([
      [0, 0],
      [5, 9],
      [6, 9],
    ])
  })

  it('tells of what would be lost', async () => {
    const lost: string[][] = []
    await readAll(tarOf([pax(['SCHILY.fflags=nodump']), { path: 'a' }]), [512], (...one) => lost.push(one))
    expect(lost).toEqual([['a', 'file flags']])
  })

  it('takes a slash before names for the root when it is told to', async () => {
    const input = inPieces(tarOf([{ path: '/a' }, { path: '/b', type: '1', link: '/a' }]), [512])
    const entries = []
    for await (const { entry } of readTar(input, { source: 'layer', isRooted: true })) entries.push(entry)
    expect(entries).toEqual([
      expect.objectContaining({ path: 'a' }),
      { type: 'hardlink', path: 'b', target: 'a' },
    ])
  })

  it('passes over what nobody reads of a content', async () => {
    const paths = []
    const bytes = tarOf([{ path: 'large', content: Buffer.alloc(100_000) }, { path: 'next' }])
    for await (const { entry } of readTar(inPieces(bytes, [777]), { source: 'x' })) paths.push(entry.path)
    expect(paths).toEqual(['large', 'next'])
  })

  it('reads the same however the bytes come', async () => {
    const bytes = tarOf([
      pax([`path=${'p/'.repeat(200)}x`, 'mtime=1.5']),
      { path: 'x', content: 'content'.repeat(300) },
      { path: 'y', type: '2', link: 'z' },
    ])
    const expected = await readAll(bytes)
    const sizes = fc.array(fc.integer({ min: 1, max: 2000 }), { minLength: 1, maxLength: 5 })
    await fc.assert(
      fc.asyncProperty(sizes, async (each) => {
        expect(await readAll(bytes, each)).toEqual(expected)
      }),
      { numRuns: 50 },
    )
  })

  it('reads an archive, or says what is wrong with it, whatever the bytes are', async () => {
    const seed = Buffer.concat([
      memberOf(pax(['path=a/b', 'size=7', 'SCHILY.xattr.user.a=b'])),
      memberOf({ path: 'x', content: 'content' }),
      memberOf(
        pax(['GNU.sparse.major=1', 'GNU.sparse.minor=0', 'GNU.sparse.name=s', 'GNU.sparse.realsize=9']),
      ),
      memberOf({ path: 'x', content: `1\n0\n3\n${'\0'.repeat(506)}abc` }),
      memberOf({ path: 'h', type: '1', link: 'a/b' }),
      tarOf([{ path: 'S', type: 'S', patch: (header) => header.write(octal(512, 11), 483) }]),
    ])
    const change = fc.record({ at: fc.nat(seed.length - 1), to: fc.nat(255), isSigned: fc.boolean() })
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
        const bytes = Buffer.from(seed)
        for (const { at, to, isSigned } of changes) {
          bytes.writeUInt8(to, at)
          const start = at - (at % 512)
          if (isSigned) sign(bytes.subarray(start, start + 512))
        }
        await readAll(bytes).catch((error: unknown) => expect(error).toBeInstanceOf(SourceError))
      }),
      { numRuns: 500 },
    )
  })
})
