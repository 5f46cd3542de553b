import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Agent } from 'undici'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { HttpReader } from '../../src/maintenance/mirror/http-reader.ts'
import { mirrorRepository } from '../../src/maintenance/mirror/mirror-repository.ts'
import { exportMirror, importMirror } from '../../src/maintenance/mirror/offline-mirror.ts'
import { refreshExpiry } from '../../src/repository/refresh.ts'
import { verifyRepository } from '../../src/maintenance/verify-repository.ts'
import { loadState } from '../../src/repository/repository-state.ts'
import { Repository } from '../../src/repository/repository.ts'
import type { BlobStore } from '../../storage/blob-store.ts'
import { FilesystemStore } from '../../storage/filesystem-store.ts'
import { RetryingStore } from '../../storage/retrying-store.ts'
import { S3Store } from '../../storage/s3-store.ts'
import { FileServer } from '../support/file-server.ts'
import { publishPack } from '../support/pack-maker.ts'
import { contentsOf } from '../support/publisher.ts'
import { makeBucket, startRadosgw } from '../support/radosgw.ts'
import { keep, Scenario } from '../support/scenario.ts'
import { noise } from '../support/tree-recipe.ts'

const crashing = fileURLToPath(new URL('../support/crashing-mirror.ts', import.meta.url))
const options = { now: (): Date => new Date() }
let world: Scenario

beforeAll(async () => {
  world = await Scenario.create()
  await world.release(10, {
    base: (tree) => tree.file('lib/a', noise(1, 700_000)).file('etc/b', 'b'),
    tools: (tree) => tree.file('bin/t', noise(2, 50_000)),
  })
  await world.release(11, {
    base: (tree) => tree.file('lib/a', Buffer.concat([noise(1, 700_000), noise(3, 9000)])),
    tools: keep,
  })
  await publishPack(world, 10, 11, { module: 'base' })
})
afterAll(async () => {
  await world[Symbol.asyncDispose]()
})

function place(name: string): string {
  return join(world.directory, name)
}

async function expectSame(store: BlobStore): Promise<void> {
  const { damages } = await verifyRepository(store, { now: new Date(), trustedRoot: world.trustedRoot })
  expect(damages).toEqual([])
  const publicIn = async (one: BlobStore): Promise<object> =>
    Object.fromEntries([...(await contentsOf(one))].filter(([key]) => !key.startsWith('private/')))
  expect(await publicIn(store)).toEqual(await publicIn(world.store))
}

test('from a directory to a bucket, to a directory, over a file to another, all the same; and a machine updates from it', async () => {
  const server = await startRadosgw()
  await using bucket = await makeBucket(server)
  const { endpoint, region, accessKeyId, secretAccessKey } = server
  const credentials = { accessKeyId, secretAccessKey }
  await using s3 = new RetryingStore(
    new S3Store({ bucket: bucket.name, prefix: 'os', endpoint, region, credentials }),
  )
  const back = new FilesystemStore(place('back'))
  const apart = new FilesystemStore(place('apart'))
  const steps = async (): Promise<void> => {
    await mirrorRepository({ reader: world.store, canList: true }, s3, options)
    await expectSame(s3)
    await mirrorRepository({ reader: s3, canList: true }, back, options)
    await expectSame(back)
    await exportMirror({ reader: back, canList: true }, place('air-gap.tar'), options)
    await importMirror(place('air-gap.tar'), apart, options)
    await expectSame(apart)
  }
  await steps()
  await using served = await FileServer.start(place('apart'))
  const device = await world.machine({ url: served.url })
  await device.update()
  device.expectRelease(11)
  await world.release(12, { base: (tree) => tree.file('etc/b', 'another b'), tools: keep })
  await steps()
  await device.update()
  device.expectRelease(12)
  expect(await mirrorRepository({ reader: world.store, canList: true }, s3, options)).toMatchObject({
    changed: false,
  })
})

