import { execFileSync } from 'node:child_process'
import {
  closeSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { Entry } from '../../../manifests/entry.ts'
import { buildRoot } from '../../../src/client/build-root.ts'
import type { ModuleTree } from '../../../src/client/module-tree.ts'
import { repairRoot } from '../../../src/client/repair-root.ts'
import { verifyRoot, type Finding } from '../../../src/client/verify-root.ts'
import { expectSameTree } from '../../support/judge.ts'
import { noise } from '../../support/tree-recipe.ts'
import { failReadsOf } from './failing-reads.ts'
import { directory, fileIn, path, scratch, sourceOf, treeOf } from './memory-tree.ts'

const stream = noise(9, 10_000)
const chunks = [stream.subarray(0, 2000), stream.subarray(2000, 6000), stream.subarray(6000)]
const tool = { ...fileIn(stream, 'bin/tool', 1000, 6000), mode: 0o755 }
const sparse = { size: 20_480, data: [[5120, 1024]] } as const
const plain: readonly Entry[] = [
  directory('bin'),
  fileIn(stream, 'bin/first', 0, 1500),
  tool,
  directory('lib'),
  fileIn(stream, 'lib/fine-holes', 100, 1024, sparse),
  { ...fileIn(stream, 'lib/holes', 0, 0, { size: 70_000, data: [] }) },
]
const border: readonly Entry[] = [
  directory('bin'),
  tool,
  directory('etc'),
  fileIn(stream, 'etc/conf', 3000, 4000),
  { type: 'hardlink', path: path('etc/tool'), target: path('bin/tool') },
  directory('usr'),
  { type: 'hardlink', path: path('usr/conf'), target: path('etc/conf') },
  { type: 'hardlink', path: path('usr/conf-2'), target: path('etc/conf') },
]
const conf = stream.subarray(3000, 7000)

async function build(
  entries: readonly Entry[],
): Promise<{ root: string; tree: ModuleTree; pristine: string }> {
  const tree = await treeOf({ name: 'm', chunks, entries })
  const [root, pristine] = [scratch(), scratch()]
  for (const at of [root, pristine]) {
    await buildRoot({ directory: at, tree, source: sourceOf(chunks).source, basis: undefined })
  }
  return { root, tree, pristine }
}

async function findings(root: string, tree: ModuleTree): Promise<Finding[]> {
  const found: Finding[] = []
  for await (const finding of verifyRoot({ directory: root, tree })) found.push(finding)
  return found
}

/** Without directories, whose mtimes change with everything. */
async function damagedFiles(root: string, tree: ModuleTree): Promise<string[]> {
  const found = (await findings(root, tree)).filter(({ local, problem }) => !local && problem !== 'unknown')
  return found.map(({ path: at }) => at).filter((at) => at.includes('/'))
}

async function repair(
  root: string,
  tree: ModuleTree,
  stored: readonly Uint8Array[] = chunks,
): Promise<readonly string[]> {
  return repairRoot(root, tree, sourceOf(stored).source, await findings(root, tree))
}

function shell(root: string, script: string): void {
  execFileSync('bash', ['-euc', script], { cwd: root })
}

function flip(root: string, at: string): void {
  shell(root, `printf X | dd of=${at} bs=1 seek=900 conv=notrunc status=none`)
}

function inodeOf(root: string, at: string): number {
  return lstatSync(join(root, at)).ino
}

test.each([0, 1, 2])(
  'without chunk %i, a file that needs it stays as it is, with nothing beside it',
  async (lost) => {
    const { root, tree, pristine } = await build(plain)
    flip(root, 'bin/tool')
    const damaged = readFileSync(join(root, 'bin/tool'))
    const before = statSync(join(root, 'bin/tool'))
    const repaired = repair(root, tree, chunks.toSpliced(lost, 1))
    await expect(repaired).rejects.toMatchObject({ code: 'OBJECT_MISSING' })
    expect(readFileSync(join(root, 'bin/tool')).equals(damaged)).toBe(true)
    const { ino, mode, mtimeMs } = statSync(join(root, 'bin/tool'))
    expect({ ino, mode, mtimeMs }).toEqual({ ino: before.ino, mode: before.mode, mtimeMs: before.mtimeMs })
    expect(readdirSync(join(root, 'bin'))).toEqual(['first', 'tool'])
    expect(await damagedFiles(root, tree)).toEqual(['bin/tool'])
    await repair(root, tree)
    expectSameTree(pristine, root)
  },
)

test('what is whole before a failure is repaired', async () => {
  const { root, tree } = await build(plain)
  flip(root, 'bin/tool')
  flip(root, 'bin/first')
  await expect(repair(root, tree, chunks.slice(0, 2))).rejects.toMatchObject({ code: 'OBJECT_MISSING' })
  expect(await findings(root, tree)).toMatchObject([{ path: 'bin/tool' }])
})

test('who has a damaged file open keeps it, and the path leads to the whole one', async () => {
  const { root, tree } = await build(plain)
  flip(root, 'bin/tool')
  const fd = openSync(join(root, 'bin/tool'), 'r')
  onTestFinished(() => closeSync(fd))
  await repair(root, tree)
  const byte = Buffer.alloc(1)
  expect(readSync(fd, byte, 0, 1, 900)).toBe(1)
  expect(byte.toString()).toBe('X')
  expect(readFileSync(join(root, 'bin/tool')).equals(stream.subarray(1000, 7000))).toBe(true)
})

test('what a killed repair left goes, and what others have under such a name stays', async () => {
  const { root, tree, pristine } = await build(plain)
  flip(root, 'bin/tool')
  shell(root, 'echo half > bin/.vend-repair-1; echo half > lib/.vend-repair-27; mkdir .vend-repair-2')
  writeFileSync(join(root, '.vend-repair-2/file'), 'mine')
  await repair(root, tree)
  expect(readFileSync(join(root, '.vend-repair-2/file'), 'utf8')).toBe('mine')
  shell(root, 'rm -r .vend-repair-2; touch -d @1000000000 .')
  expectSameTree(pristine, root)
})

test('a file of the release may have the name of a temporary one', async () => {
  const names = ['bin/.vend-repair-1', 'bin/.vend-repair-2']
  const { root, tree, pristine } = await build([
    directory('bin'),
    ...names.map((at, i) => fileIn(stream, at, i, 3000)),
    tool,
  ])
  shell(root, 'rm bin/.vend-repair-2')
  flip(root, 'bin/tool')
  flip(root, 'bin/.vend-repair-1')
  await repair(root, tree)
  expectSameTree(pristine, root)
})

test('a block that cannot be read is a damaged content, and repaired', async () => {
  const { root, tree, pristine } = await build(plain)
  failReadsOf(join(root, 'bin/tool'))
  expect(await findings(root, tree)).toEqual([
    { path: 'bin/tool', problem: 'different', aspects: ['digest'], local: false },
  ])
  expect(await repair(root, tree)).toEqual(['bin/tool'])
  expect(await findings(root, tree)).toEqual([])
  expectSameTree(pristine, root)
})

test('where this file system has holes is no damage; what is in them is', async () => {
  const { root, tree } = await build(plain)
  const at = (name: string): string => join(root, 'lib', name)
  writeFileSync(at('holes'), Buffer.alloc(70_000))
  writeFileSync(at('fine-holes'), readFileSync(at('fine-holes')))
  shell(root, 'touch -d @1000000000 lib/*')
  expect(await findings(root, tree)).toEqual([])
  shell(
    root,
    'printf x | dd of=lib/holes bs=1 seek=60000 conv=notrunc status=none; touch -d @1000000000 lib/*',
  )
  expect(await findings(root, tree)).toMatchObject([{ path: 'lib/holes', aspects: ['digest'] }])
  await repair(root, tree)
  expect(await findings(root, tree)).toEqual([])
})

test('links over the border of /etc are links while nobody changes them', async () => {
  const { root, tree, pristine } = await build(border)
  expect(await findings(root, tree)).toEqual([])
  shell(root, 'rm usr/conf; cp -p bin/tool x; mv x bin/tool; cp -p usr/conf-2 x; mv x usr/conf-2')
  expect(await damagedFiles(root, tree)).toEqual(['usr/conf', 'usr/conf-2'])
  await repair(root, tree)
  expect(await damagedFiles(root, tree)).toEqual([])
  shell(root, 'ln -f bin/tool etc/tool; touch -d @1000000000 . etc')
  expectSameTree(pristine, root)
})

const localChanges: readonly (readonly [string, string, string | undefined])[] = [
  ['replaced', 'echo mine > etc/n; mv etc/n etc/conf', 'mine\n'],
  ['removed', 'rm etc/conf', undefined],
  ['made a directory', 'rm etc/conf; mkdir etc/conf', undefined],
  ['made a symlink to a link of it', 'ln -sf ../usr/conf etc/conf', undefined],
]

test.each(localChanges)(
  'of a file that was %s in /etc, the links are files of their own',
  async (_, script, text) => {
    const { root, tree } = await build(border)
    shell(root, script)
    const local = lstatSync(join(root, 'etc/conf'), { throwIfNoEntry: false })
    expect(await damagedFiles(root, tree)).toEqual([])
    flip(root, 'usr/conf')
    expect(await damagedFiles(root, tree)).toEqual(['usr/conf', 'usr/conf-2'])
    shell(root, 'rm usr/conf-2')
    expect([...(await repair(root, tree))].sort()).toEqual(['usr', 'usr/conf', 'usr/conf-2'])
    for (const at of ['usr/conf', 'usr/conf-2'])
      expect(readFileSync(join(root, at)).equals(conf), at).toBe(true)
    expect(lstatSync(join(root, 'etc/conf'), { throwIfNoEntry: false })?.ino).toBe(local?.ino)
    if (text !== undefined) expect(readFileSync(join(root, 'etc/conf'), 'utf8')).toBe(text)
    expect(await damagedFiles(root, tree)).toEqual([])
  },
)

test('what was written into a file of /etc stays there, and does not stay in its links', async () => {
  const { root, tree } = await build(border)
  shell(root, 'echo mine > etc/conf; chmod 600 etc/conf')
  expect(await damagedFiles(root, tree)).toEqual(['usr/conf', 'usr/conf-2'])
  await repair(root, tree)
  expect(readFileSync(join(root, 'etc/conf'), 'utf8')).toBe('mine\n')
  expect(statSync(join(root, 'etc/conf')).mode & 0o777).toBe(0o600)
  expect(readFileSync(join(root, 'usr/conf')).equals(conf)).toBe(true)
  expect(await damagedFiles(root, tree)).toEqual([])
})

test('a damaged file is repaired without the name that somebody changed in /etc', async () => {
  const { root, tree } = await build(border)
  shell(root, 'echo mine > etc/n; mv etc/n etc/tool')
  flip(root, 'bin/tool')
  expect(await damagedFiles(root, tree)).toEqual(['bin/tool'])
  expect(await repair(root, tree)).toEqual(['bin/tool'])
  expect(readFileSync(join(root, 'etc/tool'), 'utf8')).toBe('mine\n')
  expect(await damagedFiles(root, tree)).toEqual([])
})

test('a mode that was changed through a name in /etc stays there', async () => {
  const { root, tree } = await build(border)
  shell(root, 'chmod 700 etc/tool; chmod 600 etc/conf')
  expect(await damagedFiles(root, tree)).toEqual(['bin/tool', 'usr/conf', 'usr/conf-2'])
  await repair(root, tree)
  const modes = ['bin/tool', 'etc/tool', 'etc/conf', 'usr/conf'].map(
    (at) => statSync(join(root, at)).mode & 0o777,
  )
  expect(modes).toEqual([0o755, 0o700, 0o600, 0o644])
  expect(await damagedFiles(root, tree)).toEqual([])
})

test('metadata are repaired of the file that is there, unless it has names that are not ours', async () => {
  const { root, tree } = await build(plain)
  shell(root, 'chmod 700 bin/tool bin/first; mkdir etc; ln bin/first etc/mine')
  const before = inodeOf(root, 'bin/tool')
  await repair(root, tree, [])
  expect(inodeOf(root, 'bin/tool')).toBe(before)
  expect(inodeOf(root, 'etc/mine')).not.toBe(inodeOf(root, 'bin/first'))
  expect(statSync(join(root, 'etc/mine')).mode & 0o777).toBe(0o700)
  expect(await damagedFiles(root, tree)).toEqual([])
})

test('goes on where nothing is left, /etc included', async () => {
  const { root, tree, pristine } = await build(border)
  shell(root, 'rm -r bin etc usr; echo x > usr')
  await repair(root, tree)
  expect(readdirSync(root)).toEqual(['bin', 'usr'])
  expect(readFileSync(join(root, 'usr/conf')).equals(conf)).toBe(true)
  mkdirSync(join(root, 'etc'))
  shell(root, `cp -a ${pristine}/etc .; touch -d @1000000000 .`)
  expect(await damagedFiles(root, tree)).toEqual(['usr/conf', 'usr/conf-2'])
  await repair(root, tree)
  expect(inodeOf(root, 'usr/conf')).toBe(inodeOf(root, 'etc/conf'))
})
