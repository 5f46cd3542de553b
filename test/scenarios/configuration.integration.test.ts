import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import type { KeptChange } from '../../src/client/keep-local-changes.ts'
import { expectSameTree } from '../support/judge.ts'
import { Scenario, type Device } from '../support/scenario.ts'
import type { TreeRecipe } from '../support/tree-recipe.ts'

/** One update of a machine whose /etc was changed, and what became of it. */
class Change implements AsyncDisposable {
  readonly scenario: Scenario
  readonly device: Device

  private constructor(scenario: Scenario, device: Device) {
    this.scenario = scenario
    this.device = device
  }

  static async from(build: (tree: TreeRecipe) => unknown): Promise<Change> {
    const scenario = await Scenario.create()
    await scenario.release(1, { base: build })
    const device = await scenario.machine()
    await device.update()
    return new Change(scenario, device)
  }

  at(path: string): string {
    return join(this.device.root, path)
  }

  write(path: string, content: string): this {
    mkdirSync(dirname(this.at(path)), { recursive: true })
    writeFileSync(this.at(path), content)
    return this
  }

  remove(path: string): this {
    rmSync(this.at(path), { recursive: true })
    return this
  }

  read(path: string): string | undefined {
    return existsSync(this.at(path)) ? readFileSync(this.at(path), 'utf8') : undefined
  }

  async to(version: number, build: (tree: TreeRecipe) => unknown): Promise<readonly KeptChange[]> {
    await this.scenario.release(version, { base: build })
    const { kept } = await this.device.update()
    return kept
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.scenario[Symbol.asyncDispose]()
  }
}

const states = ['unmodified', 'modified', 'removed', 'touched'] as const
const upstreams = ['same', 'changed', 'gone', 'directory', 'symlink'] as const

test('what becomes of a file: every local state against every upstream one', async () => {
  await using change = await Change.from((tree) => {
    for (const state of states)
      for (const upstream of upstreams) tree.file(`etc/${state}-${upstream}`, `first ${state} ${upstream}`)
  })
  for (const upstream of upstreams) {
    change.write(`etc/modified-${upstream}`, 'mine').remove(`etc/removed-${upstream}`)
    change.write(`etc/added-${upstream}`, 'mine too')
    utimesSync(change.at(`etc/touched-${upstream}`), 1, 1)
  }
  const kept = await change.to(2, (tree) => {
    for (const state of [...states, 'added']) {
      tree.file(`etc/${state}-changed`, 'second').remove(`etc/${state}-gone`).remove(`etc/${state}-directory`)
      tree.file(`etc/${state}-directory/inside`, 'inside').link(`etc/${state}-symlink`, 'second')
      if (state === 'added') tree.file('etc/added-same', 'mine too')
    }
  })
  const outcomes = Object.fromEntries(
    kept.map(({ path, outcome, beside }) => [
      path.slice(4),
      beside === undefined ? outcome : `${outcome} ${beside.slice(4)}`,
    ]),
  )
  expect(outcomes).toEqual({
    'added-changed': 'kept-beside-new added-changed.vend-new',
    'added-directory': 'kept-beside added-directory.vend-local',
    'added-gone': 'kept',
    'added-symlink': 'kept-beside-new added-symlink.vend-new',
    'modified-changed': 'kept-beside-new modified-changed.vend-new',
    'modified-directory': 'kept-beside modified-directory.vend-local',
    'modified-gone': 'kept',
    'modified-same': 'kept',
    'modified-symlink': 'kept-beside-new modified-symlink.vend-new',
    'removed-changed': 'stays-removed',
    'removed-same': 'stays-removed',
    'removed-symlink': 'stays-removed',
  })
  for (const state of ['unmodified', 'touched']) {
    expect(change.read(`etc/${state}-same`)).toBe(`first ${state} same`)
    expect(change.read(`etc/${state}-changed`)).toBe('second')
    expect(change.read(`etc/${state}-gone`)).toBeUndefined()
    expect(change.read(`etc/${state}-directory/inside`)).toBe('inside')
    expect(readlinkSync(change.at(`etc/${state}-symlink`))).toBe('second')
  }
  for (const [state, mine] of [
    ['modified', 'mine'],
    ['added', 'mine too'],
  ] as const) {
    for (const upstream of ['same', 'changed', 'gone', 'symlink']) {
      expect(change.read(`etc/${state}-${upstream}`)).toBe(mine)
    }
    expect(change.read(`etc/${state}-changed.vend-new`)).toBe('second')
    expect(readlinkSync(change.at(`etc/${state}-symlink.vend-new`))).toBe('second')
    expect(change.read(`etc/${state}-directory/inside`)).toBe('inside')
    expect(change.read(`etc/${state}-directory.vend-local`)).toBe(mine)
  }
  for (const upstream of ['same', 'changed', 'gone', 'symlink']) {
    expect(existsSync(change.at(`etc/removed-${upstream}`))).toBe(false)
  }
  expect(change.read('etc/removed-directory/inside')).toBe('inside')
})

