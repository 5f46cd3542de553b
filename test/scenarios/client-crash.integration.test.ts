import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runClient, type RunClientOptions } from '../support/run-client.ts'
import { Scenario, type Device } from '../support/scenario.ts'
import { noise } from '../support/tree-recipe.ts'

type Kill = NonNullable<RunClientOptions['killAt']>

let scenario: Scenario
let empty: Device
let installed: Device

beforeAll(async () => {
  scenario = await Scenario.create()
  await scenario.release(10, {
    base: (tree) =>
      tree
        .file('bin/tool', noise(1, 300_000), { mode: 0o755 })
        .hardlink('bin/tool-2', 'bin/tool')
        .file('etc/config', 'as released\n')
        .file('lib/gone', 'gone')
        .link('lib/link', 'gone'),
    extra: (tree) => tree.file('lib/extra/data', noise(2, 120_000)),
  })
  empty = await scenario.machine()
  installed = scenario.copyOf(empty)
  await installed.update()
  await scenario.release(11, {
    base: (tree) =>
      tree
        .file('bin/tool', noise(3, 400_000), { mode: 0o755 })
        .hardlink('bin/tool-2', 'bin/tool')
        .file('bin/new', noise(4, 100_000))
        .remove('lib/gone')
        .dir('lib/gone')
        .link('lib/link', 'extra'),
    extra: (tree) => tree.file('lib/extra/data', noise(5, 130_000)),
  })
})

afterAll(async () => scenario[Symbol.asyncDispose]())

/** Every event of these kinds in an undisturbed run, or as many of them, evenly spread. */
async function killPoints(device: Device, command: 'update' | 'rollback', most: number): Promise<Kill[]> {
  const { events, error } = await runClient(scenario.copyOf(device).directory, command)
  expect(error).toBeUndefined()
  return (['phase', 'progress', 'change'] as const).flatMap((kind) => {
    const points = Math.min(events[kind], most)
    return Array.from({ length: points }, (_, i) => ({
      kind,
      event: 1 + Math.floor((i * events[kind]) / points),
    }))
  })
}

async function interrupt(device: Device, killAt: Kill, command: 'update' | 'rollback'): Promise<Device> {
  const victim = scenario.copyOf(device)
  const { signal } = await runClient(victim.directory, command, { killAt })
  expect(signal, `${killAt.kind} ${killAt.event}`).toBe('SIGKILL')
  return victim
}

/** Two at a time: much of a process's life is its start. */
async function forEach(kills: readonly Kill[], visit: (kill: Kill) => Promise<void>): Promise<void> {
  const queue = [...kills]
  const work = async (): Promise<void> => {
    for (let kill = queue.shift(); kill !== undefined; kill = queue.shift()) await visit(kill)
  }
  await Promise.all([work(), work()])
}

test('an update killed at any moment leaves the old root or the new one, and can be run again', async () => {
  const kills = await killPoints(installed, 'update', 16)
  expect(kills.length).toBeGreaterThan(30)
  await forEach(kills, async (killAt) => {
    const victim = await interrupt(installed, killAt, 'update')
    const where = `${killAt.kind} ${killAt.event}`
    expect(victim.isRelease(10) || victim.isRelease(11), where).toBe(true)
    expect(await victim.update(), where).toMatchObject({ to: 11 })
    victim.expectRelease(11)
    scenario.forget(victim)
  })
})

test('a first install killed at any moment leaves no root or a whole one, and can be run again', async () => {
  const kills = await killPoints(empty, 'update', 5)
  await forEach(kills, async (killAt) => {
    const victim = await interrupt(empty, killAt, 'update')
    expect(existsSync(victim.root) === victim.isRelease(11), `${killAt.kind} ${killAt.event}`).toBe(true)
    await victim.update()
    victim.expectRelease(11)
    scenario.forget(victim)
  })
})

test('a rollback killed at any moment leaves one of the two roots', async () => {
  const device = scenario.copyOf(installed)
  await device.update()
  await forEach(await killPoints(device, 'rollback', 16), async (killAt) => {
    const victim = await interrupt(device, killAt, 'rollback')
    expect(victim.isRelease(10) || victim.isRelease(11)).toBe(true)
    if (victim.isRelease(11)) victim.open().rollback()
    victim.expectRelease(10)
    scenario.forget(victim)
  })
})

test('an update killed by the n-th request goes on from there', async () => {
  const server = await scenario.serve()
  server.forget()
  const whole = scenario.copyOf(installed)
  await whole.update()
  const total = server.requests.length
  for (let n = 1; n <= total; n += Math.ceil(total / 8)) {
    const victim = scenario.copyOf(installed)
    server.forget()
    const running = runClient(victim.directory, 'update', {
      onStart: (child) => {
        server.fault = ({ index }) => {
          if (index === n) child.kill('SIGKILL')
          return index === n ? { kind: 'silence' } : undefined
        }
      },
    })
    expect((await running).signal).toBe('SIGKILL')
    server.behave()
    victim.expectRelease(10)
    await victim.update()
    victim.expectRelease(11)
    scenario.forget(victim)
  }
})

test('local configuration survives an interrupted update', async () => {
  const device = scenario.copyOf(installed)
  writeFileSync(join(device.root, 'etc/config'), 'as I want it\n')
  const { events } = await runClient(scenario.copyOf(device).directory, 'update')
  const victim = await interrupt(device, { kind: 'change', event: Math.floor(events.change * 0.8) }, 'update')
  await victim.update()
  expect(readFileSync(join(victim.root, 'etc/config'), 'utf8')).toBe('as I want it\n')
})

test('a repair that was interrupted can be run again', async () => {
  const device = scenario.copyOf(installed)
  rmSync(join(device.root, 'bin'), { recursive: true })
  const { events } = await runClient(scenario.copyOf(device).directory, 'repair')
  for (let event = 1; event <= events.change; event += 2) {
    const victim = scenario.copyOf(device)
    const { signal } = await runClient(victim.directory, 'repair', { killAt: { kind: 'change', event } })
    expect(signal).toBe('SIGKILL')
    await victim.verify(true)
    victim.expectRelease(10)
    scenario.forget(victim)
  }
})
