import { mkdirSync, rmSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { SourceEntry } from '../../../manifests/entry.ts'
import { differencesBetween, expectSameTree, missingJudges } from '../../support/judge.ts'
import { copyTree, entriesOf } from './copy-tree.ts'
import { makeSocket, plainScript, rootScript } from './nasty-tree.ts'
import type { ScratchDirectory } from './scratch-directory.ts'
import { scratchDirectory } from './scratch-directory.ts'

const isRoot = process.geteuid?.() === 0
const missing = missingJudges()
const reason = !isRoot ? 'not root' : missing.length > 0 ? `not installed: ${missing.join(', ')}` : undefined
if (reason !== undefined) process.stderr.write(`copy-tree.integration: skipped, ${reason}\n`)

function scratch(): ScratchDirectory {
  const directory = scratchDirectory()
  for (const name of ['source', 'copy']) mkdirSync(directory.in(name))
  return directory
}

function byPath(entries: readonly SourceEntry[]): ReadonlyMap<string, SourceEntry> {
  return new Map(entries.map((entry) => [entry.path, entry]))
}

describe.skipIf(reason !== undefined)('a tree of everything, walked and written', () => {
  it('is the same to rsync, find, getfattr and getcap, and to a second walk', () => {
    const directory = scratch()
    const [source, copy] = [directory.in('source'), directory.in('copy')]
    directory.shell(`cd source\n${plainScript}${rootScript}`)
    const notKept = copyTree(source, copy)
    expectSameTree(source, copy)
    expect(notKept).toEqual(new Map())
    expect(entriesOf(copy)).toEqual(entriesOf(source))
  })

  it('is the same after a second write over the first, and over a tree of other types', () => {
    const directory = scratch()
    const [source, copy] = [directory.in('source'), directory.in('copy')]
    directory.shell(`cd source\n${plainScript}${rootScript}`)
    directory.shell(
      'cd copy; mkdir big; echo x > big/x; ln -s /etc sub; mkdir pipe null; echo > a; ln -s a empty',
    )
    copyTree(source, copy)
    copyTree(source, copy)
    expectSameTree(source, copy)
  })

  it('describes what it saw', () => {
    const directory = scratch()
    const source = directory.in('source')
    directory.shell(`cd source\n${plainScript}${rootScript}`)
    const entries = byPath(entriesOf(source))
    expect(entries.get('a-b')).toMatchObject({ type: 'file', mode: 0o6755, uid: 12345, gid: 54321 })
    expect(entries.get('absolute')).toMatchObject({
      type: 'symlink',
      target: '/etc/hostname',
      uid: 4000000000,
    })
    expect(entries.get('before-1970')).toMatchObject({ mtime: { seconds: -2, nanos: 250000000 } })
    expect(entries.get('disk')).toMatchObject({ type: 'block', device: { major: 259, minor: 70000 } })
    expect(entries.get('sub/second')).toEqual({ type: 'hardlink', path: 'sub/second', target: 'a/first' })
    expect(entries.get('sub/dangling-too')).toEqual({
      type: 'hardlink',
      path: 'sub/dangling-too',
      target: 'dangling',
    })
    expect(entries.get('sub/null-too')).toEqual({ type: 'hardlink', path: 'sub/null-too', target: 'null' })
    expect(entries.get('all-hole')).toMatchObject({ size: 0, sparse: { size: 2 ** 40, data: [] } })
    expect(entries.get('holes')).toMatchObject({
      size: 4096,
      sparse: { size: 2 ** 20, data: [[299008, 4096]] },
    })
    expect(entries.get('head-only')).toMatchObject({ sparse: { data: [[0, 4096]] } })
    expect(entries.get('locked/secret')).toMatchObject({ mode: 0, size: 7 })
    const big = entries.get('big')
    const names = big?.type === 'file' ? [...big.xattrs.keys()] : []
    expect(names).toEqual(['user.colour', 'user.empty', 'user.long'])
  })

  it('leaves sockets out, and says so', () => {
    const directory = scratch()
    makeSocket(directory.in('source/socket'))
    const skipped: string[] = []
    const entries = entriesOf(directory.in('source'), {
      onSkipped: (path, why) => skipped.push(`${path} ${why}`),
    })
    expect(entries.map(({ path }) => path)).toEqual([''])
    expect(skipped).toEqual([expect.stringMatching(/^socket is a socket/)])
  })

  it('is judged by programs that see a difference', () => {
    const directory = scratch()
    const [source, copy] = [directory.in('source'), directory.in('copy')]
    directory.shell('echo same > source/file; cp -a source/. copy; setfattr -n user.x -v y copy/file')
    expect(differencesBetween(source, copy)).not.toEqual([])
    rmSync(directory.in('copy/file'))
    expect(() => expectSameTree(source, copy)).toThrow(/find: "file"/)
  })
})
