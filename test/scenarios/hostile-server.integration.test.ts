import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { createRepository } from '../../src/repository/create-repository.ts'
import { publishRelease } from '../../src/ingest/publish-release.ts'
import { KeyRing } from '../../src/trust/key-ring.ts'
import { FilesystemStore } from '../../storage/filesystem-store.ts'
import { FileServer, type ServerFault, type ServedRequest } from '../support/file-server.ts'
import { dropCarriedDocuments } from '../support/plain-documents.ts'
import { runClient } from '../support/run-client.ts'
import { Scenario, type Device } from '../support/scenario.ts'
import { noise } from '../support/tree-recipe.ts'
import { DirectoryTree } from '../../src/tree/tree-source.ts'

let scenario: Scenario
let server: FileServer
let device: Device

beforeAll(async () => {
  scenario = await Scenario.create()
  server = await scenario.serve()
  await scenario.release(10, { base: (tree) => tree.file('bin/tool', noise(1, 300_000)) })
  device = await scenario.machine()
  await device.update()
  await scenario.release(11, { base: (tree) => tree.file('bin/tool', noise(2, 400_000)) })
  // Documents that the metadata carries no server can harm.
  await dropCarriedDocuments({ store: scenario.store, keys: scenario.keys, now: new Date() })
})

afterEach(() => server.behave())
afterAll(async () => scenario[Symbol.asyncDispose]())

const megabyte = 1 << 20

/** Whatever the server does, the machine stays as it is, says what is wrong in a code, and needs no more memory. */
async function expectRefused(code: string, message: RegExp, victim = scenario.copyOf(device)): Promise<void> {
  const answer = await runClient(victim.directory, 'update')
  expect(answer).toMatchObject({ error: { code, message: expect.stringMatching(message) as string } })
  expect(answer.maxRssBytes).toBeLessThan(300 * megabyte)
  victim.expectRelease(10)
  server.behave()
  expect(await victim.update()).toMatchObject({ to: 11 })
  victim.expectRelease(11)
  scenario.forget(victim)
}

function when(
  isIt: (path: string) => boolean,
  fault: ServerFault,
): (request: ServedRequest) => ServerFault | undefined {
  return ({ path }) => (isIt(path) ? fault : undefined)
}

const isChunk = (path: string): boolean => path.startsWith('chunks/')
const isManifest = (path: string): boolean => path.startsWith('manifests/')
const isTimestamp = (path: string): boolean => path.endsWith('/timestamp.json')
const isRelease = (path: string): boolean => path.startsWith('tuf/targets/releases/')

function flip(body: Buffer): Buffer {
  const flipped = Buffer.from(body)
  const middle = flipped.length >> 1
  flipped[middle] = (flipped[middle] ?? 0) ^ 4
  return flipped
}

const damages: readonly (readonly [string, (body: Buffer) => Buffer])[] = [
  ['a flipped bit', flip],
  ['a cut', (body) => body.subarray(0, body.length - 1)],
  ['a byte more', (body) => Buffer.concat([body, Buffer.from([0])])],
  ['no bytes', () => Buffer.alloc(0)],
  ['other bytes', (body) => Buffer.alloc(body.length, '{')],
]

test.each(damages)('a chunk with %s is refused by name', async (_, damage) => {
  server.rewrite = (path, body) => (isChunk(path) ? damage(body) : body)
  await expectRefused('OBJECT_CORRUPT', /chunk sha256:[0-9a-f]{64}/)
})

test.each(damages)('a manifest with %s is refused by name', async (_, damage) => {
  server.rewrite = (path, body) => (isManifest(path) ? damage(body) : body)
  await expectRefused('OBJECT_CORRUPT', /manifests\/[0-9a-f]{64}\.ndjson\.zst/)
})

test.each(damages)('a release document with %s is refused', async (_, damage) => {
  server.rewrite = (path, body) => (isRelease(path) ? damage(body) : body)
  // A body that is too long is not even read to its end.
  await expectRefused(
    damage(Buffer.alloc(9)).length > 9 ? 'SERVER_REFUSED' : 'UNTRUSTED',
    /targets\/releases/,
  )
})

test.each(['timestamp', 'snapshot', 'releases', 'channels'])(
  '%s.json with a flipped bit is refused',
  async (role) => {
    server.rewrite = (path, body) => (path.endsWith(`${role}.json`) ? flip(body) : body)
    await expectRefused('UNTRUSTED', /metadata/)
  },
)

