import { cpSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { UpdateResult } from '../../src/client/machine.ts'
import { refreshExpiry } from '../../src/repository/refresh.ts'
import { FileServer, type ServerFault } from '../support/file-server.ts'
import { startNginx } from '../support/nginx.ts'
import { publishPack, type TestPack } from '../support/pack-maker.ts'
import { Scenario, type Device } from '../support/scenario.ts'
import { noise, type TreeRecipe } from '../support/tree-recipe.ts'

let world: Scenario
/** What machines prefer. */
let first: FileServer
let second: FileServer
let installed: Device
let pack: TestPack

beforeAll(async () => {
  world = await Scenario.create()
  second = await world.serve()
  first = await FileServer.start(world.repository)
  await world.release(10, { base: write((seed) => noise(seed, 500_000)) })
  installed = await world.machine({ url: first.url, connection: { mirrors: [second.url] } })
  await installed.update()
  cpSync(world.repository, join(world.directory, 'old'), { recursive: true })
  await world.release(11, { base: write(edited) })
  pack = await publishPack(world, 10, 11, { perGroup: 1 })
})
afterEach(() => {
  for (const server of [first, second]) {
    server.behave()
    server.forget()
  }
})
afterAll(async () => {
  await first[Symbol.asyncDispose]()
  await world[Symbol.asyncDispose]()
})

function edited(seed: number): Buffer {
  const content = noise(seed, 500_000)
  return Buffer.concat([content.subarray(0, 250_000), noise(seed + 50, 20_000), content.subarray(250_000)])
}

function write(content: (seed: number) => Buffer): (tree: TreeRecipe) => void {
  return (tree) => {
    for (let i = 1; i <= 4; i++) tree.file(`lib/${i}`, content(i))
  }
}

const isPack = (path: string): boolean => path.startsWith('packs/')
const isChunk = (path: string): boolean => path.startsWith('chunks/')
const isTimestamp = (path: string): boolean => path.endsWith('/timestamp.json')

function copy(): Device {
  second.forget()
  first.forget()
  return world.copyOf(installed)
}

/** Breaks the first mirror where `isIt`, and updates a machine all the same. */
async function updateDespite(isIt: (path: string) => boolean, fault: ServerFault): Promise<UpdateResult> {
  first.fault = ({ path }) => (isIt(path) ? fault : undefined)
  const device = copy()
  const result = await device.update()
  device.expectRelease(11)
  world.forget(device)
  return result
}

test('while the first mirror works the others cost nothing', async () => {
  const device = copy()
  expect(await device.update()).toMatchObject({ to: 11, requests: 6, mirrors: { used: first.url, left: [] } })
  expect(await device.open().check()).toMatchObject({
    move: false,
    requests: 2,
    mirrors: { used: first.url },
  })
  expect(second.requests).toEqual([])
})

test('a pack whose mirror dies in the middle is gone on with at the next', async () => {
  let asked = 0
  first.fault = ({ path }) => {
    if (!isPack(path)) return undefined
    return ++asked === 1 ? { kind: 'cut', after: 30_000 } : { kind: 'status', status: 503 }
  }
  const device = copy()
  const result = await device.update()
  device.expectRelease(11)
  expect(result).toMatchObject({
    fetchedChunks: 0,
    deliveries: [{ means: 'pack' }],
    mirrors: { used: second.url, left: [{ url: first.url, code: 'SERVER_UNREACHABLE' }] },
  })
  expect(second.requests).toMatchObject([{ range: 'bytes=30000-' }])
  expect(second.bytes).toBe(pack.bytes.length - 30_000)
})

test('a pack that is damaged at its beginning comes from the next mirror', async () => {
  first.rewrite = (path, body) => (isPack(path) ? Buffer.from(body.map((byte) => byte ^ 0xff)) : body)
  const device = copy()
  expect(await device.update()).toMatchObject({
    deliveries: [{ means: 'pack' }],
    mirrors: { used: second.url, left: [{ code: 'PACK_CORRUPT' }] },
  })
  device.expectRelease(11)
})

test('a pack that cannot be applied costs its mirror, and chunks come from the next', async () => {
  first.rewrite = (path, body) => (isPack(path) ? spoiltMiddle(body) : body)
  const device = copy()
  const result = await device.update()
  device.expectRelease(11)
  expect(result.mirrors).toMatchObject({
    used: second.url,
    left: [{ url: first.url, code: expect.stringMatching(/^PACK_/) as string }],
  })
  expect(result.fetchedChunks).toBeGreaterThan(0)
  expect(first.count('chunks/')).toBe(0)
})

function spoiltMiddle(body: Buffer): Buffer {
  const spoilt = Buffer.from(body)
  spoilt.fill(0x55, 20_000, 45_000)
  return spoilt
}

test('a pack that only its first mirror has, and that dies, gives way to chunks', async () => {
  first.fault = ({ path }) => (isPack(path) ? { kind: 'cut', after: 30_000 } : undefined)
  second.fault = ({ path }) => (isPack(path) ? { kind: 'status', status: 404 } : undefined)
  let asked = 0
  first.fault = ({ path }) => {
    if (!isPack(path)) return undefined
    return ++asked === 1 ? { kind: 'cut', after: 30_000 } : { kind: 'status', status: 500 }
  }
  const device = copy()
  const result = await device.update()
  device.expectRelease(11)
  expect(result).toMatchObject({ deliveries: [{ means: 'chunks' }], mirrors: { used: second.url } })
})

const withoutPacks = (path: string): boolean => isPack(path)

test('a chunk whose mirror dies in the middle is gone on with at the next', async () => {
  let chunks = 0
  second.fault = ({ path }) => (withoutPacks(path) ? { kind: 'status', status: 404 } : undefined)
  first.fault = ({ path }) => {
    if (isPack(path)) return { kind: 'status', status: 404 }
    if (!isChunk(path)) return undefined
    return ++chunks === 1 ? { kind: 'cut', after: 5000 } : { kind: 'status', status: 500 }
  }
  const device = copy()
  const result = await device.update()
  device.expectRelease(11)
  expect(result.mirrors).toMatchObject({ used: second.url, left: [{ url: first.url }] })
  expect(second.requests.map(({ range }) => range)).toContain('bytes=5000-')
})

test.each<[string, (path: string) => boolean, ServerFault, string]>([
  ['fails everywhere', () => true, { kind: 'status', status: 500 }, 'SERVER_UNREACHABLE'],
  ['has lost its timestamp', isTimestamp, { kind: 'status', status: 404 }, 'SERVER_REFUSED'],
  [
    'has lost its snapshot',
    (path) => path.includes('snapshot'),
    { kind: 'status', status: 404 },
    'SERVER_REFUSED',
  ],
  ['has another timestamp', isTimestamp, { kind: 'bytes', body: Buffer.from('{}') }, 'UNTRUSTED'],
  ['is a page', () => true, { kind: 'bytes', body: Buffer.from('<html>') }, 'UNTRUSTED'],
])('a mirror that %s is left', async (_, isIt, fault, code) => {
  expect((await updateDespite(isIt, fault)).mirrors).toMatchObject({ used: second.url, left: [{ code }] })
})

test.each<[string, ServerFault, string]>([
  ['lacks chunks', { kind: 'status', status: 404 }, 'OBJECT_MISSING'],
  ['lies about chunks', { kind: 'bytes', body: noise(99, 1000) }, 'OBJECT_CORRUPT'],
])('a mirror that %s is left', async (_, fault, code) => {
  second.fault = ({ path }) => (isPack(path) ? { kind: 'status', status: 404 } : undefined)
  first.fault = ({ path }) => {
    if (isPack(path)) return { kind: 'status', status: 404 }
    return isChunk(path) ? fault : undefined
  }
  const device = copy()
  expect((await device.update()).mirrors).toMatchObject({
    used: second.url,
    left: [{ url: first.url, code }],
  })
  device.expectRelease(11)
})

test('every mirror is checked the same: a liar behind the first is no better', async () => {
  first.fault = () => ({ kind: 'status', status: 500 })
  second.rewrite = (path, body) => (isChunk(path) ? noise(7, body.length) : body)
  second.fault = ({ path }) => (isPack(path) ? { kind: 'status', status: 404 } : undefined)
  const device = copy()
  await expect(device.update()).rejects.toMatchObject({
    code: 'OBJECT_CORRUPT',
    message: expect.stringMatching(
      new RegExp(`^no mirror is left to ask:\n {2}${first.url}: .*500\n {2}${second.url}: chunk sha256:`),
    ) as string,
  })
  device.expectRelease(10)
})

test('all mirrors down: the machine stays, and says of each why', async () => {
  for (const server of [first, second]) server.fault = () => ({ kind: 'status', status: 503 })
  const device = copy()
  await expect(device.update()).rejects.toMatchObject({
    code: 'SERVER_UNREACHABLE',
    message: expect.stringContaining(second.url) as string,
  })
  device.expectRelease(10)
})

test('a mirror with an older state than a machine has seen is left', async () => {
  await using old = await FileServer.start(join(world.directory, 'old'))
  const device = copy()
  await device.update()
  device.open().setConnection(old.url, { mirrors: [second.url] })
  expect(await device.open().check()).toMatchObject({
    installed: 11,
    mirrors: { used: second.url, left: [{ url: old.url, code: 'UNTRUSTED' }] },
  })
})

test('a frozen mirror hides nothing for longer than a day', async () => {
  await using frozen = await FileServer.start(join(world.directory, 'old'))
  const device = copy()
  device.open().setConnection(frozen.url, { mirrors: [second.url] })
  // TUF permits it while the timestamp lasts; and another mirror is not asked each time.
  expect(await device.open().check()).toMatchObject({ move: false, requests: 2 })
  expect(second.requests).toEqual([])
  keepSince(device, Date.now() - 25 * 3600 * 1000)
  expect(await device.open().check()).toMatchObject({
    move: true,
    version: 11,
    mirrors: { used: second.url, left: [{ url: frozen.url, code: 'METADATA_STALE' }] },
  })
})

test('when nobody has anything newer, the others are asked once a day', async () => {
  const device = copy()
  await device.update()
  keepSince(device, Date.now() - 25 * 3600 * 1000)
  second.forget()
  expect(await device.open().check()).toMatchObject({ requests: 4, mirrors: { used: first.url, left: [] } })
  expect(second.requests).toHaveLength(2)
  expect(await device.open().check()).toMatchObject({ requests: 2 })
  keepSince(device, Date.now() - 25 * 3600 * 1000)
  second.fault = () => ({ kind: 'status', status: 500 })
  expect(await device.open().check()).toMatchObject({ mirrors: { used: first.url, left: [] } })
  second.behave()
  await refreshExpiry({ store: world.store, keys: world.keys, now: new Date() })
  expect(await device.open().check()).toMatchObject({ mirrors: { used: first.url, left: [] } })
})

/** When the machine saw its timestamp for the first time. */
function keepSince(device: Device, ms: number): void {
  const path = join(device.directory, 'trust/timestamp.json')
  utimesSync(path, ms / 1000, ms / 1000)
}

test('nginx takes over from a mirror that dies', async () => {
  await using nginx = await startNginx(world.repository, join(world.directory, 'nginx'))
  first.fault = ({ path }) => (isPack(path) ? { kind: 'status', status: 500 } : undefined)
  const device = copy()
  device.open().setConnection(first.url, { mirrors: [nginx.url] })
  expect(await device.update()).toMatchObject({
    deliveries: [{ means: 'pack' }],
    mirrors: { used: nginx.url, left: [{ url: first.url }] },
  })
  device.expectRelease(11)
})
