import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { openTar } from '../../../src/sources/tar-tree.ts'
import { DirectoryTree } from '../../../src/tree/tree-source.ts'
import { hasProgram, isRoot } from '../../support/programs.ts'
import { plainScript, rootScript } from '../tree/nasty-tree.ts'
import { scratchDirectory, type ScratchDirectory } from '../tree/scratch-directory.ts'
import { linesOf } from './listing.ts'

const everything = ['--xattrs', '--xattrs-include=*', '--sparse', '--numeric-owner']

function nastyTree(): ScratchDirectory {
  const scratch = scratchDirectory()
  // GNU tar and bsdtar forget that a device has several names.
  const script = `${plainScript}${isRoot ? `${rootScript}rm sub/null-too\n` : ''}touch -d '2012-12-12 UTC' sub`
  scratch.shell(`mkdir tree; cd tree\n${script}`)
  return scratch
}

function tar(directory: ScratchDirectory, ...args: string[]): void {
  execFileSync('tar', ['-C', directory.in('tree'), ...args], { stdio: ['ignore', 'ignore', 'inherit'] })
}

function bsdtar(directory: ScratchDirectory, ...args: string[]): void {
  execFileSync('bsdtar', ['-C', directory.in('tree'), ...args], { stdio: ['ignore', 'ignore', 'inherit'] })
}

async function linesOfTar(path: string): Promise<string[]> {
  await using opened = await openTar(path)
  return linesOf(opened.tree)
}

/** What a form cannot say, taken away from the lines of a manifest. */
type Forgetful = (line: string) => string

const withoutNanos: Forgetful = (line) => line.replace(/"mtimeNanos":\d+,/, '')
const withoutXattrs: Forgetful = (line) => line.replace(/,"xattrs":\{.*?\}/, '')

describe('a tar archive by GNU tar', () => {
  it.each([
    ['1.0', []],
    ['0.1', ['--sparse-version=0.1']],
    ['0.0', ['--sparse-version=0.0']],
  ])(
    'gives the entries of the directory that it was made of, in PAX form with holes as in version %s',
    async (_, version) => {
      const scratch = nastyTree()
      tar(scratch, ...everything, '--format=pax', ...version, '-cf', scratch.in('tree.tar'), '.')
      expect(await linesOfTar(scratch.in('tree.tar'))).toEqual(linesOf(new DirectoryTree(scratch.in('tree'))))
    },
  )

  it.skipIf(!isRoot)('gives ACLs that are written as text', async () => {
    const scratch = scratchDirectory()
    scratch.shell(`mkdir -p tree/d; echo > tree/f; setfacl -m u:1234:rw,g:4321:r,u:1233:x tree/f tree/d
      setfacl -d -m u:1234:rwx tree/d; echo > tree/plain; setfacl -m m::r tree/plain`)
    tar(scratch, '--acls', '--numeric-owner', '--format=pax', '-cf', scratch.in('tree.tar'), '.')
    expect(await linesOfTar(scratch.in('tree.tar'))).toEqual(linesOf(new DirectoryTree(scratch.in('tree'))))
  })

  it('gives them without nanoseconds and extended attributes in GNU form', async () => {
    const scratch = nastyTree()
    tar(scratch, '--sparse', '--numeric-owner', '--format=gnu', '-cf', scratch.in('tree.tar'), '.')
    const wanted = linesOf(new DirectoryTree(scratch.in('tree')))
      .map(withoutNanos)
      .map(withoutXattrs)
    expect(await linesOfTar(scratch.in('tree.tar'))).toEqual(wanted)
  })

  it('needs no member for a directory, and takes names without "./"', async () => {
    const scratch = scratchDirectory()
    scratch.shell(
      'mkdir -p tree/a/b; echo x > tree/a/b/file; touch -d @5 tree/a/b/file; chmod 600 tree/a/b/file',
    )
    tar(scratch, '--format=ustar', '-cf', scratch.in('tree.tar'), 'a/b/file')
    await using opened = await openTar(scratch.in('tree.tar'))
    const entries = Array.from(opened.tree.walk(), ({ entry }) => entry)
    expect(entries.map(({ path }) => path)).toEqual(['', 'a', 'a/b', 'a/b/file'])
    expect(entries[1]).toMatchObject({ mode: 0o755, uid: 0, gid: 0, mtime: { seconds: 0, nanos: 0 } })
    expect(entries[3]).toMatchObject({ mode: 0o600, mtime: { seconds: 5, nanos: 0 } })
  })

  it('is read as long as it has names of the oldest form', async () => {
    const scratch = scratchDirectory()
    scratch.shell('mkdir -p tree/a; echo x > tree/a/file; ln tree/a/file tree/z; ln -s file tree/a/link')
    tar(scratch, '--format=v7', '-cf', scratch.in('tree.tar'), '.')
    const wanted = linesOf(new DirectoryTree(scratch.in('tree'))).map(withoutNanos)
    expect(await linesOfTar(scratch.in('tree.tar'))).toEqual(wanted)
  })
})

describe.skipIf(!hasProgram('bsdtar'))('a tar archive by bsdtar', () => {
  it('gives the entries of the directory that it was made of, in PAX form', async () => {
    const scratch = nastyTree()
    // It writes times before 1970 with their fraction counted from the wrong side.
    scratch.shell('cd tree; touch -d @0 before-1970; touch -d @9 .')
    bsdtar(scratch, '--format=pax', '--xattrs', '--numeric-owner', '-cf', scratch.in('tree.tar'), '.')
    expect(await linesOfTar(scratch.in('tree.tar'))).toEqual(linesOf(new DirectoryTree(scratch.in('tree'))))
  })
})

describe('a compressed tar archive', () => {
  it.each([
    ['gzip', 'gzip -c tree.tar'],
    [
      'gzip, in several members',
      'for i in 0 1 2; do tail -c +$((i*5000+1)) tree.tar | head -c $([ $i = 2 ] && echo 99999999 || echo 5000) | gzip -c; done',
    ],
    ['zstd', 'zstd -qc tree.tar'],
    [
      'zstd, in several frames',
      'for i in 0 1 2; do tail -c +$((i*5000+1)) tree.tar | head -c $([ $i = 2 ] && echo 99999999 || echo 5000) | zstd -qc; done',
    ],
    [
      'zstd, with a frame to be skipped',
      String.raw`printf '\x50\x2a\x4d\x18\x03\x00\x00\x00abc'; zstd -qc tree.tar; printf '\x5f\x2a\x4d\x18\x00\x00\x00\x00'`,
    ],
    ['xz', 'xz -c tree.tar'],
    ['lzma', 'xz -c --format=lzma tree.tar'],
    ['bzip2', 'bzip2 -c tree.tar'],
    ['lz4', 'lz4 -qc tree.tar'],
  ])('gives what the plain one gives: %s', async (_, script) => {
    const scratch = scratchDirectory()
    scratch.shell(
      'mkdir tree; echo one > tree/one; head -c 300000 /dev/urandom > tree/noise; head -c 500000 /dev/zero > tree/zeros',
    )
    tar(scratch, '--format=pax', '-cf', scratch.in('tree.tar'), '.')
    scratch.shell(`(${script}) > packed`)
    expect(await linesOfTar(scratch.in('packed'))).toEqual(linesOf(new DirectoryTree(scratch.in('tree'))))
  })
})
