import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { collectGarbage } from '../../src/maintenance/gc/collect-garbage.ts'
import { auditLog } from '../../src/maintenance/audit-log.ts'
import { verifyRepository } from '../../src/maintenance/verify-repository.ts'
import { readChannelHistory } from '../../src/repository/channel-history.ts'
import { leasePrefix, sweepPrefix } from '../../src/repository/layout.ts'
import { loadState } from '../../src/repository/repository-state.ts'
import { Repository } from '../../src/repository/repository.ts'
import { FilesystemStore } from '../../storage/filesystem-store.ts'
import type { BlobStore } from '../../storage/blob-store.ts'
import { RetryingStore } from '../../storage/retrying-store.ts'
import { S3Store } from '../../storage/s3-store.ts'
import { FaultyStore } from '../support/faulty-store.ts'
import { keysIn, Publisher } from '../support/publisher.ts'
import { makeBucket, startRadosgw } from '../support/radosgw.ts'
import { Scenario } from '../support/scenario.ts'
import { noise } from '../support/tree-recipe.ts'

test(
  'machines on a release that was retired go on, update, and roll back',
  { timeout: 120_000 },
  async () => {
    await using world = await Scenario.create()
    const { store, keys } = world
    await world.release(1, { base: (tree) => tree.file('a', noise(1, 400_000)).file('same', 'same') })
    const [early, late] = [await world.machine(), await world.machine()]
    for (const device of [early, late]) await device.update()
    for (let version = 2; version <= 4; version++) {
      await world.release(version, { base: (tree) => tree.file('a', noise(version, 400_000)) })
      if (version === 2) await late.update()
    }
    const report = await collectGarbage(
      { store, keys, now: new Date() },
      { policy: { keepLast: 1, pins: [] }, graceMs: 0, quarantineMs: 0 },
    )
    expect([report.retired, report.swept.manifest.objects]).toEqual([[1, 2], 2])

    expect(await early.verify()).toMatchObject({ findings: [], damaged: 0 })
    expect(await early.open().check()).toMatchObject({ installed: 1, version: 4 })
    expect(late.open().rollback()).toMatchObject({ to: 1 })
    late.expectRelease(1)
    for (const device of [early, late]) {
      expect(await device.update()).toMatchObject({ from: 1, to: 4 })
      device.expectRelease(4)
      expect(device.open().rollback()).toMatchObject({ to: 1 })
      device.expectRelease(1)
      expect(await device.verify()).toMatchObject({ findings: [], damaged: 0 })
    }

    const trustedRoot = keys.trustedRoot()
    const { findings } = await auditLog(store, { trustedRoot })
    expect(findings).toEqual([])
    const repository = new Repository(store, await loadState(store, { trustedRoot }))
    const history = await Array.fromAsync(
      readChannelHistory(repository, 'stable', { limit: 10 }),
      ({ channel }) => channel.version,
    )
    expect(history).toEqual([4, 3, 2, 1])
  },
)

test('what a machine lacks of a retired release is not there to mend it with, and is said', async () => {
  await using world = await Scenario.create()
  const { store, keys } = world
  await world.release(1, { base: (tree) => tree.file('a', noise(1, 400_000)) })
  const device = await world.machine()
  await device.update()
  for (let version = 2; version <= 3; version++) {
    await world.release(version, { base: (tree) => tree.file('a', noise(version, 400_000)) })
  }
  await collectGarbage(
    { store, keys, now: new Date() },
    { policy: { keepLast: 1, pins: [] }, graceMs: 0, quarantineMs: 0 },
  )
  rmSync(join(device.root, 'a'))
  await expect(device.verify(true)).rejects.toMatchObject({ code: expect.any(String) as string })
  expect(await device.update()).toMatchObject({ from: 1, to: 3 })
  device.expectRelease(3)
})

const stores: readonly (readonly [
  string,
  (directory: string) => Promise<{ store: BlobStore; end: () => Promise<void> }>,
])[] = [
  [
    'a directory',
    (directory) =>
      Promise.resolve({ store: new FilesystemStore(join(directory, 'store')), end: () => Promise.resolve() }),
  ],
  [
    'a bucket',
    async () => {
      const server = await startRadosgw()
      const bucket = await makeBucket(server)
      const { endpoint, region } = server
      const prefix = randomBytes(4).toString('hex')
      const s3 = new S3Store({ bucket: bucket.name, prefix, endpoint, region, credentials: server })
      return { store: new RetryingStore(s3), end: async () => bucket[Symbol.asyncDispose]() }
    },
  ],
]

