import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { describe, expect, test } from 'vitest'
import { Machine, type UpdateResult } from '../../src/client/machine.ts'
import { ensurePacks, stepsBetween } from '../../src/delivery/release-packs.ts'
import { publishRelease } from '../../src/ingest/publish-release.ts'
import { createRepository } from '../../src/repository/create-repository.ts'
import { loadState } from '../../src/repository/repository-state.ts'
import { Repository } from '../../src/repository/repository.ts'
import { setChannel } from '../../src/repository/set-channel.ts'
import { KeyRing } from '../../src/trust/key-ring.ts'
import type { BlobStore } from '../../storage/blob-store.ts'
import { FilesystemStore } from '../../storage/filesystem-store.ts'
import { openStore } from '../../storage/open-store.ts'
import { FileServer } from '../support/file-server.ts'
import { expectSameTree } from '../support/judge.ts'
import { isRoot } from '../support/programs.ts'
import { makeBucket, startRadosgw } from '../support/radosgw.ts'
import { DirectoryTree } from '../../src/tree/tree-source.ts'

const [treeA = '', treeB = ''] = (process.env['VEND_TEST_TREES'] ?? '').split(':')
const reason =
  treeB === ''
    ? 'VEND_TEST_TREES=dirA:dirB names no two trees of an operating system'
    : isRoot
      ? undefined
      : 'only root has trees as they are'
if (reason !== undefined) process.stderr.write(`debian.integration.test.ts is skipped: ${reason}\n`)

interface Served extends AsyncDisposable {
  readonly store: BlobStore
  readonly url: string
}

/** Minutes, on a slow disk. */
const patienceMs = 30 * 60_000

describe.skipIf(reason !== undefined)('a whole operating system', () => {
  test.each([
    ['a directory and a static server', serveDirectory],
    ['an object store and the server', serveBucket],
  ] as const)('goes by way of %s', { timeout: patienceMs }, async (_, serve) => {
    const scratch = mkdtempSync(join(tmpdir(), 'vend-debian-'))
    try {
      await using served = await serve(scratch)
      await travel(scratch, served)
    } finally {
      rmSync(scratch, { recursive: true, force: true })
    }
  })

  test('goes there and back by packs', { timeout: patienceMs }, async () => {
    const scratch = mkdtempSync(join(tmpdir(), 'vend-debian-'))
    try {
      await using served = await serveDirectory(scratch)
      await travelByPacks(scratch, served)
    } finally {
      rmSync(scratch, { recursive: true, force: true })
    }
  })
})

async function travel(scratch: string, { store, url }: Served): Promise<void> {
  const keys = new KeyRing(join(scratch, 'keys'))
  await createRepository({ store, keys, now: new Date() })
  const directory = join(scratch, 'machine')
  const publish = async (version: number, tree: string): Promise<void> => {
    const modules = [{ name: 'base', tree: new DirectoryTree(tree), includes: [] }]
    const result = await timed(`publish ${version}`, async () =>
      publishRelease({ version, modules, channel: 'stable' }, { store, keys, now: new Date() }),
    )
    expect(result.changed).toBe(true)
  }
  await publish(1, treeA)
  const trustedRoot = readFileSync(keys.rootPath)
  Machine.create({ directory, url, trustedRoot, channel: 'stable', modules: 'all' })
  const machine = new Machine(directory)
  const update = async (name: string): Promise<UpdateResult> => timed(name, async () => machine.update())
  const is = (tree: string): void => expectSameTree(tree, join(directory, 'root'))

  expect(await update('install')).toMatchObject({ to: 1, kept: [], notKept: new Map() })
  is(treeA)
  await publish(2, treeB)
  const { bytes } = await update('update')
  is(treeB)
  machine.rollback()
  is(treeA)
  const again = await update('update again')
  expect(again).toMatchObject({ fetchedChunks: 0, to: 2 })
  expect(again.bytes).toBeLessThan(bytes / 100)
  is(treeB)
  expect(await timed('verify', async () => machine.verify({ repair: false }))).toMatchObject({ findings: [] })
}

