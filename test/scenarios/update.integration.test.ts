import {
  chmodSync,
  existsSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { maxOpenFilesOf } from '../support/open-files.ts'
import { keep, Scenario, type Device } from '../support/scenario.ts'
import { noise, type TreeRecipe } from '../support/tree-recipe.ts'

function firstBase(tree: TreeRecipe): void {
  tree
    .file('etc/hostname', 'machine\n')
    .file('etc/hosts', '127.0.0.1 localhost\n')
    .file('usr/bin/tool', noise(1, 700_000), { mode: 0o755 })
    .file('usr/lib/libfoo.so.1.2', noise(2, 300_000))
    .link('usr/lib/libfoo.so.1', 'libfoo.so.1.2')
    .hardlink('usr/bin/tool-2', 'usr/bin/tool')
    .file('usr/share/empty', '')
    .dir('var/lib/private', 0o700)
  for (let i = 0; i < 200; i++) tree.file(`usr/share/doc/${i}/copyright`, `text ${i % 50}\n`.repeat(i))
}

function secondBase(tree: TreeRecipe): void {
  tree
    .shell('mv usr/lib/libfoo.so.1.2 usr/lib/libfoo.so.1.3')
    .remove('usr/lib/libfoo.so.1')
    .link('usr/lib/libfoo.so.1', 'libfoo.so.1.3')
    .remove('usr/share/doc/7')
    .file('usr/share/doc/8', 'a file in the place of a directory')
    .remove('usr/share/empty')
    .file('usr/share/empty/inside', 'a directory in the place of a file')
    .file('etc/hosts', '127.0.0.1 localhost\n::1 localhost\n')
    .file('usr/bin/new', noise(3, 150_000), { mode: 0o4755 })
    .dir('var/lib/private', 0o711)
}

async function world(): Promise<Scenario> {
  const scenario = await Scenario.create()
  await scenario.release(10, { base: firstBase })
  return scenario
}

const chunks = 'chunks/'

test('a machine installs, updates, rolls back, and updates again without fetching a chunk', async () => {
  await using scenario = await world()
  const server = await scenario.serve()
  const device = await scenario.machine()

  const installed = await device.update()
  expect(installed).toMatchObject({ from: undefined, to: 10, changed: true, slot: 'a', modules: ['base'] })
  expect(installed).toMatchObject({ bytes: server.bytes, requests: server.requests.length })
  device.expectRelease(10)

  await scenario.release(11, { base: secondBase })
  server.forget()
  const updated = await device.update()
  expect(updated).toMatchObject({ from: 10, to: 11, changed: true, slot: 'b', bytes: server.bytes })
  expect(server.bytes).toBeLessThan(400_000)
  device.expectRelease(11)

  expect(device.open().rollback()).toEqual({ from: 11, to: 10, slot: 'a' })
  device.expectRelease(10)

  server.forget()
  const again = await device.update()
  expect(again).toMatchObject({ from: 10, to: 11, changed: true, fetchedChunks: 0 })
  expect(server.count(chunks)).toBe(0)
  device.expectRelease(11)
})

test('nothing new takes two requests and two kilobytes', async () => {
  await using scenario = await world()
  const device = await scenario.machine()
  await device.update()
  const server = await scenario.serve()
  server.forget()
  expect(await device.open().check()).toMatchObject({ move: false, installed: 10, modulesChange: false })
  expect(server.paths).toEqual(['tuf/metadata/2.root.json', 'tuf/metadata/timestamp.json'])
  expect(server.bytes).toBeLessThan(2048)
})

test('an unchanged release under a new number fetches documents alone', async () => {
  await using scenario = await world()
  const device = await scenario.machine()
  await device.update()
  await scenario.release(11, { base: keep })
  const server = await scenario.serve()
  server.forget()
  expect(await device.update()).toMatchObject({ from: 10, to: 11, fetchedChunks: 0 })
  expect(server.paths.every((path) => path.startsWith('tuf/'))).toBe(true)
  device.expectRelease(11)
})

test('a renamed file is not fetched, and an equal content is fetched once', async () => {
  await using scenario = await world()
  const device = await scenario.machine()
  await device.update()
  const content = noise(9, 200_000)
  await scenario.release(11, {
    base: (tree) => {
      tree.shell('mv usr/bin/tool usr/bin/renamed')
      for (const name of ['x', 'y', 'z']) tree.file(`usr/copies/${name}`, content)
    },
  })
  const server = await scenario.serve()
  server.forget()
  await device.update()
  device.expectRelease(11)
  expect(server.bytes).toBeLessThan(250_000)
})

test('thousands of small files in one chunk are not open at once', async () => {
  await using scenario = await Scenario.create()
  const count = 3000
  await scenario.release(1, {
    base: (tree) =>
      tree.shell(`mkdir d; for i in $(seq ${count}); do echo "content $i" > d/$i; done; echo > etc`),
  })
  const device = await scenario.machine()
  const most = await maxOpenFilesOf(async () => device.update())
  device.expectRelease(1)
  expect(most).toBeLessThan(300)
})

test('a modified file of the active root is neither believed nor lost sight of', async () => {
  await using scenario = await world()
  const device = await scenario.machine()
  await device.update()
  const tool = join(device.root, 'usr/bin/tool')
  const bytes = readFileSync(tool)
  bytes[300_000] = (bytes[300_000] ?? 0) ^ 1
  writeFileSync(tool, bytes)
  await scenario.release(11, { base: secondBase })
  await device.update()
  device.expectRelease(11)
})

async function modular(): Promise<Scenario> {
  const scenario = await Scenario.create()
  await scenario.release(10, {
    base: (tree) => tree.file('etc/base', 'base').file('usr/bin/sh', noise(1, 90_000), { mode: 0o755 }),
    editor: { includes: ['runtime'], tree: (tree) => tree.file('usr/bin/editor', noise(2, 80_000)) },
    runtime: (tree) => tree.file('usr/lib/runtime', noise(3, 70_000)).file('usr/lib/small', 'small'),
    games: { includes: ['runtime'], tree: (tree) => tree.file('usr/games/chess', 'e4') },
  })
  return scenario
}

test('modules are added and removed with what they include', async () => {
  await using scenario = await modular()
  const device = await scenario.machine({ modules: ['base'] })
  expect(await device.update()).toMatchObject({ modules: ['base'] })
  device.expectRelease(10, ['base'])

  device.open().setModules((modules) => [...modules, 'editor'])
  expect(await device.open().check()).toMatchObject({ move: false, modulesChange: true })
  expect(await device.update()).toMatchObject({
    from: 10,
    to: 10,
    changed: true,
    modules: ['base', 'editor', 'runtime'],
  })
  device.expectRelease(10, ['base', 'editor', 'runtime'])
  expect(await device.open().modules()).toMatchObject([
    { name: 'base', wanted: true, installed: true },
    { name: 'editor', wanted: true, installed: true, includes: ['runtime'] },
    { name: 'games', wanted: false, installed: false },
    { name: 'runtime', wanted: true, installed: true },
  ])

  device.open().setModules((modules) => modules.filter((name) => name !== 'editor'))
  await device.update()
  device.expectRelease(10, ['base'])
  expect(await device.update()).toMatchObject({ changed: false, fetchedChunks: 0 })
})

test('a machine with all modules follows a release that has others', async () => {
  await using scenario = await modular()
  const device = await scenario.machine()
  await device.update()
  device.expectRelease(10)
  await scenario.release(11, {
    base: keep,
    runtime: (tree) => tree.remove('usr/lib/small').file('usr/lib/new', 'new'),
    music: { includes: ['base'], tree: (tree) => tree.file('usr/lib/small', 'taken over') },
  })
  expect(await device.update()).toMatchObject({ modules: ['base', 'music', 'runtime'] })
  device.expectRelease(11)
})

test('the last module cannot be given up', async () => {
  await using scenario = await modular()
  const device = await scenario.machine({ modules: ['base'] })
  await device.update()
  expect(() => device.open().setModules(() => [])).toThrow(/at least one module/)
  expect(device.open().status().settings.modules).toEqual(['base'])
})

test('a release that requires an earlier one is held back, and reached by way of a waypoint', async () => {
  await using scenario = await world()
  const device = await scenario.machine()
  await device.update()
  await scenario.release(11, { base: secondBase }, { channel: undefined })
  await scenario.release(12, { base: keep }, { requires: 11 })
  await expect(device.update()).rejects.toMatchObject({ code: 'UPDATE_HELD' })
  device.expectRelease(10)
  const { setChannel } = await import('../../src/repository/set-channel.ts')
  const { store, keys } = scenario
  await setChannel({ channel: 'stable', waypoints: [11] }, { store, keys, now: new Date() })
  expect(await device.update()).toMatchObject({ to: 11 })
  expect(await device.update()).toMatchObject({ to: 12 })
  device.expectRelease(12)
})

test('a whole tree of hard cases arrives as it is', async () => {
  const { plainScript, rootScript } = await import('../src/tree/nasty-tree.ts')
  await using scenario = await Scenario.create()
  const script = process.geteuid?.() === 0 ? plainScript + rootScript : plainScript
  await scenario.release(1, { base: (tree) => tree.dir('other') })
  const device = await scenario.machine()
  await device.update()
  await scenario.release(2, { base: (tree) => tree.shell(script) })
  await device.update()
  device.expectRelease(2)
  await scenario.release(3, { base: (tree) => tree.shell('rm -r sub; mv big sub; truncate -s 2M holes') })
  await device.update()
  device.expectRelease(3)
  device.open().rollback()
  device.expectRelease(2)
  await device.update()
  device.expectRelease(3)
})

test('verify finds damage, and repair makes it good again and leaves what it does not know', async () => {
  await using scenario = await world()
  const device = await scenario.machine()
  await device.update()
  expect(await device.verify()).toMatchObject({ version: 10, damaged: 0, findings: [] })
  damage(device)
  const found = await device.verify()
  expect(found.damaged).toBeGreaterThan(8)
  expect(found.findings).toContainEqual({
    path: 'etc/hostname',
    problem: 'different',
    aspects: ['size', 'mtime'].sort(),
    local: true,
  })
  await device.verify(true)
  expect(readFileSync(join(device.root, 'unknown'), 'utf8')).toBe('mine')
  rmSync(join(device.root, 'unknown'))
  await device.verify(true)
  const after = await device.verify()
  expect(after.damaged).toBe(0)
  expect(after.findings.map(({ path }) => path)).toEqual(['etc/hostname'])
  expect(readFileSync(join(device.root, 'etc/hostname'), 'utf8')).toBe('my machine\n')
})

function damage(device: Device): void {
  const at = (path: string): string => join(device.root, path)
  const flipped = readFileSync(at('usr/lib/libfoo.so.1.2'))
  flipped[1000] = (flipped[1000] ?? 0) ^ 64
  writeFileSync(at('usr/lib/libfoo.so.1.2'), flipped)
  rmSync(at('usr/share/doc/3'), { recursive: true })
  rmSync(at('usr/share/empty'))
  rmSync(at('usr/lib/libfoo.so.1'))
  symlinkSync('elsewhere', at('usr/lib/libfoo.so.1'))
  const tool = readFileSync(at('usr/bin/tool'))
  rmSync(at('usr/bin/tool-2'))
  writeFileSync(at('usr/bin/tool-2'), tool)
  chmodSync(at('var/lib/private'), 0o777)
  writeFileSync(at('unknown'), 'mine')
  writeFileSync(at('etc/hostname'), 'my machine\n')
  rmSync(at('usr/share/doc/9'), { recursive: true })
  writeFileSync(at('usr/share/doc/9'), 'a file')
}

test('what is not there is said in words', async () => {
  await using scenario = await world()
  const device = await scenario.machine()
  await expect(device.verify()).rejects.toMatchObject({ code: 'NOT_INSTALLED' })
  expect(() => device.open().rollback()).toThrow(expect.objectContaining({ code: 'NO_PREVIOUS_ROOT' }))
  const stray = await scenario.machine({ channel: 'nightly' })
  await expect(stray.update()).rejects.toMatchObject({ code: 'CHANNEL_MISSING' })
  expect(existsSync(device.root)).toBe(false)
  await device.update()
  expect(readlinkSync(device.root)).toBe('roots/a')
})