test('over HTTP, while the source publishes', async () => {
  await using agent = new AsyncDisposableStack()
  const dispatcher = agent.adopt(new Agent(), async (one) => one.destroy())
  const { url } = await world.serve()
  const reader = new HttpReader({ baseUrl: url, dispatcherOf: () => dispatcher })
  const mirrored = new FilesystemStore(place('over-http'))
  const publishing = world.release(13, { base: (tree) => tree.file('etc/c', 'c'), tools: keep })
  await mirrorRepository({ reader, canList: false }, mirrored, { ...options, trustedRoot: world.trustedRoot })
  expect((await verifyRepository(mirrored, { now: new Date() })).damages).toEqual([])
  await publishing
  await mirrorRepository({ reader, canList: false }, mirrored, options)
  await expectSame(mirrored)
  await refreshExpiry({ store: world.store, keys: world.keys, now: new Date() })
  await mirrorRepository({ reader, canList: false }, mirrored, options)
  await expectSame(mirrored)
})

test('machines ask elsewhere for what a mirror of a part does not have', async () => {
  const part = new FilesystemStore(place('part'))
  const selection = { modules: ['tools'] }
  await mirrorRepository({ reader: world.store, canList: true }, part, { ...options, selection })
  expect((await verifyRepository(part, { now: new Date() })).damages).toEqual([])
  await using served = await FileServer.start(place('part'))
  const { url } = await world.serve()
  const device = await world.machine({ url: served.url, connection: { mirrors: [url] } })
  await device.update()
  device.expectRelease(13)
})

async function mirror(
  from: string,
  to: string,
  ...crash: readonly string[]
): Promise<{ stdout: string; signal: string | null }> {
  const child = spawn(process.execPath, [crashing, from, to, ...crash])
  let stdout = ''
  child.stdout.on('data', (piece: Buffer) => (stdout += piece.toString()))
  child.stderr.pipe(process.stderr, { end: false })
  const [, signal] = (await once(child, 'close')) as [number | null, string | null]
  return { stdout, signal }
}

async function versionsIn(root: string): Promise<readonly number[]> {
  const store = new FilesystemStore(root)
  const { damages } = await verifyRepository(store, { now: new Date(), trustedRoot: world.trustedRoot })
  expect(damages).toEqual([])
  return new Repository(store, await loadState(store)).releaseVersions()
}

test.each(['before', 'after'])(
  'killed %s any of its writes, a mirror leaves the old state or the new, and then comes to its end',
  { timeout: 600_000 },
  async (moment) => {
    const [old, source, target] = [
      place(`old-${moment}`),
      place(`source-${moment}`),
      place(`target-${moment}`),
    ]
    execFileSync('rm', ['-rf', old])
    await mirror(world.repository, old)
    const before = await versionsIn(old)
    await world.release((before.at(-1) ?? 0) + 1, { base: (tree) => tree.file('etc/d', moment), tools: keep })
    cpSync(world.repository, source, { recursive: true })
    const after = await versionsIn(source)
    cpSync(old, target, { recursive: true })
    const writes = Number((await mirror(source, target)).stdout)
    expect(writes).toBeGreaterThan(10)
    const seen: string[] = []
    for (let index = 0; index < writes; index++) {
      rmSync(target, { recursive: true })
      cpSync(old, target, { recursive: true })
      expect(await mirror(source, target, moment, String(index))).toEqual({ stdout: '', signal: 'SIGKILL' })
      const left = await versionsIn(target)
      expect([before, after]).toContainEqual(left)
      seen.push(left.length === before.length ? 'old' : 'new')
      expect(await mirror(source, target)).toMatchObject({ signal: null })
      expect(await versionsIn(target)).toEqual(after)
      await expectSame(new FilesystemStore(target))
    }
    // Nothing comes after the timestamp but the end of the lease.
    expect(seen).toEqual([...seen].sort().reverse())
    expect(seen.filter((name) => name === 'new')).toHaveLength(moment === 'before' ? 1 : 2)
  },
)
