import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, mkdirSync, readdirSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { SourceEntry } from '../../../manifests/entry.ts'
import type { TreePath } from '../../../manifests/tree-path.ts'
import { treePathFromText } from '../../../manifests/tree-path.ts'
import { TreeError } from '../../../src/tree/errors.ts'
import { ContentWriter } from '../../../src/tree/file-content.ts'
import { refuseMounts } from '../../../src/tree/refuse-mounts.ts'
import { TreeWriter } from '../../../src/tree/tree-writer.ts'
import { walkDirectory } from '../../../src/tree/walk-directory.ts'
import { differencesBetween } from '../../support/judge.ts'
import { entriesOf } from './copy-tree.ts'
import { plainScript } from './nasty-tree.ts'
import type { ScratchDirectory } from './scratch-directory.ts'
import { scratchDirectory } from './scratch-directory.ts'

const path = treePathFromText
const isRoot = process.geteuid?.() === 0
if (!isRoot) process.stderr.write('tree-writer.integration: skipped, not root\n')

function script(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url))
}

/** A new file system of a kind, mounted on `name` until the test is over. */
function mount(directory: ScratchDirectory, name: string, options: string): void {
  mkdirSync(directory.in(name), { recursive: true })
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', directory.in(name)])
  onTestFinished(() => void execFileSync('umount', [directory.in(name)]))
}

function failureOf(action: () => unknown): TreeError {
  try {
    action()
  } catch (error) {
    if (error instanceof TreeError) return error
    throw error
  }
  throw new Error('it did not fail')
}

