import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { packMemory } from '../../src/pack/pack-header.ts'
import type { FileServer } from '../support/file-server.ts'
import { publishPack, type TestPack } from '../support/pack-maker.ts'
import { runClient } from '../support/run-client.ts'
import { Scenario, type Device } from '../support/scenario.ts'
import { noise, type TreeRecipe } from '../support/tree-recipe.ts'

const files = 8

function edited(seed: number): Buffer {
  const content = noise(seed, 500_000)
  return Buffer.concat([content.subarray(0, 250_000), noise(seed + 50, 20_000), content.subarray(250_000)])
}

function write(content: (seed: number) => Buffer): (tree: TreeRecipe) => void {
  return (tree) => {
    for (let i = 1; i <= files; i++) tree.file(`lib/${i}`, content(i))
  }
}

let scenario: Scenario
let server: FileServer
let installed: Device
let pack: TestPack

beforeAll(async () => {
  scenario = await Scenario.create()
  server = await scenario.serve()
  await scenario.release(10, { base: write((seed) => noise(seed, 500_000)) })
  installed = await scenario.machine()
  await installed.update()
  await scenario.release(11, { base: write(edited) })
  pack = await publishPack(scenario, 10, 11, { perGroup: 1 })
})
afterEach(() => server.behave())
afterAll(async () => scenario[Symbol.asyncDispose]())

const isPack = (path: string): boolean => path.startsWith('packs/')

/** A machine whose update was killed when a part of the pack was there. */
async function killedDownloading(bytes: number): Promise<Device> {
  const victim = scenario.copyOf(installed)
  let asked = 0
  const { signal } = await runClient(victim.directory, 'update', {
    onStart: (child) => {
      server.fault = ({ path }) => {
        if (!isPack(path)) return undefined
        if (++asked === 1) return { kind: 'cut', after: bytes }
        child.kill('SIGKILL')
        return { kind: 'silence' }
      }
    },
  })
  expect(signal).toBe('SIGKILL')
  server.behave()
  server.forget()
  return victim
}

