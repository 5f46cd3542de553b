import {
  appendFileSync,
  closeSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TreeChangedError, TreeReadError } from '../../../src/tree/errors.ts'
import { walkDirectory } from '../../../src/tree/walk-directory.ts'
import { entriesOf } from './copy-tree.ts'
import { scratchDirectory } from './scratch-directory.ts'

function pathsOf(root: string): string[] {
  return entriesOf(root).map(({ path }) => path)
}

describe('walkDirectory', () => {
  it('yields the contents of a directory after siblings that sort before them', () => {
    const directory = scratchDirectory()
    directory.shell('mkdir a a.d; touch a/x a-b a.d/y a0 B')
    expect(pathsOf(directory.path)).toEqual(['', 'B', 'a', 'a-b', 'a.d', 'a.d/y', 'a/x', 'a0'])
  })

  it('yields paths in the order of their bytes, whatever they are', () => {
    const byte = fc.constantFrom('a', 'A', 'z', '-', '.', '0', ' ', '\n', '\x01', '\x7f', '\xc3', '\xff')
    const name = fc.array(byte, { minLength: 1, maxLength: 3 }).map((bytes) => `${bytes.join('')}x`)
    const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join('/'))
    fc.assert(
      fc.property(fc.array(path, { maxLength: 30 }), (paths) => {
        const directory = scratchDirectory()
        const expected = new Set([''])
        for (const each of paths) {
          const names = each.split('/')
          for (let i = 1; i <= names.length; i++) expected.add(names.slice(0, i).join('/'))
          mkdirSync(Buffer.from(`${directory.path}/${each}`, 'latin1'), { recursive: true })
        }
        const sorted = [...expected]
          .map((each) => Buffer.from(each, 'latin1'))
          .sort((a, b) => Buffer.compare(a, b))
        expect(pathsOf(directory.path)).toEqual(sorted.map((each) => each.toString('latin1')))
        directory[Symbol.dispose]()
      }),
      { numRuns: 50 },
    )
  })

  it('calls the first path of an inode the file and the others links to it', () => {
    const directory = scratchDirectory()
    directory.shell(
      'mkdir z a; echo > z/file; ln z/file m; ln z/file a/first; echo > lonely; ln lonely ../out-$$; rm ../out-$$',
    )
    const links = entriesOf(directory.path).filter(({ type }) => type === 'hardlink')
    expect(links).toEqual([
      { type: 'hardlink', path: 'm', target: 'a/first' },
      { type: 'hardlink', path: 'z/file', target: 'a/first' },
    ])
  })

  it('does not call the only name inside the tree a link', () => {
    const directory = scratchDirectory()
    directory.shell('mkdir tree; echo > outside; ln outside tree/inside')
    expect(entriesOf(directory.in('tree')).map(({ type }) => type)).toEqual(['directory', 'file'])
  })

  it('clamps mtimes that are later than asked for, and no others', () => {
    const directory = scratchDirectory()
    for (const [name, mtime] of [
      ['early', 999.5],
      ['late', 1000.5],
    ] as const) {
      writeFileSync(directory.in(name), '')
      utimesSync(directory.in(name), mtime, mtime)
    }
    const entries = entriesOf(directory.path, { clampMtime: 1000 })
    expect(entries[1]).toMatchObject({ path: 'early', mtime: { seconds: 999, nanos: 500_000_000 } })
    expect(entries[2]).toMatchObject({ path: 'late', mtime: { seconds: 1000, nanos: 0 } })
  })

  it('passes directories as deep as a path can be', () => {
    const directory = scratchDirectory()
    directory.shell('p=$(printf "d/%.0s" {1..2047}); mkdir -p $p; : > ${p}f')
    const paths = pathsOf(directory.path)
    expect(paths.length).toBe(2049)
    expect(paths.at(-1)?.length).toBe(4095)
  })

  it('refuses a path longer than that', () => {
    const directory = scratchDirectory()
    directory.shell('for i in {1..17}; do mkdir $(printf "n%.0s" {1..250}); cd n*; done')
    expect(() => pathsOf(directory.path)).toThrow(/is a path of 4266 bytes; the limit is 4095/)
  })

  it('opens files for reading, and notices when one changes meanwhile', () => {
    const directory = scratchDirectory()
    writeFileSync(directory.in('file'), 'before')
    const walk = walkDirectory(directory.path)
    walk.next()
    const walked = walk.next().value
    if (walked?.open === undefined) throw new Error('not a file')
    const fd = walked.open()
    expect(readFileSync(fd, 'utf8')).toBe('before')
    walked.assertUnchanged(fd)
    appendFileSync(directory.in('file'), ' and after')
    expect(() => walked.assertUnchanged(fd)).toThrow(TreeChangedError)
    closeSync(fd)
    expect(() => walked.open()).toThrow(/^file in .*: changed while it was being read; stop what/)
    rmSync(directory.in('file'))
    symlinkSync('/etc/hostname', directory.in('file'))
    expect(() => walked.open()).toThrow(TreeChangedError)
    walk.return()
  })

  it.each([
    ['a file vanishes', 'rm b'],
    ['a file becomes a directory', 'rm b; mkdir b'],
    ['a directory becomes a symlink', 'mv c d; ln -s /etc c'],
    ['a directory becomes a file', 'rm -r c; touch c'],
    ['a directory vanishes', 'rm -r c'],
  ])('throws a TreeChangedError when %s', (_, change) => {
    const directory = scratchDirectory()
    directory.shell('mkdir c; touch a b c/file')
    const walk = walkDirectory(directory.path)
    walk.next()
    walk.next()
    directory.shell(change)
    expect(() => [...walk]).toThrow(TreeChangedError)
  })

  it('is not led outside by a directory replaced by a symlink after it was seen', () => {
    const directory = scratchDirectory()
    directory.shell('mkdir -p tree/a/b outside/b; touch tree/a/b/file outside/b/stolen')
    const walk = walkDirectory(directory.in('tree'))
    while (walk.next().value?.entry.path !== 'a') continue
    renameSync(directory.in('tree/a'), directory.in('away'))
    symlinkSync('../outside', directory.in('tree/a'))
    expect(() => [...walk]).toThrow(TreeChangedError)
  })

  it('says which tree cannot be opened', () => {
    expect(() => pathsOf('/nonexistent/tree')).toThrow(TreeReadError)
    expect(() => pathsOf('/etc/hostname')).toThrow(/\/etc\/hostname: could not be opened as a directory/)
  })

  it('closes what it opened when it is left early', () => {
    const directory = scratchDirectory()
    directory.shell('mkdir -p a/b/c; touch a/b/c/d')
    const openFds = (): number => readdirSync('/proc/self/fd').length
    const before = openFds()
    for (const { entry } of walkDirectory(directory.path)) if (entry.path === 'a/b/c') break
    expect(openFds()).toBe(before)
  })

  it('counts on the inode, not the name, of a link made meanwhile', () => {
    const directory = scratchDirectory()
    writeFileSync(directory.in('a'), '')
    const walk = walkDirectory(directory.path)
    walk.next()
    linkSync(directory.in('a'), directory.in('b'))
    expect([...walk].map(({ entry }) => entry.type)).toEqual(['file'])
  })
})