test.each([
  ['a chunk', isChunk, 'OBJECT_MISSING', /lacks chunks\//],
  ['a manifest', isManifest, 'OBJECT_MISSING', /lacks manifests\//],
  ['a release document', isRelease, 'OBJECT_MISSING', /lacks its own tuf\/targets/],
  ['the timestamp', isTimestamp, 'SERVER_REFUSED', /timestamp\.json/],
  ['the snapshot', (path: string) => path.includes('snapshot'), 'SERVER_REFUSED', /snapshot\.json/],
] as const)('%s that is not there is named', async (_, isIt, code, message) => {
  server.fault = when(isIt, { kind: 'status', status: 404 })
  await expectRefused(code, message)
})

test('an answer that never ends is cut off where it must have ended', async () => {
  for (const isIt of [isTimestamp, isManifest, isChunk]) {
    server.forget()
    server.fault = when(isIt, { kind: 'endless' })
    await expectRefused('SERVER_REFUSED', /longer than/)
    expect(server.bytes).toBeLessThan(40 * megabyte)
  }
})

test('a page in the place of every object is not taken for a repository', async () => {
  const page = Buffer.from('<html>Please log in</html>')
  server.fault = () => ({ kind: 'bytes', body: page })
  await expectRefused('UNTRUSTED', /metadata/)
})

test('a server that speaks something else, or is not there, is unreachable', async () => {
  server.fault = () => ({ kind: 'babble' })
  await expectRefused('SERVER_UNREACHABLE', /5 tries/)
  const nobody = createServer().listen(0, '127.0.0.1')
  await once(nobody, 'listening')
  const { port } = nobody.address() as AddressInfo
  nobody.close()
  const lost = await scenario.machine({ url: `http://127.0.0.1:${port}` })
  const answer = await runClient(lost.directory, 'update')
  expect(answer.error).toMatchObject({
    code: 'SERVER_UNREACHABLE',
    message: expect.stringContaining('REFUSED') as string,
  })
})

test('a server that fails now and then only costs requests', async () => {
  const victim = scenario.copyOf(device)
  const kinds: ServerFault[] = [
    { kind: 'status', status: 503 },
    { kind: 'status', status: 429 },
    { kind: 'cut', after: 100 },
    { kind: 'wrong-range' },
  ]
  server.forget()
  server.fault = ({ index }) => (index % 2 === 0 ? kinds[(index / 2) % kinds.length] : undefined)
  await victim.update()
  victim.expectRelease(11)
  expect(server.requests.some(({ range }) => range !== undefined)).toBe(true)
})

test('a body that is cut again and again arrives piece by piece', async () => {
  const victim = scenario.copyOf(device)
  server.forget()
  server.fault = ({ path, index }) =>
    isChunk(path) && index % 4 !== 0 ? { kind: 'cut', after: 90_000 } : undefined
  await victim.update()
  victim.expectRelease(11)
  expect(server.bytes).toBeLessThan(450_000)
})

test('an older state than the one a machine has seen is refused', async () => {
  await using world = await Scenario.create()
  await world.release(1, { base: (tree) => tree.file('a', '1') })
  const old = readFileSync(join(world.repository, 'tuf/metadata/timestamp.json'))
  const machine = await world.machine()
  await machine.update()
  await world.release(2, { base: (tree) => tree.file('a', '2') })
  await machine.update()
  const served = await world.serve()
  served.rewrite = (path, body) => (isTimestamp(path) ? old : body)
  await expect(machine.update()).rejects.toMatchObject({ code: 'UNTRUSTED' })
  machine.expectRelease(2)
})

test('a repository of other keys is refused', async () => {
  await using other = await Scenario.create()
  await other.release(12, { base: (tree) => tree.file('evil', 'evil') })
  server.rewrite = (path) => readOr(join(other.repository, path))
  server.fault = ({ path }) => {
    const there = readOr(join(other.repository, path))
    return there.length === 0 ? { kind: 'status', status: 404 } : { kind: 'bytes', body: there }
  }
  await expectRefused('UNTRUSTED', /metadata/)
})

function readOr(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch {
    return Buffer.alloc(0)
  }
}

test('metadata that has expired is called stale', async () => {
  await using world = await Scenario.create()
  const directory = join(world.directory, 'old')
  await using store = new FilesystemStore(directory)
  const keys = new KeyRing(join(world.directory, 'old-keys'))
  const now = new Date(Date.now() - 30 * 24 * 3600 * 1000)
  await createRepository({ store, keys, now })
  const tree = join(world.directory, 'keys')
  await publishRelease(
    {
      version: 1,
      channel: 'stable',
      modules: [{ name: 'base', tree: new DirectoryTree(tree), includes: [] }],
    },
    { store, keys, now, threads: 1 },
  )
  await using old = await FileServer.start(directory)
  const machine = await world.machine({ url: old.url, trustedRoot: readFileSync(keys.rootPath) })
  await expect(machine.update()).rejects.toMatchObject({ code: 'METADATA_STALE' })
})

test('a client that is told to stop stops in the middle of a slow answer', async () => {
  const victim = scenario.copyOf(device)
  const stop = new AbortController()
  server.fault = when(isChunk, { kind: 'drip', everyMs: 20 })
  const running = victim.update({
    signal: stop.signal,
    onPhase: (phase) => phase === 'contents' && setTimeout(() => stop.abort(), 50),
  })
  await expect(running).rejects.toMatchObject({ name: 'AbortError' })
  victim.expectRelease(10)
})

test('a client that is told to stop does not wait for its next try', async () => {
  const victim = scenario.copyOf(device)
  const stop = new AbortController()
  server.fault = () => {
    setTimeout(() => stop.abort(), 10)
    return { kind: 'status', status: 503 }
  }
  const began = server.requests.length
  await expect(victim.update({ signal: stop.signal })).rejects.toMatchObject({ name: 'AbortError' })
  expect(server.requests.length - began).toBeLessThan(4)
  victim.expectRelease(10)
})