test('a download that was killed goes on in the next run where it ended', async () => {
  const victim = await killedDownloading(100_000)
  const result = await victim.update()
  victim.expectRelease(11)
  expect(result).toMatchObject({ fetchedChunks: 0, deliveries: [{ means: 'pack' }] })
  const asked = server.requests.filter(({ path }) => isPack(path))
  expect(asked).toMatchObject([{ range: 'bytes=100000-', ifRange: expect.stringMatching(/^"/) as string }])
  expect(server.bytes).toBeLessThan(pack.bytes.length - 100_000 + 10_000)
})

test('a download that was killed begins anew when the pack is another one by then', async () => {
  const victim = await killedDownloading(100_000)
  const other = await publishPack(scenario, 10, 11, { perGroup: 2 })
  expect(other.bytes.equals(pack.bytes)).toBe(false)
  const result = await victim.update()
  victim.expectRelease(11)
  expect(result.deliveries).toMatchObject([{ means: 'pack', packBytes: other.bytes.length }])
  await publishPack(scenario, 10, 11, { perGroup: 1 })
})

test('an update killed at any moment of a pack leaves a whole root, and ends well when it is run again', async () => {
  const { events } = await runClient(scenario.copyOf(installed).directory, 'update')
  for (const kind of ['phase', 'progress', 'change'] as const) {
    const points = Math.min(events[kind], 8)
    for (let i = 0; i < points; i++) {
      const event = 1 + Math.floor((i * events[kind]) / points)
      const victim = scenario.copyOf(installed)
      expect((await runClient(victim.directory, 'update', { killAt: { kind, event } })).signal).toBe(
        'SIGKILL',
      )
      expect(victim.isRelease(10) || victim.isRelease(11), `${kind} ${event}`).toBe(true)
      await victim.update()
      victim.expectRelease(11)
      scenario.forget(victim)
    }
  }
})

test('what an interrupted update had made is not made again', async () => {
  const { events } = await runClient(scenario.copyOf(installed).directory, 'update')
  const victim = scenario.copyOf(installed)
  // In the middle of the contents.
  const event = Math.floor(events.progress * 0.7)
  await runClient(victim.directory, 'update', { killAt: { kind: 'progress', event } })
  const made = readdirSync(join(victim.directory, 'roots/b/lib')).filter((name) => {
    const path = join(victim.directory, 'roots/b/lib', name)
    return statSync(path).size === 520_000
  })
  expect(made.length).toBeGreaterThan(1)
  server.forget()
  const { packedBytes } = await victim.update()
  expect(packedBytes).toBeLessThanOrEqual((files - made.length + 1) * 520_000)
  // All of the pack lay there.
  expect(server.count('packs/')).toBe(0)
  victim.expectRelease(11)
})

test('parts of packs that lead elsewhere do not stay', async () => {
  const victim = await killedDownloading(100_000)
  expect(readdirSync(join(victim.directory, 'downloads')).length).toBeGreaterThan(0)
  await scenario.release(12, { base: write((seed) => noise(seed + 9, 300_000)) })
  await victim.update()
  victim.expectRelease(12)
  expect(readdirSync(victim.directory)).not.toContain('downloads')
})

test('packs in a row lead where none leads directly, over contents that are only passed', async () => {
  await using world = await Scenario.create()
  const chained = await world.serve()
  const release = async (version: number, build: (tree: TreeRecipe) => unknown): Promise<unknown> =>
    world.release(version, { base: build, other: (tree) => tree.file('other', 'the same') })
  await release(
    10,
    write((seed) => noise(seed, 500_000)),
  )
  const device = await world.machine()
  await device.update()
  await release(11, write(edited))
  // Nothing changes in it.
  await release(12, () => undefined)
  await release(13, (tree) =>
    tree.file('lib/1', Buffer.concat([edited(1), Buffer.from('and more')])).file('lib/copy', edited(2)),
  )
  const packs = [await publishPack(world, 10, 11), await publishPack(world, 12, 13)]
  chained.forget()
  const result = await device.update()
  device.expectRelease(13)
  expect(result).toMatchObject({ fetchedChunks: 0 })
  expect(result.deliveries).toMatchObject([
    {
      means: 'chain',
      packs: 2,
      packBytes: packs.reduce((sum, { bytes }) => sum + bytes.length, 0),
      problem: 'the repository has no pack from what is installed',
    },
    { means: 'nothing' },
  ])
  expect(chained.count('chunks/')).toBe(0)
  expect(chained.count('manifests/')).toBe(1)
})

test('packs in a row of which one is damaged give way to chunks', async () => {
  await using world = await Scenario.create()
  const chained = await world.serve()
  await world.release(10, { base: write((seed) => noise(seed, 500_000)) })
  const device = await world.machine()
  await device.update()
  await world.release(11, { base: write(edited) })
  await world.release(12, { base: (tree) => tree.file('lib/1', edited(30)) })
  const damaged = await publishPack(world, 10, 11)
  await publishPack(world, 11, 12)
  chained.rewrite = (path, body) => {
    if (path !== damaged.key) return body
    const copy = Buffer.from(body)
    copy.fill(0, copy.length - 100_000)
    return copy
  }
  const { deliveries, fetchedChunks } = await device.update()
  device.expectRelease(12)
  expect(deliveries).toMatchObject([{ problem: expect.any(String) as string }])
  expect(fetchedChunks).toBeGreaterThan(0)
})

test('two modules and several files may need one content', async () => {
  await using world = await Scenario.create()
  const content = noise(200, 300_000)
  await world.release(10, { base: (tree) => tree.file('a', 'a'), extra: (tree) => tree.file('b', 'b') })
  const device = await world.machine()
  await device.update()
  await world.release(11, {
    base: (tree) => tree.file('x/1', content).file('x/2', content),
    extra: (tree) =>
      tree
        .file('y/3', content)
        .shell('truncate -s 9M y/holes; dd if=y/3 of=y/holes bs=1 seek=4M conv=notrunc status=none'),
  })
  await publishPack(world, 10, 11, { module: 'base' })
  await publishPack(world, 10, 11, { module: 'extra' })
  const { fetchedChunks } = await device.update()
  device.expectRelease(11)
  expect(fetchedChunks).toBe(0)
})

test('a client that applies a pack needs less than 192 MiB', async () => {
  await using world = await Scenario.create()
  const old = noise(1, 16 << 20)
  // Compresses to a quarter, so that groups are as large as they may be and the pack costs less than chunks.
  const added = noise(2, 15 << 20).map((byte) => 97 + (byte & 3))
  await world.release(10, { base: (tree) => tree.file('big', old) })
  const device = await world.machine()
  await device.update()
  const half = old.length >> 1
  await world.release(11, {
    base: (tree) => tree.file('big', Buffer.concat([old.subarray(0, half), added, old.subarray(half)])),
  })
  const { header } = await publishPack(world, 10, 11, { partBytes: 16 << 20 })
  expect(packMemory(header)).toBeGreaterThan(16 << 20)
  const answer = await runClient(device.directory, 'update')
  expect(answer.result).toMatchObject({ fetchedChunks: 0, deliveries: [{ means: 'pack' }] })
  device.expectRelease(11)
  expect(answer.maxRssBytes).toBeLessThan(192 << 20)
})
