import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { Scenario } from '../../support/scenario.ts'
import { CommandLine } from './client-world.ts'

let world: Scenario
let machine: CommandLine

const missing = { name: 'depmod', run: ['/sbin/depmod', '-a', 'two words'] }

beforeAll(async () => {
  world = await Scenario.create()
  await world.release(10, {
    base: {
      tree: (tree) => tree.file('base', 'b'),
      traits: { essential: true, description: 'what all have' },
    },
    desktop: { tree: (tree) => tree.file('desktop', 'd'), traits: { optional: ['games'] } },
    games: { tree: (tree) => tree.file('games', 'g'), traits: { optional: ['music'] } },
    music: { tree: (tree) => tree.file('music', 'm') },
    kernel: { image: Buffer.from('a kernel') },
    broken: { tree: (tree) => tree.file('broken', 'x'), traits: { hooks: [missing] } },
  })
  await world.serve()
})

beforeEach(() => {
  machine = new CommandLine(world)
})

afterAll(async () => {
  await world[Symbol.asyncDispose]()
})

test('an essential module is there without being asked for, and stays', async () => {
  await machine.init('--modules', 'music')
  expect(await machine.json(0, 'update')).toMatchObject({ modules: ['base', 'music'] })
  expect(await machine.fails(4, 'module', 'remove', 'base')).toMatch(
    /^MODULE_NEEDED .*"base" cannot be removed: it is essential, and every machine has it/,
  )
})

test('optional modules come along unless they are left out', async () => {
  await machine.init('--modules', 'music')
  expect(await machine.json(0, 'module', 'add', 'desktop', '--no-optional')).toMatchObject({
    modules: ['desktop', 'music'],
  })
  expect(await machine.json(0, 'module', 'add', 'desktop')).toMatchObject({
    modules: ['desktop', 'games', 'music'],
  })
  expect(await machine.json(0, 'module', 'remove', 'games')).toMatchObject({ modules: ['desktop', 'music'] })
})

test('a new machine gets them, too', async () => {
  await machine.init('--modules', 'desktop')
  expect(await machine.json(0, 'status')).toMatchObject({ modules: ['desktop', 'games', 'music'] })
  machine = new CommandLine(world)
  await machine.init('--modules', 'desktop', '--no-optional')
  expect(await machine.json(0, 'status')).toMatchObject({ modules: ['desktop'] })
})

test('the list says what is unusual about modules', async () => {
  await machine.init('--modules', 'music')
  const list = await machine.text(0, 'module', 'list')
  expect(list).toMatch(/^base .*\(essential\) what all have$/m)
  expect(list).toMatch(/^kernel .*\(image\)$/m)
  expect(await machine.json(0, 'module', 'list')).toMatchObject({
    modules: [
      { name: 'base', essential: true, kind: 'root', description: 'what all have' },
      { name: 'broken', essential: false, description: null },
      { name: 'desktop', optional: ['games'] },
      { name: 'games' },
      { name: 'kernel', kind: 'image' },
      { name: 'music' },
    ],
  })
})

test('what would run is explained, and a hook that fails ends with a code of its own', async () => {
  await machine.init('--modules', 'broken,kernel')
  const explained = await machine.text(20, 'check', '--explain')
  expect(explained).toMatch(/^ +images +kernel$/m)
  expect(explained).toMatch(/^ +hooks +depmod of broken: "\/sbin\/depmod" "-a" "two words"$/m)
  expect(await machine.json(20, 'check')).toMatchObject({
    hooks: [{ module: 'broken', ...missing }],
    images: ['kernel'],
  })
  expect(await machine.fails(16, 'update')).toMatch(
    /^HOOK_FAILED .*"depmod" of the module broken failed: \/sbin\/depmod is not in the new root/,
  )
  expect(existsSync(join(machine.directory, 'root'))).toBe(false)
})

test('images are written where they are wanted, shown and verified', async () => {
  await machine.init('--modules', 'kernel')
  const [a, b] = ['a', 'b'].map((name) => join(machine.directory, `boot-${name}`))
  expect(await machine.text(0, 'image', 'set', 'kernel', a ?? '', b ?? '')).toMatch(/with root a +\/.*boot-a/)
  expect(await machine.text(0, 'update')).toMatch(/images +kernel: 8 B written to .*boot-a/)
  expect(readFileSync(a ?? '', 'utf8')).toBe('a kernel')
  expect(await machine.text(0, 'status')).toMatch(/image kernel +.*boot-a/)
  expect(await machine.json(0, 'status')).toMatchObject({
    slots: { a: { images: [{ module: 'kernel', place: a }], hooks: 0 } },
  })
  expect(await machine.json(0, 'verify')).toMatchObject({ images: [{ module: 'kernel', problem: null }] })
  expect(await machine.json(0, 'image', 'reset', 'kernel')).toEqual({ module: 'kernel' })
})
