import {
  closeSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { describe, expect, it } from 'vitest'
import { rootPath, treePathFromText } from '../../../manifests/tree-path.ts'
import { TreePathBlockedError, TreeWriteError } from '../../../src/tree/errors.ts'
import { TreeReader } from '../../../src/tree/tree-reader.ts'
import { TreeWriter } from '../../../src/tree/tree-writer.ts'
import type { ScratchDirectory } from './scratch-directory.ts'
import { scratchDirectory } from './scratch-directory.ts'

const path = treePathFromText

function put(writer: TreeWriter, name: string, text: string): void {
  const fd = writer.createFile(path(name))
  writeSync(fd, text)
  closeSync(fd)
}

/** `tree` with a writer's root, `outside` with what must not change. */
function planted(script: string): ScratchDirectory {
  const directory = scratchDirectory()
  directory.shell(
    `mkdir -p tree outside/sub; echo safe > outside/file; echo safe > outside/sub/file; cd tree\n${script}`,
  )
  return directory
}

function expectUntouched(directory: ScratchDirectory): void {
  const names = readdirSync(directory.in('outside'), { recursive: true, encoding: 'utf8' }).sort()
  expect(names).toEqual(['file', 'sub', 'sub/file'])
  for (const name of ['outside/file', 'outside/sub/file']) {
    expect(readFileSync(directory.in(name), 'utf8')).toBe('safe\n')
    expect(lstatSync(directory.in(name))).toMatchObject({ mode: 0o100644, nlink: 1 })
  }
  expect(lstatSync(directory.in('outside')).mode).toBe(0o40755)
}

describe('TreeWriter', () => {
  it('makes new files on which earlier names have no claim', () => {
    const directory = planted('echo old > a; ln a b')
    using writer = new TreeWriter(directory.in('tree'))
    put(writer, 'a', 'new')
    expect(readFileSync(directory.in('tree/a'), 'utf8')).toBe('new')
    expect(readFileSync(directory.in('tree/b'), 'utf8')).toBe('old\n')
    expect(lstatSync(directory.in('tree/a')).mode & 0o777).toBe(0o600)
  })

  it('keeps a directory for a directory, with what is in it', () => {
    const directory = planted('mkdir d; echo > d/kept')
    using writer = new TreeWriter(directory.in('tree'))
    writer.makeDirectory(path('d'))
    writer.makeDirectory(path('d/e'))
    writer.makeDirectory(rootPath)
    expect(readdirSync(directory.in('tree/d')).sort()).toEqual(['e', 'kept'])
  })

  it('goes on in a directory that was removed and made again', () => {
    const directory = planted('mkdir -p d/e')
    using writer = new TreeWriter(directory.in('tree'))
    put(writer, 'd/e/f', 'one')
    writer.remove(path('d'))
    writer.makeDirectory(path('d'))
    writer.makeDirectory(path('d/e'))
    put(writer, 'd/e/f', 'two')
    expect(readFileSync(directory.in('tree/d/e/f'), 'utf8')).toBe('two')
  })

  it('opens and clones regular files only', () => {
    const directory = planted('echo content > a; ln -s a link; mkfifo pipe; mkdir d')
    using writer = new TreeWriter(directory.in('tree'))
    const fd = writer.openFile(path('a'))
    writer.cloneFile(path('copy'), fd)
    closeSync(fd)
    expect(readFileSync(directory.in('tree/copy'), 'utf8')).toBe('content\n')
    for (const name of ['link', 'pipe', 'd']) {
      expect(() => writer.openFile(path(name))).toThrow(/it is not a regular file/)
    }
    expect(() => writer.openFile(path('none'))).toThrow(/^none in .*: could not open this file: ENOENT/)
  })

  it('leaves a symlink that is right, and makes others anew', () => {
    const directory = planted(
      'ln -s there right; ln -s elsewhere wrong; ln -s there one; ln one two; mkdir d',
    )
    using writer = new TreeWriter(directory.in('tree'))
    const inode = (name: string): number => lstatSync(directory.in(`tree/${name}`)).ino
    const before = ['right', 'two'].map(inode)
    for (const name of ['right', 'wrong', 'one', 'd']) writer.makeSymlink(path(name), 'there')
    expect(['right', 'two'].map(inode)).toEqual(before)
    expect(inode('one')).not.toBe(inode('two'))
    for (const name of ['right', 'wrong', 'one', 'd']) {
      expect(readlinkSync(directory.in(`tree/${name}`))).toBe('there')
    }
  })

  it('never takes the root for anything but a directory', () => {
    const directory = planted('')
    using writer = new TreeWriter(directory.in('tree'))
    expect(() => writer.remove(rootPath)).toThrow(TreeWriteError)
    expect(() => writer.createFile(rootPath)).toThrow(/always a directory/)
    expect(() => writer.makeSymlink(rootPath, 'x')).toThrow(TreeWriteError)
  })

  it('refuses to apply the metadata of another type', () => {
    const directory = planted('ln -s ../outside/file link')
    using writer = new TreeWriter(directory.in('tree'))
    const metadata = { mode: 0o777, uid: 0, gid: 0, mtime: { seconds: 0, nanos: 0 }, xattrs: new Map() }
    expect(() => writer.applyMetadata({ type: 'file', path: path('link'), size: 0, ...metadata })).toThrow(
      /this is not a file/,
    )
    expectUntouched(directory)
  })

  it('removes trees deeper than it keeps directories open', () => {
    const directory = planted('p=$(printf "d/%.0s" {1..1000}); mkdir -p $p; : > ${p}f; : > d/f')
    using writer = new TreeWriter(directory.in('tree'), { openDirectories: 50 })
    writer.remove(path('d'))
    writer.remove(path('d'))
    expect(readdirSync(directory.in('tree'))).toEqual([])
  })
})

describe('a symlink planted in the tree', () => {
  it.each(['link/new', 'link/sub/new', 'sub/link/new'])('on the way blocks %s', (name) => {
    const directory = planted('ln -s ../outside link; mkdir sub; ln -s ../../outside sub/link; echo > real')
    using writer = new TreeWriter(directory.in('tree'))
    const entry = { path: path(name), uid: 1, gid: 1, mtime: { seconds: 0, nanos: 0 }, xattrs: new Map() }
    const operations: (() => unknown)[] = [
      () => writer.createFile(path(name)),
      () => writer.makeDirectory(path(name)),
      () => writer.makeSymlink(path(name), 'x'),
      () => writer.makeFifo(path(name)),
      () => writer.makeHardlink(path(name), path('real')),
      () => writer.makeHardlink(path('real-too'), path(name.replace('new', 'file'))),
      () => writer.remove(path(name.replace('new', 'file'))),
      () => writer.openFile(path(name.replace('new', 'file'))),
      () => writer.applyMetadata({ ...entry, type: 'fifo', mode: 0o777 }),
    ]
    for (const operation of operations) expect(operation).toThrow(TreePathBlockedError)
    expectUntouched(directory)
  })

  it('at the end is replaced or refused, never followed', () => {
    const directory = planted(
      'for i in f d l p h; do ln -s ../outside/file $i; done; ln -s ../outside o; echo > real',
    )
    using writer = new TreeWriter(directory.in('tree'))
    put(writer, 'f', 'inside')
    writer.makeDirectory(path('d'))
    writer.makeSymlink(path('l'), 'elsewhere')
    writer.makeFifo(path('p'))
    writer.makeHardlink(path('h'), path('real'))
    writer.remove(path('o'))
    expect(readlinkSync(directory.in('tree/l'))).toBe('elsewhere')
    expect(lstatSync(directory.in('tree/d')).isDirectory()).toBe(true)
    expect(lstatSync(directory.in('tree/h')).nlink).toBe(2)
    expectUntouched(directory)
  })

  it('is what a hard link to it names', () => {
    const directory = planted('ln -s ../outside/file link')
    using writer = new TreeWriter(directory.in('tree'))
    writer.makeHardlink(path('again'), path('link'))
    expect(readlinkSync(directory.in('tree/again'))).toBe('../outside/file')
    expectUntouched(directory)
  })

  it('is removed with the directory it lies in, and nothing beyond it', () => {
    const directory = planted('mkdir d; ln -s ../../outside d/link; ln -s ../../outside/file d/file')
    using writer = new TreeWriter(directory.in('tree'))
    writer.remove(path('d'))
    expectUntouched(directory)
  })

  it('says what is in the way', () => {
    const directory = planted('ln -s ../outside link')
    using writer = new TreeWriter(directory.in('tree'))
    expect(() => writer.createFile(path('link/new'))).toThrow(
      `link/new in ${directory.in('tree')}: link is a symbolic link or not a directory, and is not followed`,
    )
  })
})

describe('TreeReader', () => {
  it('reads what lies at a path, and nothing through a symlink', () => {
    const directory = planted(
      'mkdir sub; echo text > sub/file; ln sub/file same; ln -s ../outside link; mkfifo pipe',
    )
    using reader = new TreeReader(directory.in('tree'))
    expect(reader.read(path('sub/file'))).toMatchObject({ type: 'file', size: 5 })
    expect(reader.read(path('link'))).toMatchObject({ type: 'symlink', target: '../outside' })
    expect(reader.read(rootPath)).toMatchObject({ type: 'directory', path: '' })
    for (const name of ['none', 'link/file', 'link/sub/file', 'sub/file/x', 'none/none']) {
      expect(reader.read(path(name))).toBeUndefined()
      expect(reader.openFile(path(name))).toBeUndefined()
    }
    for (const name of ['link', 'pipe', 'sub']) expect(reader.openFile(path(name))).toBeUndefined()
    const fd = reader.openFile(path('sub/file'))
    expect(fd === undefined ? undefined : readFileSync(fd, 'utf8')).toBe('text\n')
    if (fd !== undefined) closeSync(fd)
    expect(reader.isSameFile(path('sub/file'), path('same'))).toBe(true)
    expect(reader.isSameFile(path('sub/file'), path('link'))).toBe(false)
    expect(reader.isSameFile(path('none'), path('none'))).toBe(false)
  })
})

describe('DirectoryHandles of a writer', () => {
  it('stay within their number', () => {
    const directory = planted('')
    const openFds = (): number => readdirSync('/proc/self/fd').length
    const before = openFds()
    using writer = new TreeWriter(directory.in('tree'), { openDirectories: 10 })
    for (let i = 0; i < 50; i++) {
      writer.makeDirectory(path(`d${i}`))
      put(writer, `d${i}/file`, 'x')
    }
    expect(openFds() - before).toBeLessThanOrEqual(11)
    mkdirSync(directory.in('tree/late'))
    symlinkSync('x', directory.in('tree/late/link'))
    writeFileSync(directory.in('tree/late/file'), '')
    const fd = openSync(directory.in('tree/late/file'), 'r')
    closeSync(fd)
    writer.sync()
  })
})