test('modes, owners and links are changes too, and keep their metadata', async () => {
  await using change = await Change.from((tree) =>
    tree
      .file('etc/mode', 'x')
      .link('etc/link', 'old')
      .dir('etc/dir')
      .file('etc/dir/in', 'in')
      .file('etc/plain', 'x'),
  )
  chmodSync(change.at('etc/mode'), 0o600)
  chmodSync(change.at('etc/dir'), 0o700)
  change.remove('etc/link')
  symlinkSync('mine', change.at('etc/link'))
  change.write('etc/new/deep/file', 'new')
  chmodSync(change.at('etc/new/deep'), 0o750)
  utimesSync(change.at('etc/new'), 5, 5)
  change.remove('etc/plain')
  mkdirSync(change.at('etc/plain'))
  change.write('etc/plain/inside', 'a directory now')
  await change.to(2, (tree) => tree.file('usr/other', 'y'))
  expect(statSync(change.at('etc/mode')).mode & 0o777).toBe(0o600)
  expect(statSync(change.at('etc/dir')).mode & 0o777).toBe(0o700)
  expect(change.read('etc/dir/in')).toBe('in')
  expect(readlinkSync(change.at('etc/link'))).toBe('mine')
  expect(statSync(change.at('etc/new/deep')).mode & 0o777).toBe(0o750)
  expect(statSync(change.at('etc/new')).mtimeMs).toBe(5000)
  expect(change.read('etc/plain/inside')).toBe('a directory now')
})

test('of a hard link, each name is a file of its own', async () => {
  const build = (tree: TreeRecipe): unknown =>
    ['broken', 'both', 'first-gone', 'second-gone', 'upstream'].forEach((name) =>
      tree.file(`etc/${name}-1`, `first ${name}`, { mode: 0o640 }).hardlink(`etc/${name}-2`, `etc/${name}-1`),
    )
  await using change = await Change.from(build)
  change.remove('etc/broken-1').write('etc/broken-1', 'mine')
  change.write('etc/both-1', 'mine').remove('etc/first-gone-1').remove('etc/second-gone-2')
  change.write('etc/upstream-1', 'mine')
  const kept = await change.to(2, (tree) =>
    tree.file('etc/upstream-1', 'second').hardlink('etc/upstream-2', 'etc/upstream-1'),
  )
  expect(kept.map(({ path, outcome }) => `${path} ${outcome}`)).toEqual([
    'etc/both-1 kept',
    'etc/both-2 kept',
    'etc/broken-1 kept',
    'etc/first-gone-1 stays-removed',
    'etc/second-gone-2 stays-removed',
    'etc/upstream-1 kept-beside-new',
    'etc/upstream-2 kept-beside-new',
  ])
  expect(change.read('etc/broken-1')).toBe('mine')
  expect(change.read('etc/broken-2')).toBe('first broken')
  expect(change.read('etc/first-gone-2')).toBe('first first-gone')
  for (const name of ['broken-2', 'first-gone-2', 'second-gone-1']) {
    const { mode, mtimeMs } = statSync(change.at(`etc/${name}`))
    expect([name, mode & 0o777, mtimeMs]).toEqual([name, 0o640, 1_577_836_800_000])
  }
  for (const name of ['upstream-1', 'upstream-2']) {
    expect(change.read(`etc/${name}`)).toBe('mine')
    expect(change.read(`etc/${name}.vend-new`)).toBe('second')
  }
})

