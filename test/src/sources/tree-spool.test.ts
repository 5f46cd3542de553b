import { closeSync, readdirSync, readFileSync, statSync } from 'node:fs'
import * as fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { noXattrs, type SourceEntry } from '../../../manifests/entry.ts'
import { treePathFromText, type TreePath } from '../../../manifests/tree-path.ts'
import { TreeSpool } from '../../../src/sources/tree-spool.ts'
import { compareEntries } from '../../../src/tree/compare-entry.ts'
import { hashContent } from '../../../src/tree/file-content.ts'
import { walkDirectory } from '../../../src/tree/walk-directory.ts'
import { digestOf } from '../../../manifests/digest.ts'
import { scratchDirectory } from '../tree/scratch-directory.ts'

const metadata = { mode: 0o644, uid: 7, gid: 8, mtime: { seconds: 1000, nanos: 5 }, xattrs: noXattrs }

const path = treePathFromText

function file(at: string, size: number): Extract<SourceEntry, { type: 'file' }> {
  return { type: 'file', path: path(at), ...metadata, size }
}

function directory(at: string, mode = 0o755): SourceEntry {
  return { type: 'directory', path: path(at), ...metadata, mode }
}

function symlink(at: string, target: string): SourceEntry {
  const { mode: _, ...owner } = metadata
  return { type: 'symlink', path: path(at), ...owner, target }
}

function hardlink(at: string, target: string): SourceEntry {
  return { type: 'hardlink', path: path(at), target: path(target) }
}

const opened: TreeSpool[] = []

async function spoolOf(...puts: readonly (readonly [SourceEntry, string?])[]): Promise<TreeSpool> {
  const spool = await TreeSpool.create('test.tar')
  opened.push(spool)
  for (const [entry, content] of puts) await spool.put(entry, Buffer.from(content ?? ''))
  return spool
}

afterEach(async () => {
  for (const spool of opened.splice(0)) await spool[Symbol.asyncDispose]()
})

/** Paths in order, with what tells entries apart: content, target, mode. */
function listing(spool: TreeSpool): string[] {
  return Array.from(spool.finish().walk(), ({ entry, open }) => {
    if (entry.type === 'hardlink') return `${entry.path} = ${entry.target}`
    if (entry.type === 'symlink') return `${entry.path} -> ${entry.target}`
    if (open === undefined) return `${entry.path}/ ${'mode' in entry ? entry.mode.toString(8) : ''}`
    const fd = open()
    try {
      return `${entry.path}: ${readFileSync(fd, 'utf8')}`
    } finally {
      closeSync(fd)
    }
  })
}

