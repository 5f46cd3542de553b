import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { encodeChannel } from '../../../manifests/channel.ts'
import { commit } from '../../../src/repository/commit.ts'
import { loadState } from '../../../src/repository/repository-state.ts'
import { keep, Scenario, type Device } from '../../support/scenario.ts'

function read(device: Device, path: string): string {
  return readFileSync(join(device.root, path), 'utf8')
}

test('a lost record of what is installed costs nothing of /etc', async () => {
  await using scenario = await Scenario.create()
  await scenario.release(10, { base: (tree) => tree.file('etc/a', 'release 10').file('etc/b', 'the same') })
  const device = await scenario.machine()
  await device.update()
  writeFileSync(join(device.root, 'etc/a'), 'mine')
  writeFileSync(join(device.root, 'etc/added'), 'mine too')
  rmSync(join(device.directory, 'slots/a.json'))
  await scenario.release(20, { base: (tree) => tree.file('etc/a', 'release 20') })

  const { kept } = await device.update()

  expect(read(device, 'etc/a')).toBe('mine')
  expect(read(device, 'etc/a.vend-new')).toBe('release 20')
  expect(read(device, 'etc/added')).toBe('mine too')
  expect(read(device, 'etc/b')).toBe('the same')
  expect(kept.map(({ path }) => path)).toEqual(['etc/a', 'etc/added'])
})

test('the root that the system runs from is not built anew', async () => {
  await using scenario = await Scenario.create()
  await scenario.release(10, { base: (tree) => tree.file('version', '10') })
  const device = await scenario.machine()
  await device.update()
  await scenario.release(20, { base: (tree) => tree.file('version', '20') })
  await device.update()
  await scenario.release(30, { base: (tree) => tree.file('version', '30') })
  const runningRoot = join(device.directory, 'roots/a')

  await expect(device.update({ runningRoot })).rejects.toMatchObject({
    code: 'ROOT_RUNNING',
    hint: expect.stringContaining('restart') as string,
  })

  expect(readFileSync(join(runningRoot, 'version'), 'utf8')).toBe('10')
  expect(device.open().rollback()).toMatchObject({ to: 10 })
})

test('a document that was signed under another name is not taken', async () => {
  await using scenario = await Scenario.create()
  await scenario.release(10, { base: keep })
  const device = await scenario.machine()
  const { store, keys } = scenario
  const other = encodeChannel({
    channel: 'edge',
    version: 10,
    waypoints: [],
    rollout: { seed: '', steps: [{ at: '2026-01-31T00:00:00Z', fraction: 10_000 }] },
    halted: false,
  })
  const channels = new Map([['channels/stable.json', Buffer.from(other)]])
  await commit({ store, keys, now: new Date() }, await loadState(store), { channels })

  await expect(device.update()).rejects.toMatchObject({
    code: 'UNTRUSTED',
    message: expect.stringContaining('channel "edge"') as string,
  })
})