test('a name in /etc of a file elsewhere is watched too', async () => {
  await using change = await Change.from((tree) =>
    tree.file('bin/motd', 'first').hardlink('etc/motd', 'bin/motd'),
  )
  renameSync(change.at('etc/motd'), change.at('etc/old'))
  change.write('etc/motd', 'mine').remove('etc/old')
  const kept = await change.to(2, (tree) => tree.file('other', 'x'))
  expect(kept).toEqual([{ path: 'etc/motd', outcome: 'kept' }])
  expect(change.read('etc/motd')).toBe('mine')
  expect(change.read('bin/motd')).toBe('first')
})

test('a file elsewhere keeps its metadata when its first name in /etc is a local file', async () => {
  await using change = await Change.from((tree) =>
    tree.file('etc/motd', 'first', { mode: 0o444 }).hardlink('usr/motd', 'etc/motd'),
  )
  change.remove('etc/motd').write('etc/motd', 'mine')
  await change.to(2, (tree) => tree.file('other', 'x'))
  expect(change.read('usr/motd')).toBe('first')
  expect(statSync(change.at('usr/motd')).mode & 0o777).toBe(0o444)
})

test('a directory that was removed stays removed, unless the release has something new in it', async () => {
  await using change = await Change.from((tree) => {
    for (const name of ['gone', 'renewed']) {
      tree.file(`etc/${name}/a`, 'a').file(`etc/${name}/b`, 'b').file(`etc/${name}/deep/c`, 'c')
    }
  })
  change.remove('etc/gone').remove('etc/renewed')
  const kept = await change.to(2, (tree) =>
    tree.file('etc/gone/a', 'changed').file('etc/renewed/deep/new', 'new'),
  )
  expect(kept.map(({ path }) => path)).toEqual([
    'etc/gone',
    'etc/renewed/a',
    'etc/renewed/b',
    'etc/renewed/deep/c',
  ])
  expect(existsSync(change.at('etc/gone'))).toBe(false)
  expect(existsSync(change.at('etc/renewed/a'))).toBe(false)
  expect(change.read('etc/renewed/deep/new')).toBe('new')
  expect(existsSync(change.at('etc/renewed/deep/c'))).toBe(false)
})

test('what was put in the place of a directory stays while the release has nothing new in it', async () => {
  await using change = await Change.from((tree) =>
    tree.file('etc/app/a', 'a').file('etc/app/sub/b', 'b').hardlink('usr/a', 'etc/app/a').dir('etc/off'),
  )
  change.remove('etc/app').remove('etc/off').write('etc/off', 'none of it')
  symlinkSync('/srv/app', change.at('etc/app'))
  const kept = await change.to(2, (tree) => tree.file('other', 'x'))
  expect(kept).toEqual([
    { path: 'etc/app', outcome: 'kept' },
    { path: 'etc/off', outcome: 'kept' },
  ])
  expect(readlinkSync(change.at('etc/app'))).toBe('/srv/app')
  expect(change.read('etc/off')).toBe('none of it')
  expect(change.read('usr/a')).toBe('a')
  expect(existsSync(change.at('etc/app.vend-new'))).toBe(false)
  expect(await change.to(3, (tree) => tree.file('other', 'y'))).toEqual(kept)
})

test.each([
  ['changed', (tree: TreeRecipe) => tree.file('etc/app/sub/b', 'changed')],
  ['added', (tree: TreeRecipe) => tree.file('etc/app/c', 'c')],
  ['removed', (tree: TreeRecipe) => tree.remove('etc/app/sub/b')],
])('a directory in which the release %s something lies beside what took its place', async (_, build) => {
  await using change = await Change.from((tree) =>
    tree.file('etc/app/a', 'a', { mode: 0o640 }).dir('etc/app/sub', 0o750).file('etc/app/sub/b', 'b'),
  )
  change.remove('etc/app')
  symlinkSync('/srv/app', change.at('etc/app'))
  const kept = await change.to(2, build)
  expect(kept).toEqual([{ path: 'etc/app', outcome: 'kept-beside-new', beside: 'etc/app.vend-new' }])
  expect(readlinkSync(change.at('etc/app'))).toBe('/srv/app')
  const [expected, beside] = [join(change.scenario.expected(2), 'etc/app'), change.at('etc/app.vend-new')]
  expectSameTree(expected, beside)
  // What an earlier update put there gives way to what the next one has.
  const next = await change.to(3, (tree) => tree.remove('etc/app/a').file('etc/app/d', 'd'))
  expect(next).toEqual(kept)
  expectSameTree(join(change.scenario.expected(3), 'etc/app'), beside)
})