describe.skipIf(!isRoot)('a tree that somebody changes while it is written', () => {
  it('never leads outside', { timeout: 120_000 }, async () => {
    const directory = scratchDirectory()
    directory.shell(
      'mkdir -p tree/a/b tree/c/d outside/b outside/d; echo safe > outside/file; echo safe > outside/b/t; cd tree; ln -s ../outside a-link; ln -s ../outside c-link; echo > t; ln -s ../outside/file t-link; echo > a/b/t; ln -s ../../../outside/file a/b/t-link',
    )
    const before = entriesOf(directory.in('outside'))
    const pairs = ['a', 'a-link', 'c', 'c-link', 't', 't-link', 'a/b/t', 'a/b/t-link'].map((name) =>
      directory.in(`tree/${name}`),
    )
    const swapper = spawn(process.execPath, [script('swap-forever.ts'), ...pairs], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const exited = once(swapper, 'exit')
    await once(swapper.stdout, 'data')
    const outcome = writeThroughSwaps(directory.in('tree'))
    swapper.kill()
    await exited
    expect(entriesOf(directory.in('outside'))).toEqual(before)
    // Both must have happened for the race to have been one.
    expect(outcome.done).toBeGreaterThan(1000)
    expect(outcome.refused).toBeGreaterThan(100)
  })
})

function writeThroughSwaps(tree: string): { done: number; refused: number } {
  using writer = new TreeWriter(tree, { openDirectories: 1 })
  const counts = { done: 0, refused: 0 }
  const attempt = (action: () => void): void => {
    try {
      action()
      counts.done += 1
    } catch (error) {
      if (!(error instanceof TreeError)) throw error
      counts.refused += 1
    }
  }
  for (let i = 0; i < 20_000; i++) {
    const name = i % 2 === 0 ? path(`a/b/file-${i}`) : path(`c/d/file-${i}`)
    attempt(() => closeSync(writer.createFile(name)))
    if (i % 4 === 0) attempt(() => writer.remove(name))
    attempt(() => writer.applyMetadata(plainFile(path(i % 3 === 0 ? 't' : 'a/b/t'))))
    if (i % 50 === 0) attempt(() => closeSync(writer.openFile(path('t'))))
  }
  return counts
}

function plainFile(name: TreePath): SourceEntry {
  const xattrs = new Map([['user.mark', Buffer.from('x')]])
  return {
    type: 'file',
    path: name,
    size: 0,
    mode: 0o4777,
    uid: 99,
    gid: 99,
    mtime: { seconds: 1, nanos: 1 },
    xattrs,
  }
}

describe.skipIf(!isRoot)('an ordinary user', () => {
  it('writes what it may, and is told what could not be kept', () => {
    const directory = scratchDirectory()
    directory.shell(`chmod 755 .; mkdir source copy; chown 65534:65534 copy; cd source\n${plainScript}
      chown -hR 65534:65534 .; chmod 4755 a-b
      echo x > of-root; echo x > setuid-root; chmod 4755 setuid-root; touch -d '2012-12-12 UTC' of-root setuid-root
      mknod null c 1 3; ln null null-too; cp /bin/true capable; setcap cap_net_raw+ep capable; chown -h 65534:65534 null; setcap cap_net_raw+ep capable
      mkdir read-only; echo > read-only/file; chmod 0444 read-only/file; setfattr -n user.a -v b read-only/file; chmod 0555 read-only; chown -R 65534:65534 read-only
      chown 65534:65534 capable; setcap cap_net_raw+ep capable; touch -d '2012-12-12 UTC' .`)
    const output = execFileSync(
      process.execPath,
      [script('copy-as.ts'), '65534', directory.in('source'), directory.in('copy')],
      { encoding: 'utf8' },
    )
    const notKept = new Map(JSON.parse(output) as [string, unknown][])
    expect(notKept).toEqual(
      new Map<string, unknown>([
        ['owner', { count: 2, firstPath: 'of-root' }],
        ['setuid', { count: 1, firstPath: 'setuid-root' }],
        ['device', { count: 2, firstPath: 'null' }],
        ['xattr-not-permitted', { count: 1, firstPath: 'capable' }],
      ]),
    )
    const differences = differencesBetween(directory.in('source'), directory.in('copy'), { owners: false })
    expect(differences.filter((line) => !/null|capable|setuid-root/.test(line))).toEqual([])
  })

  it('removes its directories whatever their modes', () => {
    const directory = scratchDirectory()
    directory.shell(
      'chmod 755 .; mkdir -p copy/d/e/f; echo > copy/d/e/f/g; chmod 0 copy/d/e/f copy/d/e copy/d; chown -R 65534:65534 copy',
    )
    execFileSync(process.execPath, [script('copy-as.ts'), '65534', '', directory.in('copy'), 'd'])
    expect(readdirSync(directory.in('copy'))).toEqual([])
  })

  it('is told to be root for what it may not read', () => {
    const directory = scratchDirectory()
    directory.shell(
      'chmod 755 .; mkdir source copy; chown 65534:65534 copy; mkdir source/secret; chmod 0700 source/secret',
    )
    const run = (): string =>
      execFileSync(
        process.execPath,
        [script('copy-as.ts'), '65534', directory.in('source'), directory.in('copy')],
        { encoding: 'utf8', stdio: 'pipe' },
      )
    expect(run).toThrow(/secret in .*: could not list this directory: permission denied; run as root/)
  })
})

describe.skipIf(!isRoot)('file systems', () => {
  it('that are full say so', () => {
    const directory = scratchDirectory()
    mount(directory, 'tree', 'size=256k')
    using writer = new TreeWriter(directory.in('tree'))
    const fd = writer.createFile(path('big'))
    const content = new ContentWriter(fd, { path: 'big', size: 1_000_000 })
    const failure = failureOf(() => content.write(Buffer.alloc(1_000_000), 0))
    closeSync(fd)
    expect(failure.code).toBe('TREE_FULL')
    expect(failure.message).toMatch(
      /^big: could not write this file: ENOSPC: no space left on device; free space/,
    )
  })

  it('without inodes left are full too', () => {
    const directory = scratchDirectory()
    mount(directory, 'tree', 'nr_inodes=10')
    using writer = new TreeWriter(directory.in('tree'))
    const makeMany = (): void => {
      for (let i = 0; i < 20; i++) writer.makeDirectory(path(`d${i}`))
    }
    expect(failureOf(makeMany).code).toBe('TREE_FULL')
  })

  it('that are read-only say so', () => {
    const directory = scratchDirectory()
    mount(directory, 'tree', 'ro')
    using writer = new TreeWriter(directory.in('tree'))
    const failure = failureOf(() => writer.createFile(path('file')))
    expect(failure.code).toBe('TREE_READ_ONLY')
    expect(failure.message).toMatch(
      /^file in .*\/tree: could not create this file: EROFS: read-only file system; mount/,
    )
  })

  it('mounted inside are left alone by a removal', () => {
    const directory = scratchDirectory()
    directory.shell('mkdir -p tree/d/home precious; echo > precious/file; mount --bind precious tree/d/home')
    onTestFinished(() => void execFileSync('umount', [directory.in('tree/d/home')]))
    using writer = new TreeWriter(directory.in('tree'))
    const failure = failureOf(() => writer.remove(path('d')))
    expect(failure.code).toBe('TREE_BUSY')
    expect(failure.path).toBe('d/home')
    expect(existsSync(directory.in('precious/file'))).toBe(true)
  })

  it('mounted inside are not changed from inside either', () => {
    const directory = scratchDirectory()
    directory.shell('mkdir -p tree/home precious/d; echo > precious/d/file; echo > precious/file')
    directory.shell('mount --bind precious tree/home')
    onTestFinished(() => void execFileSync('umount', [directory.in('tree/home')]))
    using writer = new TreeWriter(directory.in('tree'))
    for (const name of ['home/d', 'home/file', 'home/d/file']) {
      const failure = failureOf(() => writer.remove(path(name)))
      expect([failure.code, failure.path]).toEqual(['TREE_BUSY', name.slice(0, name.lastIndexOf('/'))])
    }
    expect(failureOf(() => writer.makeSymlink(path('home/file'), 'x')).code).toBe('TREE_BUSY')
    expect(existsSync(directory.in('precious/d/file'))).toBe(true)
  })

  it('mounted inside are found, however deep, whatever they are mounted on', () => {
    const directory = scratchDirectory()
    directory.shell('mkdir -p "tree/a b\\c/d" tree-2/d precious; echo > tree/file; echo > precious/file')
    const tree = directory.in('tree')
    refuseMounts(directory.in('none'))
    refuseMounts(tree)
    for (const [from, to] of [
      ['precious', 'a b\\c/d'],
      ['precious/file', 'file'],
    ] as const) {
      execFileSync('mount', ['--bind', directory.in(from), join(tree, to)])
      const failure = failureOf(() => refuseMounts(tree))
      expect([failure.code, failure.path, failure.tree]).toEqual(['TREE_BUSY', to, tree])
      execFileSync('umount', [join(tree, to)])
    }
    mount(directory, 'tree-2/d', 'size=64k')
    refuseMounts(tree)
    refuseMounts(directory.in('tree-2/d'))
    directory.shell('ln -s tree-2 link')
    expect(failureOf(() => refuseMounts(directory.in('link'))).path).toBe('d')
  })

  it('mounted inside are left out of a walk if asked', () => {
    const directory = scratchDirectory()
    mount(directory, 'tree/mounted', 'size=64k')
    directory.shell('echo > tree/mounted/file; echo > tree/z')
    const skipped: string[] = []
    const walk = walkDirectory(directory.in('tree'), {
      oneFileSystem: true,
      onSkipped: (each) => skipped.push(each),
    })
    expect(Array.from(walk, ({ entry }) => entry.path)).toEqual(['', 'mounted', 'z'])
    expect(skipped).toEqual(['mounted'])
    expect(entriesOf(directory.in('tree')).map((entry) => entry.path)).toContain('mounted/file')
  })

  it('without some extended attributes are reported, also to root', () => {
    const directory = scratchDirectory()
    using writer = new TreeWriter(directory.path)
    const fd = writer.createFile(path('file'))
    writeSync(fd, 'x')
    closeSync(fd)
    const entry = plainFile(path('file'))
    writer.applyMetadata({
      ...entry,
      xattrs: new Map([['unknown.namespace', Buffer.from('x')]]),
    } as SourceEntry)
    expect(writer.notKept).toEqual(new Map([['xattr-unsupported', { count: 1, firstPath: 'file' }]]))
  })
})
