import {
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Scenario, type Device } from '../support/scenario.ts'
import { noise } from '../support/tree-recipe.ts'

function spoil(file: string): void {
  const fd = openSync(file, 'r+')
  writeSync(fd, 'X', 2_999_990)
  closeSync(fd)
}

function replace(device: Device, at: string, text: string): void {
  writeFileSync(join(device.root, `${at}.new`), text)
  renameSync(join(device.root, `${at}.new`), join(device.root, at))
}

function read(device: Device, at: string): string {
  return readFileSync(join(device.root, at), 'utf8')
}

test('a repair that the server cannot serve leaves a program as it was, and one that it can makes it whole', async () => {
  await using scenario = await Scenario.create()
  await scenario.release(1, { base: (tree) => tree.file('bin/sh', noise(5, 3_000_000), { mode: 0o755 }) })
  const device = await scenario.machine()
  await device.update()
  const program = join(device.root, 'bin/sh')
  spoil(program)
  const spoiled = readFileSync(program)
  const chunks = readdirSync(join(scenario.repository, 'chunks'), { recursive: true, encoding: 'utf8' })
  for (const chunk of chunks.filter((name) => name.endsWith('.cacnk'))) {
    const stored = join(scenario.repository, 'chunks', chunk)
    renameSync(stored, `${stored}.away`)
    await expect(device.verify(true)).rejects.toMatchObject({ code: 'OBJECT_MISSING' })
    expect(readFileSync(program).equals(spoiled)).toBe(true)
    expect(statSync(program).mode & 0o7777).toBe(0o755)
    expect(readdirSync(join(device.root, 'bin'))).toEqual(['sh'])
    renameSync(`${stored}.away`, stored)
  }
  await device.verify(true)
  device.expectRelease(1)
})

test('a local file and what the release links to it go their own ways', async () => {
  await using scenario = await Scenario.create()
  await scenario.release(1, {
    base: (tree) => {
      tree.file('etc/y', 'release').hardlink('usr/z', 'etc/y')
      tree.file('bin/x', 'program').hardlink('etc/x', 'bin/x')
    },
  })
  const device = await scenario.machine()
  await device.update()
  replace(device, 'etc/y', 'mine')
  replace(device, 'etc/x', 'mine too')
  await scenario.release(2, { base: (tree) => tree.file('usr/new', 'new') })
  await device.update()
  expect(await device.verify(true)).toMatchObject({ damaged: 0, repaired: [] })
  writeFileSync(join(device.root, 'usr/z'), 'damaged')
  writeFileSync(join(device.root, 'bin/x'), 'damaged')
  expect(await device.verify(true)).toMatchObject({ damaged: 2, repaired: ['bin/x', 'usr/z'] })
  rmSync(join(device.root, 'etc/y'))
  rmSync(join(device.root, 'usr/z'))
  await device.verify(true)
  expect((await device.verify()).damaged).toBe(0)
  expect([read(device, 'usr/z'), read(device, 'bin/x'), read(device, 'etc/x')]).toEqual([
    'release',
    'program',
    'mine too',
  ])
})