test('a local file in a directory that the release no longer has keeps its directory', async () => {
  await using change = await Change.from((tree) =>
    tree.file('etc/app/conf', 'x').dir('etc/app', 0o750).file('etc/plugin/a', 'a'),
  )
  change.write('etc/app/mine', 'mine').write('etc/plugin/mine', 'mine')
  const kept = await change.to(2, (tree) =>
    tree.remove('etc/app').remove('etc/plugin').file('etc/plugin', 'a file now'),
  )
  expect(kept).toEqual([
    { path: 'etc/app/mine', outcome: 'kept' },
    { path: 'etc/plugin', outcome: 'kept-beside-new', beside: 'etc/plugin.vend-new' },
    { path: 'etc/plugin/mine', outcome: 'kept' },
  ])
  expect(change.read('etc/app/mine')).toBe('mine')
  expect(statSync(change.at('etc/app')).mode & 0o777).toBe(0o750)
  expect(existsSync(change.at('etc/app/conf'))).toBe(false)
  expect(change.read('etc/plugin/mine')).toBe('mine')
  expect(change.read('etc/plugin.vend-new')).toBe('a file now')
})

test('local files outlive a release without /etc', async () => {
  await using change = await Change.from((tree) => tree.file('etc/a', 'a').file('bin/x', 'x'))
  change.write('etc/mine', 'mine').write('etc/a', 'changed')
  await change.to(2, (tree) => tree.remove('etc'))
  expect(change.read('etc/mine')).toBe('mine')
  expect(change.read('etc/a')).toBe('changed')
})

test('beside a local file lies what the latest release has', async () => {
  await using change = await Change.from((tree) => tree.file('etc/conf', 'first'))
  change.write('etc/conf', 'mine')
  await change.to(2, (tree) => tree.file('etc/conf', 'second'))
  expect(change.read('etc/conf.vend-new')).toBe('second')
  await change.to(3, (tree) => tree.file('etc/conf', 'third'))
  expect(change.read('etc/conf')).toBe('mine')
  expect(change.read('etc/conf.vend-new')).toBe('third')
  expect(change.read('etc/conf.vend-new.vend-new')).toBeUndefined()
})

test('what somebody made of the file beside is not replaced', async () => {
  await using change = await Change.from((tree) => tree.file('etc/conf', 'first').file('etc/other', 'first'))
  change.write('etc/conf', 'mine').write('etc/other', 'mine').write('etc/other.vend-new', 'mine too')
  const build = (content: string) => (tree: TreeRecipe) =>
    tree.file('etc/conf', content).file('etc/other', content)
  await change.to(2, build('second'))
  expect(change.read('etc/other.vend-new')).toBe('mine too')
  expect(change.read('etc/other.vend-new.2')).toBe('second')
  change.write('etc/conf.vend-new', 'merged')
  const kept = await change.to(3, build('third'))
  expect(kept.find(({ path }) => path === 'etc/conf')?.beside).toBe('etc/conf.vend-new.2')
  expect(change.read('etc/conf.vend-new')).toBe('merged')
  expect(change.read('etc/conf.vend-new.2')).toBe('third')
  expect(change.read('etc/other.vend-new')).toBe('mine too')
  expect(change.read('etc/other.vend-new.2')).toBe('third')
  expect(change.read('etc/other.vend-new.3')).toBeUndefined()
})

test('a file of the release that is called like one beside stays the release’s', async () => {
  await using change = await Change.from((tree) => tree.file('etc/conf', 'first'))
  change.write('etc/conf', 'mine')
  await change.to(2, (tree) => tree.file('etc/conf', 'second').file('etc/conf.vend-new', 'of the release'))
  expect(change.read('etc/conf.vend-new')).toBe('of the release')
  expect(change.read('etc/conf.vend-new.2')).toBe('second')
})

