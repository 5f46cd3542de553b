import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { commit } from '../../../src/repository/commit.ts'
import { loadState } from '../../../src/repository/repository-state.ts'
import { Machine } from '../../../src/client/machine.ts'
import { Scenario, type Device } from '../../support/scenario.ts'

let world: Scenario
let device: Device
let machine: Machine

beforeEach(async () => {
  world = await Scenario.create()
  await world.release(10, { base: (tree) => tree.file('a', '10') }, { context: { threads: 1 } })
  device = await world.machine()
  machine = new Machine(device.directory)
  await device.update()
})

afterEach(async () => {
  await world[Symbol.asyncDispose]()
})

async function publish(version: number): Promise<void> {
  await world.release(
    version,
    { base: (tree) => tree.file('a', String(version)) },
    { context: { threads: 1 } },
  )
}

function trustFile(name: string): string {
  return join(device.directory, 'trust', name)
}

/** The repository's directory as it is now, to go back to. */
function keepRepository(): () => void {
  const kept = join(world.directory, 'kept')
  rmSync(kept, { recursive: true, force: true })
  cpSync(world.repository, kept, { recursive: true })
  return () => {
    rmSync(world.repository, { recursive: true })
    cpSync(kept, world.repository, { recursive: true })
  }
}

test('a machine proves its release and every head that it saw, and then remembers the last', async () => {
  await publish(11)
  await machine.check()
  await publish(12)
  const { head, earlier, release } = await machine.audit()
  expect(head.size).toBe(6)
  expect(earlier.map(({ size }) => size)).toEqual([2, 4, 6])
  expect(release).toEqual({ version: 10, entry: 0 })
  await device.update()
  expect(await machine.audit()).toMatchObject({
    earlier: [{ size: 6 }],
    release: { version: 12, entry: 4 },
  })
})

test('checking and updating ask for nothing of the log', async () => {
  const server = await world.serve()
  await publish(11)
  await machine.check()
  await device.update()
  expect(server.requests.filter(({ path }) => path.includes('/log/'))).toEqual([])
})

test('a log that is shorter, gone or other at the same size is refused before anything is kept', async () => {
  const restore = keepRepository()
  await publish(11)
  await machine.check()
  const trusted = readFileSync(trustFile('snapshot.json'))
  restore()
  await forge(0)
  await expect(machine.check()).rejects.toMatchObject({
    code: 'UNTRUSTED',
    message: expect.stringContaining('has shrunk from 4 entries to 2') as unknown,
  })
  await forge(2)
  await expect(machine.check()).rejects.toMatchObject({
    code: 'UNTRUSTED',
    message: expect.stringContaining('two roots at 4 entries') as unknown,
  })
  expect(readFileSync(trustFile('snapshot.json'))).toEqual(trusted)
})

/** What whoever has all keys can sign: other documents, under numbers so high that TUF alone sees nothing wrong. */
async function forge(documents: number): Promise<void> {
  const context = { store: world.store, keys: world.keys, now: new Date() }
  for (let i = 0; i < documents; i++) {
    const forged = Buffer.from(`{"forged":${i}}`)
    const channels = new Map([['channels/other.json', forged]])
    await commit(context, await loadState(world.store), { channels })
  }
  const renewed = new Set(['targets', 'releases', 'channels'] as const)
  for (let i = 0; i < 4; i++) await commit(context, await loadState(world.store), { renewed })
}

test('a fork that is longer is found by the audit, and told from a damaged mirror', async () => {
  const restore = keepRepository()
  await publish(11)
  await machine.check()
  restore()
  await forge(3)
  await machine.check()
  await expect(machine.audit()).rejects.toMatchObject({
    code: 'UNTRUSTED',
    message: expect.stringContaining('the log of 4 entries') as unknown,
  })
  // It is not forgotten by being asked again.
  await expect(machine.audit()).rejects.toMatchObject({ code: 'UNTRUSTED' })
})

test('damaged and missing tiles prove nothing, and accuse nobody', async () => {
  await publish(11)
  await machine.check()
  const tile = join(world.repository, 'log/tile/0/000.p/4')
  const bytes = readFileSync(tile)
  writeFileSync(tile, Buffer.from(bytes).fill(1, 0, 8))
  await expect(machine.audit()).rejects.toMatchObject({ code: 'OBJECT_CORRUPT' })
  rmSync(tile)
  await expect(machine.audit()).rejects.toMatchObject({ code: 'LOG_INVALID' })
  writeFileSync(tile, bytes)
  const entries = join(world.repository, 'log/tile/entries/000.p/4')
  const right = readFileSync(entries)
  writeFileSync(
    entries,
    Buffer.from(right.toString('latin1').replace('releases/10', 'releases/20'), 'latin1'),
  )
  await expect(machine.audit()).rejects.toMatchObject({ code: 'OBJECT_CORRUPT' })
  writeFileSync(entries, right)
  expect((await machine.audit()).release).toEqual({ version: 10, entry: 0 })
})

test('a machine that was given a release of its own finds out', async () => {
  const record = join(device.directory, 'slots/a.json')
  const text = readFileSync(record, 'utf8')
  writeFileSync(record, text.replace(/sha256:[0-9a-f]{64}/, `sha256:${'0'.repeat(64)}`))
  await expect(machine.audit()).rejects.toMatchObject({
    code: 'UNTRUSTED',
    message: expect.stringContaining('is not what the repository has as release 10') as unknown,
  })
})
