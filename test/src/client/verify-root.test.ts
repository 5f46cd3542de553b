import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { Entry } from '../../../manifests/entry.ts'
import { BasisRoot } from '../../../src/client/basis-root.ts'
import type { ModuleTree } from '../../../src/client/module-tree.ts'
import { buildRoot } from '../../../src/client/build-root.ts'
import { repairRoot } from '../../../src/client/repair-root.ts'
import { verifyRoot, type Finding } from '../../../src/client/verify-root.ts'
import { expectSameTree } from '../../support/judge.ts'
import { isRoot } from '../../support/programs.ts'
import { noise } from '../../support/tree-recipe.ts'
import { directory, fileIn, path, scratch, sourceOf, treeOf } from './memory-tree.ts'

const stream = noise(7, 5000)
const chunks = [stream.subarray(0, 2000), stream.subarray(2000)]
const { uid, gid, mtime } = directory('') as Extract<Entry, { type: 'directory' }>
const xattrs = new Map([['user.note', Buffer.from('kept')]])
const entries: readonly Entry[] = [
  directory('bin'),
  { ...fileIn(stream, 'bin/tool', 0, 3000), mode: 0o755, xattrs },
  { type: 'hardlink', path: path('bin/tool-2'), target: path('bin/tool') },
  directory('etc'),
  fileIn(stream, 'etc/conf', 3000, 100),
  directory('lib'),
  directory('lib/deep'),
  fileIn(stream, 'lib/deep/file', 2500, 2500),
  fileIn(stream, 'lib/empty', 0, 0),
  fileIn(stream, 'lib/hole', 0, 0, { size: 70_000, data: [] }),
  { type: 'symlink', path: path('lib/link'), target: 'deep', uid, gid, mtime, xattrs: new Map() },
  { type: 'fifo', path: path('lib/pipe'), mode: 0o600, uid, gid, mtime, xattrs: new Map() },
  fileIn(stream, 'lib/sparse', 100, 4096, { size: 200_000, data: [[8192, 4096]] }),
]