test('a directory that somebody made where a file would lie beside stays, with all that is in it', async () => {
  await using change = await Change.from((tree) => tree.file('etc/conf', 'first'))
  change.write('etc/conf', 'mine').write('etc/conf.vend-new/mine', 'mine')
  await change.to(2, (tree) => tree.file('etc/conf', 'second'))
  expect(change.read('etc/conf.vend-new/mine')).toBe('mine')
  expect(change.read('etc/conf.vend-new.2')).toBe('second')
})

test('beside a file with the longest of names lies one with the beginning of it', async () => {
  const name = `${'n'.repeat(245)}${'é'.repeat(5)}`
  await using change = await Change.from((tree) => tree.file(`etc/${name}`, 'first'))
  change.write(`etc/${name}`, 'mine')
  for (const [version, content] of [
    [2, 'second'],
    [3, 'third'],
  ] as const) {
    await change.to(version, (tree) => tree.file(`etc/${name}`, content))
    expect(change.read(`etc/${name}`)).toBe('mine')
    expect(change.read(`etc/${'n'.repeat(245)}.vend-new`)).toBe(content)
  }
})

test('other holes are not a change', async () => {
  await using change = await Change.from((tree) =>
    tree.shell('mkdir etc; truncate -s 1M etc/sparse; printf data >> etc/sparse'),
  )
  const content = readFileSync(change.at('etc/sparse'))
  change.remove('etc/sparse')
  writeFileSync(change.at('etc/sparse'), content)
  expect(await change.to(2, (tree) => tree.file('other', 'x'))).toEqual([])
  change.write('etc/sparse', 'data')
  expect(await change.to(3, (tree) => tree.file('other', 'y'))).toEqual([
    { path: 'etc/sparse', outcome: 'kept' },
  ])
})

test('a machine with its /etc elsewhere is left as it is', async () => {
  await using change = await Change.from((tree) => tree.file('etc/conf', 'first'))
  renameSync(change.at('etc'), change.at('etc.real'))
  symlinkSync('etc.real', change.at('etc'))
  change.write('etc/conf', 'mine')
  await expect(change.to(2, (tree) => tree.file('other', 'x'))).rejects.toMatchObject({
    code: 'TREE_PATH_BLOCKED',
    path: 'etc',
  })
  expect(change.read('etc/conf')).toBe('mine')
})

test('a release may have a link for its /etc', async () => {
  await using change = await Change.from((tree) => tree.file('usr/etc/conf', 'first').link('etc', 'usr/etc'))
  await change.to(2, (tree) => tree.file('usr/etc/conf', 'second'))
  expect(change.read('etc/conf')).toBe('second')
})

test('what was put aside once is not lost the next time', async () => {
  await using change = await Change.from((tree) => tree.file('etc/conf', 'first'))
  change.write('etc/conf', 'mine')
  await change.to(2, (tree) => tree.remove('etc/conf').file('etc/conf/a', 'a'))
  await change.to(3, (tree) => tree.remove('etc/conf').file('etc/conf', 'third'))
  change.write('etc/conf', 'mine again')
  await change.to(4, (tree) => tree.remove('etc/conf').file('etc/conf/b', 'b'))
  expect(change.read('etc/conf.vend-local')).toBe('mine')
  expect(change.read('etc/conf.vend-local.2')).toBe('mine again')
  expect(change.read('etc/conf/b')).toBe('b')
})

test('a change that the release has made as well is no change any more', async () => {
  await using change = await Change.from((tree) => tree.file('etc/conf', 'first').file('etc/link-1', 'x'))
  change.write('etc/conf', 'same idea')
  linkSync(change.at('etc/link-1'), change.at('etc/link-2'))
  const kept = await change.to(2, (tree) =>
    tree.file('etc/conf', 'same idea').hardlink('etc/link-2', 'etc/link-1'),
  )
  expect(kept).toEqual([])
  change.device.expectRelease(2)
})

test('a rollback goes back to the configuration of that root', async () => {
  await using change = await Change.from((tree) => tree.file('etc/conf', 'first'))
  await change.to(2, (tree) => tree.file('usr/x', 'x'))
  change.write('etc/conf', 'changed in the second')
  change.device.open().rollback()
  expect(change.read('etc/conf')).toBe('first')
  expect(lstatSync(change.device.root).isSymbolicLink()).toBe(true)
})
