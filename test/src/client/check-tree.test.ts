import { expect, test } from 'vitest'
import { emptyDigest } from '../../../manifests/digest.ts'
import type { Entry } from '../../../manifests/entry.ts'
import { checkTree, type ExpectedModules } from '../../../src/client/check-tree.ts'
import { directory, fileIn, path, treeOf, type MemoryModule } from './memory-tree.ts'

const none = new Uint8Array(0)

function file(at: string): Entry {
  return { ...fileIn(none, at, 0, 0), digest: emptyDigest }
}

function link(at: string, target: string): Entry {
  return { type: 'hardlink', path: path(at), target: path(target) }
}

function module(name: string, ...entries: readonly Entry[]): MemoryModule {
  return { name, chunks: [], entries: [directory(''), ...entries] }
}

async function check(modules: readonly MemoryModule[], more: ExpectedModules = {}): Promise<void> {
  const expected = Object.fromEntries(
    modules.map(({ name, entries }) => [name, { entries: entries.length, contentBytes: 0 }]),
  )
  await checkTree(await treeOf(...modules), { ...expected, ...more })
}

test('takes modules that fit, and hard links to what comes before them', async () => {
  const many = Array.from({ length: 2000 }, (_, i) => file(`usr/f-${String(i).padStart(4, '0')}`))
  await check([
    module('a', directory('etc'), file('etc/a'), link('etc/b', 'etc/a'), link('etc/c', 'etc/a')),
    module('b', directory('etc'), { ...directory('usr') }, ...many, link('usr/z', 'usr/f-1234')),
  ])
})

const refused: readonly (readonly [string, readonly MemoryModule[], RegExp])[] = [
  [
    'another module',
    [{ ...module('a'), calledInside: 'b' }],
    /^the manifest of the module a is that of the module b$/,
  ],
  [
    'a file in two modules',
    [module('a', file('x')), module('b', file('x'))],
    /^"\/x" lies in the modules a and b and is not a directory in each$/,
  ],
  [
    'a directory that is a file elsewhere',
    [module('a', directory('x')), module('b', file('x'))],
    /^"\/x" lies in the modules a and b and is not a directory in each$/,
  ],
  [
    'a directory with another mode',
    [module('a', directory('x')), module('b', { ...directory('x'), mode: 0o700 } as Entry)],
    /^"\/x" lies in the modules a and b with another mode in each$/,
  ],
  [
    'a directory with another owner',
    [module('a'), module('b', directory('x')), module('c', { ...directory('x'), uid: 77 } as Entry)],
    /^"\/x" lies in the modules b and c with another owner in each$/,
  ],
  [
    'a directory with other attributes',
    [
      module('a', directory('x')),
      module('b', { ...directory('x'), xattrs: new Map([['user.a', none]]) } as Entry),
    ],
    /with another xattrs in each$/,
  ],
  [
    'a hard link to nothing',
    [module('a', file('x'), link('z', 'y'))],
    /^"\/z" in the module a is a hard link to "\/y", which does not come before it$/,
  ],
  [
    'a hard link into another module',
    [module('a', file('x')), module('b', link('z', 'x'))],
    /^"\/z" in the module b is a hard link to "\/x", which does not/,
  ],
  [
    'a hard link to a directory',
    [module('a', directory('x'), link('z', 'x'))],
    /^"\/z" in the module a is a hard link to "\/x", which is a directory$/,
  ],
  [
    'a hard link to a hard link',
    [module('a', file('x'), link('y', 'x'), link('z', 'y'))],
    /^"\/z" in the module a is a hard link to "\/y", which is a hardlink$/,
  ],
]

test.each(refused)('refuses %s', async (_, modules, message) => {
  await expect(check(modules)).rejects.toMatchObject({
    name: 'MachineError',
    code: 'OBJECT_CORRUPT',
    message: expect.stringMatching(message) as string,
  })
})

test('refuses what the release does not say', async () => {
  const modules = [module('a', file('x'))]
  const refusal = (message: string): object => ({ code: 'OBJECT_CORRUPT', message })
  await expect(check(modules, { a: { entries: 3, contentBytes: 0 } })).rejects.toMatchObject(
    refusal('the manifest of the module a has 2 as entries; its release says 3'),
  )
  await expect(check(modules, { a: { entries: 2, contentBytes: 1 } })).rejects.toMatchObject(
    refusal('the manifest of the module a has 0 as contentBytes; its release says 1'),
  )
  const tree = await treeOf(...modules)
  await expect(checkTree(tree, {})).rejects.toMatchObject(refusal('the release has no module a'))
})

test('names the module whose manifest breaks a rule', async () => {
  const modules = [module('a'), module('b', file('x/y'))]
  await expect(check(modules)).rejects.toMatchObject({
    code: 'OBJECT_CORRUPT',
    message: expect.stringMatching(
      /^the manifest of the module b: .*"x\/y" has no directory to lie in/,
    ) as string,
  })
})