describe('TreeSpool', () => {
  it('gives in the order of manifests what was put in any order, with the directories that are implied', async () => {
    const spool = await spoolOf(
      [file('a/x', 1), 'X'],
      [file('b/c/d', 1), 'D'],
      [file('a-b', 1), 'B'],
      [directory('a', 0o700)],
    )
    expect(listing(spool)).toEqual(['/ 755', 'a/ 700', 'a-b: B', 'a/x: X', 'b/ 755', 'b/c/ 755', 'b/c/d: D'])
    expect(spool.entries).toBe(7)
  })

  it('gives implied directories what it is told to', async () => {
    const spool = await spoolOf([file('d/f', 0)])
    const mtime = { seconds: 9, nanos: 0 }
    const [root, implied] = spool.finish({ ...metadata, mode: 0o711, mtime }).walk()
    expect(root?.entry).toMatchObject({ path: '', mode: 0o711, mtime })
    expect(implied?.entry).toMatchObject({ path: 'd', type: 'directory', uid: 7 })
  })

  it('keeps every fact of an entry', async () => {
    const xattrs = new Map([['user.long', Buffer.alloc(3000, 0xe9)]])
    const entries: SourceEntry[] = [
      { ...file('plain', 2), xattrs, mtime: { seconds: -3, nanos: 999_999_999 } },
      { type: 'block', path: path('disk'), ...metadata, device: { major: 259, minor: 70_000 } },
      { type: 'fifo', path: path('pipe'), ...metadata, mode: 0o4711 },
      { ...symlink('caf\xe9', 'target \xff'), path: 'caf\xe9\xff' as TreePath },
    ]
    const spool = await spoolOf(...entries.map((each) => [each, each.type === 'file' ? 'hi' : ''] as const))
    const walked = Array.from(spool.finish().walk(), ({ entry }) => entry).slice(1)
    const sorted = entries.toSorted((a, b) => (a.path < b.path ? -1 : 1))
    expect(walked.map((each) => compareEntriesAt(each, sorted))).toEqual(sorted.map(() => []))
  })

  it('calls the first name of an inode the file, whichever was put first', async () => {
    const spool = await spoolOf(
      [file('m', 5), 'hello'],
      [hardlink('z', 'm')],
      [hardlink('a/first', 'z')],
      [symlink('s', 'm')],
      [hardlink('r', 's')],
    )
    expect(listing(spool)).toEqual([
      '/ 755',
      'a/ 755',
      'a/first: hello',
      'm = a/first',
      'r -> m',
      's = r',
      'z = a/first',
    ])
  })

  it('leaves a hard link its content when something else takes the place of its target', async () => {
    const spool = await spoolOf(
      [file('a', 3), 'old'],
      [hardlink('b', 'a')],
      [file('a', 3), 'new'],
      [hardlink('c', 'a')],
    )
    expect(listing(spool)).toEqual(['/ 755', 'a: new', 'b: old', 'c = a'])
  })

  it('replaces a directory by something else with all below, and by a directory keeps what is in it', async () => {
    const spool = await spoolOf([file('d/e/f', 1), 'F'], [file('k/f', 1), 'K'])
    await spool.put(directory('k', 0o700))
    await spool.put(file('d', 1), Buffer.from('D'))
    expect(listing(spool)).toEqual(['/ 755', 'd: D', 'k/ 700', 'k/f: K'])
    expect(spool.entries).toBe(4)
  })

  it('finds, lists and removes', async () => {
    const spool = await spoolOf([file('d/b', 1), 'B'], [file('d/a/x', 1), 'X'], [hardlink('l', 'd/b')])
    expect(spool.children(path('d'))).toEqual(['a', 'b'])
    expect(spool.children(path('d/b'))).toEqual([])
    expect(spool.find(path('l'))).toMatchObject({ type: 'file', path: 'l', size: 1 })
    expect(spool.remove(path('d'))).toBe(true)
    expect(spool.remove(path('d'))).toBe(false)
    expect(spool.find(path('d/b'))).toBeUndefined()
    const fd = spool.open(path('l')) ?? -1
    expect(readFileSync(fd, 'utf8')).toBe('B')
    closeSync(fd)
    expect(listing(spool)).toEqual(['/ 755', 'l: B'])
    expect(spool.entries).toBe(2)
  })

  it('clamps mtimes that are later than asked for', async () => {
    const spool = await spoolOf([file('f', 0)])
    const mtimes = Array.from(
      spool.finish().walk({ clampMtime: 999 }),
      ({ entry }) => 'mtime' in entry && entry.mtime,
    )
    expect(mtimes).toEqual([
      { seconds: 0, nanos: 0 },
      { seconds: 999, nanos: 0 },
    ])
  })

  it('keeps sparse files sparse', async () => {
    const size = 1 << 30
    const data = [
      [4096, 3],
      [size - 4096, 4096],
    ] as const
    const entry = { ...file('holes', 4099), sparse: { size, data } }
    const content = Buffer.alloc(4099, 'q')
    const spool = await spoolOf([entry, content.toString()])
    const [, walked] = spool.finish().walk()
    const fd = walked?.open?.() ?? -1
    expect(statSync(`/proc/self/fd/${fd}`).blocks * 512).toBeLessThan(1 << 20)
    expect(hashContent(fd, entry)).toBe(digestOf(content))
    closeSync(fd)
    expect(walked?.entry).toEqual(entry)
  })

  it('takes contents piece by piece', async () => {
    const spool = await spoolOf()
    const pieces = async function* (): AsyncGenerator<Uint8Array> {
      yield Promise.resolve(Buffer.from('one '))
      yield Promise.resolve(Buffer.from('two'))
    }
    await spool.put(file('f', 7), pieces())
    expect(listing(spool)).toEqual(['/ 755', 'f: one two'])
  })

  it('reads entries back while more are put', async () => {
    const spool = await spoolOf()
    for (let i = 0; i < 3000; i++) {
      const target = `${i} `.repeat(60)
      await spool.put(symlink(`s${i}`, target))
      expect(spool.find(path(`s${i}`))).toMatchObject({ target })
      expect(spool.find(path(`s${i >> 1}`))).toMatchObject({ target: `${i >> 1} `.repeat(60) })
    }
  })

  it.each([
    [
      'SOURCE_REFUSED',
      'through',
      [[symlink('l', '/etc')], [file('l/passwd', 0)]],
      'l/passwd in test.tar: lies below l, which is a symbolic link',
    ],
    [
      'SOURCE_REFUSED',
      'below a file',
      [[file('f', 0)], [directory('f/d/e')]],
      'lies below f, which is a file',
    ],
    [
      'SOURCE_REFUSED',
      'link to nothing',
      [[hardlink('b', 'a')]],
      'b in test.tar: is a hard link to a, which is not there',
    ],
    [
      'SOURCE_REFUSED',
      'link to a directory',
      [[directory('a')], [hardlink('b', 'a')]],
      'which is a directory',
    ],
    ['SOURCE_REFUSED', 'link to itself', [[hardlink('b', 'b')]], 'hard link to itself'],
    ['SOURCE_REFUSED', 'root that is a file', [[file('', 0)]], 'root of the tree'],
    [
      'SOURCE_REFUSED',
      'path',
      [[{ ...file('x', 0), path: 'a/../b' as TreePath }]],
      'a/../b in test.tar: has the component ".."',
    ],
    [
      'SOURCE_REFUSED',
      'mtime',
      [[{ ...file('x', 0), mtime: { seconds: 2 ** 60, nanos: 0 } }]],
      'cannot be said in a manifest',
    ],
    [
      'SOURCE_DAMAGED',
      'too long',
      [[file('f', 2), 'xyz']],
      'f in test.tar: its content goes on after its 2 bytes',
    ],
    [
      'SOURCE_DAMAGED',
      'too short',
      [[file('f', 4), 'xyz']],
      'f in test.tar: its content ends after 3 of its 4 bytes',
    ],
  ] as const)('refuses with %s: %s', async (code, _, puts, words) => {
    const filling = spoolOf(...(puts as unknown as [SourceEntry, string?][]))
    await expect(filling).rejects.toMatchObject({ code, message: expect.stringContaining(words) as string })
  })

  it('refuses what comes twice if told to, but for a directory that says the same', async () => {
    const spool = await spoolOf([directory('d')], [file('f', 0)])
    const refuse = { ifThere: 'refuse' } as const
    await spool.put(directory('d'), [], refuse)
    await expect(spool.put(directory('d', 0o700), [], refuse)).rejects.toThrow('differ in mode')
    await expect(spool.put(file('f', 0), [], refuse)).rejects.toMatchObject({ code: 'SOURCE_CONFLICT' })
    await expect(spool.put(directory('f'), [], refuse)).rejects.toThrow('there is a file of that name')
    await expect(spool.put(symlink('d', 'x'), [], refuse)).rejects.toThrow(
      'there is a directory of that name',
    )
  })

  it('bounds the entries, also those that are implied', async () => {
    const spool = await TreeSpool.create('deep.tar', { maxEntries: 50 })
    opened.push(spool)
    await expect(spool.put(directory('a/'.repeat(60).slice(0, -1)))).rejects.toMatchObject({
      code: 'SOURCE_TOO_LARGE',
    })
  })

  it('leaves nothing behind', async () => {
    const scratch = scratchDirectory()
    vi.stubEnv('TMPDIR', scratch.path)
    try {
      const spool = await TreeSpool.create('x')
      await spool.put(file('f', 1), Buffer.from('x'))
      expect(readdirSync(scratch.path)).toHaveLength(1)
      await spool[Symbol.asyncDispose]()
      expect(readdirSync(scratch.path)).toEqual([])
    } finally {
      vi.unstubAllEnvs()
    }
  })

  it('walks any tree as the directory of the same entries is walked', async () => {
    const name = fc.constantFrom('a', 'b', 'a.b', 'a-b', 'a0', 'A', 'z')
    const paths = fc.array(
      fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join('/')),
      {
        maxLength: 20,
      },
    )
    await fc.assert(
      fc.asyncProperty(paths, fc.integer(), async (each, seed) => {
        const tree = scratchDirectory()
        tree.shell(['true', ...each.map((one) => `mkdir -p ${one}`)].join('\n'))
        const walked = Array.from(walkDirectory(tree.path), ({ entry }) => entry)
        const shuffled = walked.toSorted((a, b) => hash(a.path, seed) - hash(b.path, seed))
        await using spool = await TreeSpool.create('any')
        for (const entry of shuffled) await spool.put(entry)
        expect(Array.from(spool.finish().walk(), ({ entry }) => entry)).toEqual(walked)
      }),
      { numRuns: 20 },
    )
  })
})

function compareEntriesAt(entry: SourceEntry, all: readonly SourceEntry[]): string[] {
  const same = all.find((each) => each.path === entry.path)
  return same === undefined ? ['path'] : compareEntries(entry, same)
}

function hash(text: string, seed: number): number {
  let sum = seed
  for (const character of text) sum = Math.imul(sum ^ (character.codePointAt(0) ?? 0), 0x01_00_01_93)
  return sum
}