/**
 * In front of a collector that knows nothing of leases: these are a courtesy, and safety must not need them. And it takes
 * the documents of sweeps away at once: no request comes twice here, and nobody has to wait 15 minutes for that.
 */
function impatient(store: BlobStore): BlobStore {
  const blind = new FaultyStore(store, {})
  const seeing = new FaultyStore(store, {})
  let document = ''
  blind.list = (prefix, options) => (prefix === leasePrefix ? nothing() : seeing.list(prefix, options))
  blind.put = async (key, ...call) => {
    if (key.startsWith(sweepPrefix)) document = key
    return seeing.put(key, ...call)
  }
  blind.deleteMany = async (keys, options) => {
    const deleted = await seeing.deleteMany(keys, options)
    if (keys.some((key) => !/^private\/(?:publishes|quarantine)\//.test(key))) await store.delete(document)
    return deleted
  }
  return blind
}

async function* nothing(): AsyncGenerator<never, void, undefined> {
  // There is nothing.
}

/**
 * What one release has, the one before the last had too: each publish takes up what a collection is about to remove, and
 * as another publish lives beside it, relies on what a list of the store shows.
 */
test.each(stores)(
  'two publishers and two collectors at once on %s',
  { timeout: 300_000 },
  async (_, open) => {
    const scratch = await Publisher.create()
    const { store, end } = await open(scratch.directory)
    using publisher = await Publisher.create(store)
    for (const name of ['one', 'other']) {
      for (let content = 0; content < 8; content++)
        publisher.tree(`${name}-0`).file(`${content}`, noise(content, 70_000))
      for (let content = 8; content < 16; content++)
        publisher.tree(`${name}-1`).file(`${content}`, noise(content, 70_000))
    }
    const [rounds, mostRounds] = [10, 60]
    const codes: string[] = []
    const publishing = { isOver: false }
    let version = 0
    const swept = { chunks: 0 }
    const publish = async (name: string): Promise<void> => {
      for (let round = 0; round < rounds || (swept.chunks === 0 && round < mostRounds); round++) {
        // Of a bucket whose dates are in seconds all is young that a quick machine publishes.
        if (round >= rounds) await sleep(700)
        try {
          await publisher.publish(
            ++version,
            [`${name}-${round % 2}`],
            {},
            { onNote: (note) => codes.push(note) },
          )
        } catch (error) {
          codes.push(String((error as { code?: unknown }).code))
        }
      }
    }
    const collect = async (): Promise<void> => {
      while (!publishing.isOver) {
        try {
          const report = await collectGarbage(
            { store: impatient(store), keys: publisher.keys, now: new Date() },
            {
              policy: { keepLast: 1, pins: [] },
              graceMs: 0,
              quarantineMs: 0,
              sliceKeys: 3,
              sleep: () => sleep(5),
            },
          )
          swept.chunks += report.swept.chunk.objects
          await sleep(100)
        } catch (error) {
          codes.push(String((error as { code?: unknown }).code))
        }
      }
    }
    const collecting = [collect(), collect()]
    await Promise.all([publish('one'), publish('other')])
    publishing.isOver = true
    await Promise.all(collecting)

    const { damages, releases } = await verifyRepository(store, {
      now: new Date(),
      trustedRoot: publisher.keys.trustedRoot(),
    })
    expect(damages).toEqual([])
    expect(releases).toBeGreaterThan(1)
    expect(swept.chunks).toBeGreaterThan(0)
    const allowed =
      /^(?:PUBLISH_CONFLICT|VERSION_NOT_INCREASING|a garbage collection is|the repository was signed anew|.*; what it holds is uploaded again)/
    expect(codes.filter((code) => !allowed.test(code))).toEqual([])
    expect(await keysIn(store, sweepPrefix)).toEqual([])
    scratch[Symbol.dispose]()
    await end()
  },
)
