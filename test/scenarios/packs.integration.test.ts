import { existsSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { UpdateResult } from '../../src/client/machine.ts'
import { encodePackHeader, packHeaderLength, type PackHeader } from '../../src/pack/pack-header.ts'
import type { FileServer, ServerFault } from '../support/file-server.ts'
import { makeTestPack, publishPack, storePack, type TestPack } from '../support/pack-maker.ts'
import { Scenario, type Device } from '../support/scenario.ts'
import { noise, type TreeRecipe } from '../support/tree-recipe.ts'

/** Text that compresses, with words of its own for each seed. */
function text(seed: number, bytes: number): Buffer {
  const words = Array.from({ length: 200 }, (_, i) => `word${(seed * 7919 + i * i) % 9973}`)
  let all = ''
  for (let i = 0; all.length < bytes; i++) all += `${words[(i * i + seed) % words.length]} `
  return Buffer.from(all.slice(0, bytes))
}

/** Two programs of one source, so that one is a good basis for the other, and its references are predicted. */
const program = { before: readFileSync('/usr/bin/ls'), after: readFileSync('/usr/bin/dir') }

function edited(content: Buffer, at: number): Buffer {
  return Buffer.concat([content.subarray(0, at), Buffer.from('something new'), content.subarray(at)])
}

const library = noise(1, 400_000)
const manual = text(2, 300_000)
const added = noise(3, 90_000)

function before(tree: TreeRecipe): void {
  tree
    .file('bin/program', program.before, { mode: 0o755 })
    .file('etc/config', 'as released\n'.repeat(20))
    .file('lib/library', library)
    .file('share/manual', manual)
    .file('share/same', noise(4, 70_000))
    .shell(
      'truncate -s 3M share/sparse; dd if=lib/library of=share/sparse bs=4096 seek=200 count=9 conv=notrunc status=none',
    )
  for (let i = 0; i < 60; i++) tree.file(`share/doc/${i}`, text(i, 2000 + i * 37))
}

function after(tree: TreeRecipe): void {
  tree
    .file('bin/program', program.after, { mode: 0o755 })
    .file('etc/config', 'as released\n'.repeat(21))
    .file('lib/library', edited(library, 200_000))
    .file('share/manual', edited(manual, 5))
    .file('share/new', added)
    .file('share/new-too', added)
    .shell('dd if=share/manual of=share/sparse bs=4096 seek=300 count=20 conv=notrunc status=none')
    .remove('share/doc/7')
  for (let i = 10; i < 40; i++) tree.file(`share/doc/${i}`, edited(text(i, 2000 + i * 37), 1000))
}

let scenario: Scenario
let server: FileServer
let installed: Device
let empty: Device
let pack: TestPack

beforeAll(async () => {
  scenario = await Scenario.create()
  server = await scenario.serve()
  await scenario.release(10, { base: before })
  empty = await scenario.machine()
  installed = scenario.copyOf(empty)
  await installed.update()
  await scenario.release(11, { base: after })
  pack = await publishPack(scenario, 10, 11, { perGroup: 20, partBytes: 60_000 })
})

afterEach(() => {
  server.behave()
  storePack(scenario, pack.key, pack.bytes)
})
afterAll(async () => scenario[Symbol.asyncDispose]())

async function update(device: Device = scenario.copyOf(installed)): Promise<UpdateResult> {
  server.forget()
  const result = await device.update()
  device.expectRelease(11)
  expect(existsSync(join(device.directory, 'downloads'))).toBe(false)
  return result
}

const isPack = (path: string): boolean => path.startsWith('packs/')

test('an update takes five requests and one for the pack', async () => {
  const result = await update()
  expect(server.paths).toEqual([
    'tuf/metadata/2.root.json',
    'tuf/metadata/timestamp.json',
    'tuf/metadata/3.snapshot.json',
    'tuf/metadata/3.channels.json',
    'tuf/metadata/3.releases.json',
    pack.key,
  ])
  expect(result).toMatchObject({ requests: 6, fetchedChunks: 0, contentBytes: 0 })
  expect(result.deliveries).toMatchObject([
    { module: 'base', means: 'pack', packs: 1, packBytes: pack.bytes.length, problem: undefined },
  ])
})

test('a check says what the pack would cost, and an up-to-date one still takes two requests', async () => {
  const device = scenario.copyOf(installed)
  expect(await device.open().check()).toMatchObject({
    move: true,
    deliveries: [{ module: 'base', packBytes: pack.bytes.length }],
  })
  await update(device)
  server.forget()
  expect(await device.open().check()).toMatchObject({ move: false, deliveries: [], requests: 2 })
})

test('a first install comes in a pack, too', async () => {
  const whole = await publishPack(scenario, undefined, 11, { perGroup: 20 })
  const result = await update(scenario.copyOf(empty))
  expect(result.deliveries).toMatchObject([{ means: 'pack', packBytes: whole.bytes.length }])
  expect(result.fetchedChunks).toBe(0)
  rmSync(join(scenario.repository, whole.key))
})

test.each([404, 403, 410, 500])('chunks do where the pack is answered with %d', async (status) => {
  server.fault = ({ path }) => (isPack(path) ? { kind: 'status', status } : undefined)
  const { deliveries, fetchedChunks } = await update()
  expect(deliveries).toMatchObject([{ means: 'chunks', problem: expect.any(String) as string }])
  expect(fetchedChunks).toBeGreaterThan(3)
})

function flippedAt(position: number): Buffer {
  const bytes = Buffer.from(pack.bytes)
  bytes[position] = (bytes[position] ?? 0) ^ 16
  return bytes
}

/** The middle of each stream of each group, of the header, and of the preamble. */
function places(): number[] {
  let at = packHeaderLength(pack.bytes)
  const found = [0, 9, 13, 17, 30, at - 1]
  for (const { streams } of pack.header.groups) {
    for (const { stored } of streams) {
      if (stored > 0) found.push(at + (stored >> 1))
      at += stored
    }
  }
  expect(at).toBe(pack.bytes.length)
  return found
}

test('whichever byte of a pack is wrong, the update ends well in the same run', async () => {
  const all = places()
  expect(all.length).toBeGreaterThan(30)
  for (const position of all.filter((_, i) => i < 20 || i % 2 === 0)) {
    storePack(scenario, pack.key, flippedAt(position))
    const victim = scenario.copyOf(installed)
    await update(victim)
    scenario.forget(victim)
  }
})

const faults: readonly (readonly [string, ServerFault])[] = [
  ['cut', { kind: 'bytes', body: Buffer.alloc(0) }],
  ['a page', { kind: 'bytes', body: Buffer.from('<html>Please log in</html>'.repeat(100)) }],
  ['endless', { kind: 'endless' }],
  ['another length', { kind: 'content-length', bytes: 7_000_000 }],
  ['something that is not HTTP', { kind: 'babble' }],
]

test.each(faults)('a pack that is %s costs a request, and no more than that', async (_, fault) => {
  server.fault = ({ path }) => (isPack(path) ? fault : undefined)
  const { deliveries } = await update()
  expect(deliveries).toMatchObject([{ means: 'chunks', problem: expect.any(String) as string }])
  expect(server.bytes).toBeLessThan(8 << 20)
})

test.each([
  ['one byte short', (bytes: Buffer) => bytes.subarray(0, -1)],
  ['half', (bytes: Buffer) => bytes.subarray(0, bytes.length >> 1)],
  ['one byte long', (bytes: Buffer) => Buffer.concat([bytes, Buffer.from([0])])],
] as const)('a pack that is %s is refused by its length', async (_, damage) => {
  storePack(scenario, pack.key, damage(pack.bytes))
  const { deliveries } = await update()
  expect(deliveries).toMatchObject([
    {
      means: 'chunks',
      problem: expect.stringMatching(/^the pack declares \d+ bytes and has \d+$/) as string,
    },
  ])
})

function withHeader(change: (header: PackHeader) => PackHeader): Buffer {
  const header = encodePackHeader(change(pack.header))
  return Buffer.concat([header, pack.bytes.subarray(packHeaderLength(pack.bytes))])
}

const huge = { stored: 1_000_000, plain: 20 << 20 }

test.each([
  [
    'more memory than a group may take',
    (header: PackHeader) => ({
      ...header,
      groups: header.groups.map((group) => ({ ...group, streams: group.streams.map(() => huge) })),
    }),
    /limit/,
  ],
  [
    'more bytes than all of the release',
    (header: PackHeader) => ({
      ...header,
      groups: Array.from({ length: 60_000 }, () => ({
        ...(header.groups[1] as PackHeader['groups'][number]),
        streams: Array.from({ length: 9 }, () => ({ stored: 100_000, plain: 100_000 })),
      })),
    }),
    /more than the \d+ it may have/,
  ],
  ['another way', (header: PackHeader) => ({ ...header, from: header.to }), /another one than its name says/],
  ['a content', (header: PackHeader) => ({ ...header, kind: 'contents' as const }), /another one than/],
  ['nothing', (header: PackHeader) => ({ ...header, groups: [] }), /empty/],
] as const)(
  'a header that declares %s is refused before anything else is taken',
  async (_, change, problem) => {
    const bytes = withHeader(change)
    storePack(scenario, pack.key, bytes)
    server.fault = ({ path }) => (isPack(path) ? { kind: 'bytes', body: bytes } : undefined)
    const { deliveries } = await update()
    expect(deliveries).toMatchObject([{ means: 'chunks', problem: expect.stringMatching(problem) as string }])
  },
)

test('a pack that is cut goes on where it was cut', async () => {
  let asked = 0
  server.fault = ({ path }) => (isPack(path) && asked++ < 2 ? { kind: 'cut', after: 30_000 } : undefined)
  const { deliveries, fetchedChunks } = await update()
  expect(deliveries).toMatchObject([{ means: 'pack' }])
  expect(fetchedChunks).toBe(0)
  const ranges = server.requests.filter(({ path }) => isPack(path)).map(({ range }) => range)
  expect(ranges).toEqual([undefined, 'bytes=30000-', 'bytes=60000-'])
})

test('a file that is not what it was is no basis: what it would have made comes in chunks', async () => {
  const device = scenario.copyOf(installed)
  writeFileSync(join(device.root, 'etc/config'), 'as I want it\n')
  writeFileSync(join(device.root, 'bin/program'), readFileSync('/usr/bin/env'))
  // As long as it was, but other bytes, and dated as it was.
  const path = join(device.root, 'lib/library')
  writeFileSync(path, noise(77, library.length))
  utimesSync(path, 1_577_836_800, 1_577_836_800)
  server.forget()
  const { deliveries, fetchedChunks } = await device.update()
  expect(deliveries).toMatchObject([{ means: 'pack', problem: undefined }])
  expect(fetchedChunks).toBeGreaterThan(0)
  expect(fetchedChunks).toBeLessThan(6)
  expect(readFileSync(join(device.root, 'etc/config'), 'utf8')).toBe('as I want it\n')
  writeFileSync(join(device.root, 'etc/config'), readFileSync(join(scenario.tree(11, 'base'), 'etc/config')))
  expect(await device.verify()).toMatchObject({ damaged: 0 })
})

test('a program that was patched in place, and dated as before, ends the pack and not the update', async () => {
  const device = scenario.copyOf(installed)
  const path = join(device.root, 'bin/program')
  const patched = Buffer.from(program.before)
  patched.fill(0, 0, 4000)
  writeFileSync(path, patched)
  utimesSync(path, 1_577_836_800, 1_577_836_800)
  await update(device)
})

test('a pack leads to another object than the one that was begun: it is begun anew', async () => {
  const other = await makeTestPack(scenario, 10, 11, { perGroup: 3 })
  let asked = 0
  server.fault = ({ path }) => {
    if (!isPack(path)) return undefined
    if (asked++ > 0) return undefined
    return { kind: 'cut', after: 30_000 }
  }
  server.rewrite = (path, body) => (isPack(path) && asked > 1 ? other.bytes : body)
  const { deliveries, fetchedChunks } = await update()
  expect(deliveries).toMatchObject([{ means: 'pack', packBytes: other.bytes.length }])
  expect(fetchedChunks).toBe(0)
})