/** There and back again, with a pack for each way: B to A is an update to an older release, not a rollback. */
async function travelByPacks(scratch: string, { store, url }: Served): Promise<void> {
  const keys = new KeyRing(join(scratch, 'keys'))
  await createRepository({ store, keys, now: new Date() })
  const directory = join(scratch, 'machine')
  for (const [version, tree] of [
    [1, treeA],
    [2, treeB],
  ] as const) {
    const modules = [{ name: 'base', tree: new DirectoryTree(tree), includes: [] }]
    await publishRelease({ version, modules, channel: 'stable' }, { store, keys, now: new Date() })
  }
  const moveChannel = async (version: number): Promise<void> => {
    await setChannel({ channel: 'stable', version }, { store, keys, now: new Date() })
  }
  const repository = new Repository(store, await loadState(store))
  const [one, two] = [await repository.release(1), await repository.release(2)]
  for (const [from, to] of [
    [one, two],
    [two, one],
  ] as const) {
    for await (const { bytes, memoryBytes } of ensurePacks(store, repository, stepsBetween(from, to))) {
      process.stderr.write(`pack to ${to.version}: ${bytes} bytes, ${memoryBytes} held\n`)
    }
  }
  await moveChannel(1)
  Machine.create({
    directory,
    url,
    trustedRoot: readFileSync(keys.rootPath),
    channel: 'stable',
    modules: 'all',
  })
  const machine = new Machine(directory)
  await timed('install by chunks', async () => machine.update())
  expectSameTree(treeA, join(directory, 'root'))
  const go = async (name: string, tree: string): Promise<void> => {
    const result = await timed(name, async () => machine.update())
    expect(result).toMatchObject({ fetchedChunks: 0, kept: [], notKept: new Map() })
    expect(result.deliveries.map(({ means }) => means)).toEqual(['pack'])
    expect(result.requests).toBeLessThanOrEqual(5 + 1)
    expectSameTree(tree, join(directory, 'root'))
  }
  await moveChannel(2)
  await go('forth by a pack', treeB)
  // Else the contents of A would be found in the other root.
  const other = join(directory, 'roots', machine.status().active === 'a' ? 'b' : 'a')
  rmSync(other, { recursive: true })
  mkdirSync(other)
  await moveChannel(1)
  await go('back by a pack', treeA)
}

async function serveDirectory(scratch: string): Promise<Served> {
  const directory = join(scratch, 'repository')
  mkdirSync(directory)
  const store = new FilesystemStore(directory)
  const server = await FileServer.start(directory)
  const close = async (): Promise<void> => server[Symbol.asyncDispose]()
  return { store, url: server.url, [Symbol.asyncDispose]: close }
}

async function serveBucket(): Promise<Served> {
  const { startServer } = await import('../../src/server/start-server.ts')
  const s3 = await startRadosgw()
  const bucket = await makeBucket(s3)
  const query = `endpoint=${encodeURIComponent(s3.endpoint)}&region=${s3.region}`
  const store = openStore(`s3://${bucket.name}/?${query}`, {
    env: { AWS_ACCESS_KEY_ID: s3.accessKeyId, AWS_SECRET_ACCESS_KEY: s3.secretAccessKey },
  })
  const logger = pino({ level: 'silent' })
  const server = await startServer({ store, logger, listen: { host: '127.0.0.1', port: 0 } })
  return {
    store,
    url: server.url,
    [Symbol.asyncDispose]: async () => {
      await server.close()
      await store[Symbol.asyncDispose]()
      await bucket[Symbol.asyncDispose]()
    },
  }
}

/** Says how long it took and what it cost: nobody else measures whole trees. */
async function timed<T extends object>(name: string, work: () => Promise<T>): Promise<T> {
  const [began, before] = [performance.now(), process.cpuUsage()]
  const result = await work()
  const { user, system } = process.cpuUsage(before)
  const seconds = (microseconds: number): string => (microseconds / 1e6).toFixed(1)
  const counts = Object.entries(result).filter(([, value]) => typeof value === 'number')
  const peak = Math.round(process.resourceUsage().maxRSS / 1024)
  process.stderr.write(
    `${name}: ${((performance.now() - began) / 1000).toFixed(1)} s, user ${seconds(user)}, system ${seconds(system)}, ` +
      `peak ${peak} MiB ${JSON.stringify(Object.fromEntries(counts))}\n`,
  )
  return result
}