async function build(): Promise<{ root: string; tree: ModuleTree; pristine: string }> {
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

function shell(root: string, script: string): void {
  execFileSync('bash', ['-euc', script], { cwd: root })
}

/** As `path: problem aspects`. */
function inShort(found: readonly Finding[]): string[] {
  return found.map(({ path: at, problem, aspects }) => [`${at}: ${problem}`, ...aspects].join(' '))
}

test('finds nothing in what was just built', async () => {
  const { root, tree } = await build()
  expect(await findings(root, tree)).toEqual([])
})

const damages: readonly (readonly [string, string, readonly string[]])[] = [
  [
    'a content',
    'printf x | dd of=lib/deep/file conv=notrunc status=none; touch -d @1000000000 lib/deep/file',
    ['lib/deep/file: different digest'],
  ],
  ['a length', 'printf x >> bin/tool', ['bin/tool: different mtime size']],
  ['a mode', 'chmod 600 bin/tool', ['bin/tool: different mode']],
  ['the mode of a directory', 'chmod 700 lib/deep', ['lib/deep: different mode']],
  ['an mtime', 'touch lib/empty', ['lib/empty: different mtime']],
  ['the mtime of a symlink', 'touch -h lib/link', ['lib/link: different mtime']],
  ['an xattr', 'setfattr -n user.note -v lost bin/tool', ['bin/tool: different xattrs']],
  ['an xattr too many', 'setfattr -n user.more -v x lib/empty', ['lib/empty: different xattrs']],
  ['a missing file', 'rm lib/deep/file', ['lib/deep: different mtime', 'lib/deep/file: missing']],
  ['a missing empty file', 'rm lib/empty', ['lib: different mtime', 'lib/empty: missing']],
  ['a missing file of holes', 'rm lib/hole', ['lib: different mtime', 'lib/hole: missing']],
  [
    'a missing directory',
    'rm -r lib/deep',
    ['lib: different mtime', 'lib/deep: missing', 'lib/deep/file: missing'],
  ],
  ['a missing fifo', 'rm lib/pipe', ['lib: different mtime', 'lib/pipe: missing']],
  [
    'a missing first name',
    'rm bin/tool',
    ['bin: different mtime', 'bin/tool: missing', 'bin/tool-2: different target'],
  ],
  ['a missing second name', 'rm bin/tool-2', ['bin: different mtime', 'bin/tool-2: missing']],
  [
    'a broken hard link',
    'cp -p --remove-destination bin/tool bin/x; mv bin/x bin/tool-2',
    ['bin: different mtime', 'bin/tool-2: different target'],
  ],
  [
    'another symlink',
    'ln -sfn nowhere lib/link',
    ['lib: different mtime', 'lib/link: different mtime target'],
  ],
  [
    'a file for a symlink',
    'rm lib/link; echo x > lib/link',
    ['lib: different mtime', 'lib/link: different type'],
  ],
  [
    'a directory for a file',
    'rm lib/empty; mkdir lib/empty',
    ['lib: different mtime', 'lib/empty: different type'],
  ],
  [
    'a file for a directory',
    'rm -r lib/deep; echo x > lib/deep',
    ['lib: different mtime', 'lib/deep: different type', 'lib/deep/file: missing'],
  ],
  [
    'a symlink for a directory',
    'mv lib/deep d; ln -s ../d lib/deep',
    [
      ': different mtime',
      'd: unknown',
      'd/file: unknown',
      'lib: different mtime',
      'lib/deep: different type',
      'lib/deep/file: missing',
    ],
  ],
  [
    'everything gone',
    'rm -r bin lib',
    [
      ': different mtime',
      'bin: missing',
      'bin/tool: missing',
      'bin/tool-2: missing',
      'lib: missing',
      'lib/deep: missing',
      'lib/deep/file: missing',
      'lib/empty: missing',
      'lib/hole: missing',
      'lib/link: missing',
      'lib/pipe: missing',
      'lib/sparse: missing',
    ],
  ],
]

test.each(damages)('finds %s and repairs it', async (_, script, expected) => {
  const { root, tree, pristine } = await build()
  shell(root, script)
  const found = await findings(root, tree)
  expect(inShort(found).sort()).toEqual([...expected].sort())
  const { source } = sourceOf(chunks)
  await repairRoot(root, tree, source, found)
  expect((await findings(root, tree)).every(({ problem }) => problem === 'unknown')).toBe(true)
  shell(root, 'rm -rf d; touch -d @1000000000 .')
  expectSameTree(pristine, root)
})

test.skipIf(!isRoot)('finds an owner and repairs it', async () => {
  const { root, tree, pristine } = await build()
  shell(root, 'chown 5:6 bin/tool; chown -h 7 lib/link; chmod 755 bin/tool')
  const found = await findings(root, tree)
  expect(inShort(found)).toEqual(['bin/tool: different owner', 'lib/link: different owner'])
  await repairRoot(root, tree, sourceOf(chunks).source, found)
  expectSameTree(pristine, root)
})

test('a name too many of a file is unknown, and nothing else', async () => {
  const { root, tree } = await build()
  shell(root, 'ln bin/tool bin/a-name; touch -d @1000000000 bin')
  expect(inShort(await findings(root, tree))).toEqual(['bin/a-name: unknown'])
})

test('what is local is found, told apart, and left as it is', async () => {
  const { root, tree } = await build()
  shell(root, 'echo mine > etc/conf; echo mine > etc/mine; rm -r lib/deep; echo new > unknown')
  const found = await findings(root, tree)
  expect(found.filter(({ local }) => local).map(({ path: at }) => at)).toEqual([
    'etc',
    'etc/conf',
    'etc/mine',
  ])
  const repaired = await repairRoot(root, tree, sourceOf(chunks).source, found)
  expect(repaired).toEqual(['', 'lib', 'lib/deep', 'lib/deep/file'])
  expect(readFileSync(join(root, 'etc/conf'), 'utf8')).toBe('mine\n')
  expect(readFileSync(join(root, 'etc/mine'), 'utf8')).toBe('mine\n')
  expect(readFileSync(join(root, 'unknown'), 'utf8')).toBe('new\n')
})

test('repairs metadata without fetching anything', async () => {
  const { root, tree } = await build()
  shell(root, 'chmod 4755 bin/tool; touch lib/deep')
  const { source, asked } = sourceOf([])
  await repairRoot(root, tree, source, await findings(root, tree))
  expect(asked).toEqual([])
  expect(await findings(root, tree)).toEqual([])
})

test('a build takes what is right in the directory, and makes the rest', async () => {
  const { root, tree, pristine } = await build()
  shell(root, 'rm -r lib/deep; echo junk > junk; mkdir -p more/junk; chmod 777 bin; ln -sfn x lib/link')
  const { source, asked } = sourceOf(chunks)
  await buildRoot({ directory: root, tree, source, basis: undefined })
  expectSameTree(pristine, root)
  expect(asked).toHaveLength(1)
})

test('a build takes contents out of the basis, wherever they lie there', async () => {
  const { root, tree, pristine } = await build()
  const basis = await BasisRoot.open(root, tree)
  onTestFinished(() => basis[Symbol.dispose]())
  const target = scratch()
  const { source, asked } = sourceOf([], basis)
  await buildRoot({ directory: target, tree, source, basis: { directory: root, tree, root: basis } })
  expectSameTree(pristine, target)
  expect(asked).toEqual([])
  writeFileSync(join(root, 'etc/conf'), 'mine')
  const { kept } = await buildRoot({
    directory: target,
    tree,
    source,
    basis: { directory: root, tree, root: basis },
  })
  expect(kept).toEqual([{ path: 'etc/conf', outcome: 'kept' }])
})

test('a build does not believe what it copied out of the basis', async () => {
  const { root, tree, pristine } = await build()
  const basis = await BasisRoot.open(root, tree)
  onTestFinished(() => basis[Symbol.dispose]())
  // Its size is that of the file it is offered for.
  writeFileSync(join(root, 'lib/deep/file'), noise(9, 2500))
  const target = scratch()
  const { source, asked } = sourceOf(chunks, basis)
  await buildRoot({ directory: target, tree, source, basis: { directory: root, tree, root: basis } })
  expectSameTree(pristine, target)
  expect(asked.length).toBeGreaterThan(0)
})
