import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  publishRelease,
  type PublishContext,
  type PublishResult,
} from '../../../src/ingest/publish-release.ts'
import type { RemoteStore } from '../../../src/remote/remote-store.ts'
import { fence } from '../../../src/repository/fence.ts'
import { refreshExpiry } from '../../../src/repository/refresh.ts'
import { loadState } from '../../../src/repository/repository-state.ts'
import { DirectoryTree } from '../../../src/tree/tree-source.ts'
import { keysIn } from '../../support/publisher.ts'
import { PublishingWorld } from '../server/publishing/publishing-world.ts'

let world: PublishingWorld

beforeEach(async () => {
  world = await PublishingWorld.create()
  world.publisher.tree('system').file('a', randomBytes(2_000_000)).file('b', 'b')
})

afterEach(async () => world[Symbol.asyncDispose]())

async function publish(
  store: RemoteStore,
  version: number,
  context: Partial<PublishContext> = {},
): Promise<PublishResult> {
  const { keys, now } = world.publisher
  const modules = [
    { name: 'system', tree: new DirectoryTree(world.publisher.tree('system').path), includes: [] },
  ]
  return publishRelease({ version, channel: 'stable', modules }, { store, keys, now, threads: 1, ...context })
}

async function versions(): Promise<number[]> {
  return (await world.publisher.repository()).releaseVersions()
}

test('the same publish beside the store and over HTTP stores the same objects', async () => {
  const copy = await world.copy()
  await using remote = world.remote()
  await publish(remote, 1)
  const { keys, now } = world.publisher
  const modules = [
    { name: 'system', tree: new DirectoryTree(world.publisher.tree('system').path), includes: [] },
  ]
  await publishRelease({ version: 1, channel: 'stable', modules }, { store: copy, keys, now, threads: 1 })
  const stored = (key: string): boolean => /^(?:chunks|manifests|log|tuf|private\/sketches)\//.test(key)
  expect((await keysIn(world.store)).filter(stored)).toEqual((await keysIn(copy)).filter(stored))
})

test('what the server has is not sent again', async () => {
  await using remote = world.remote()
  await publish(remote, 1)
  const { sentBytes } = remote.traffic
  expect(await publish(remote, 2)).toMatchObject({ changed: true, chunksUploaded: 0 })
  expect(remote.traffic.sentBytes - sentBytes).toBeLessThan(20_000)
})

test('what a collector removed before the commit is stored anew, in the same run', async () => {
  await using remote = world.remote()
  const result = await publish(remote, 1, {
    beforeVisible: async () => {
      const [first = ''] = await keysIn(world.store, 'chunks/')
      await world.store.delete(first)
      await fence(world.store, await loadState(world.store))
    },
  })
  expect(result.changed).toBe(true)
  const { verifyRepository } = await import('../../../src/maintenance/verify-repository.ts')
  expect((await verifyRepository(world.store, { now: new Date() })).damages).toEqual([])
})

test('a refresh that crosses a publish is no conflict', async () => {
  await using remote = world.remote()
  const { keys, now } = world.publisher
  let crossed = 0
  await publish(remote, 1, {
    beforeVisible: async () => {
      if (crossed++ === 0) await refreshExpiry({ store: world.store, keys, now, signal: undefined })
    },
  })
  expect(crossed).toBe(2)
  expect(await versions()).toEqual([1])
})

test('someone else who was faster is a conflict, as it is beside the store', async () => {
  await using remote = world.remote()
  const losing = publish(remote, 1, {
    beforeVisible: async () => {
      world.publisher.tree('other').file('c', 'c')
      await world.publisher.publish(2, ['other'])
    },
  })
  await expect(losing).rejects.toMatchObject({ code: 'PUBLISH_CONFLICT' })
  expect(await versions()).toEqual([2])
})

test('what takes the store itself is refused, with the way out', async () => {
  await using remote = world.remote()
  const refusals = [
    remote.get('private/tokens/x.json'),
    remote.put('packs/x/y.pack', Buffer.from('x')),
    remote.create('tuf/metadata/2.root.json', Buffer.from('x')),
    remote.replace('tuf/metadata/1.root.json', Buffer.from('x'), 'etag'),
    remote.delete('chunks/0000/x.cacnk'),
    remote.deleteMany(),
    Array.fromAsync(remote.list('')),
    Array.fromAsync(remote.list('private/reports/')),
  ]
  for (const refusal of refusals) {
    await expect(refusal).rejects.toMatchObject({
      code: 'NOT_OVER_HTTPS',
      hint: expect.stringContaining('--store') as string,
    })
  }
})

test('mending takes the grant to operate, and puts damaged chunks right', async () => {
  await using remote = world.remote()
  await publish(remote, 1)
  const [damaged = ''] = await keysIn(world.store, 'chunks/')
  await world.store.put(damaged, Buffer.from('damaged'))
  const intent = { modules: ['system'], channels: [], isMended: true }
  const modules = [
    { name: 'system', tree: new DirectoryTree(world.publisher.tree('system').path), includes: [] },
  ]
  const mend = async (store: RemoteStore): Promise<PublishResult> => {
    const { keys, now } = world.publisher
    store.intend(intent)
    return publishRelease(
      { version: 1, channel: undefined, modules, mend: true },
      { store, keys, now, threads: 1 },
    )
  }
  await expect(mend(remote)).rejects.toMatchObject({ code: 'FORBIDDEN' })
  await using operator = world.remote(await world.tokenFor(['*'], ['*'], { may: 'operate' }))
  expect(await mend(operator)).toMatchObject({ changed: false })
  const { verifyRepository } = await import('../../../src/maintenance/verify-repository.ts')
  expect((await verifyRepository(world.store, { now: new Date() })).damages).toEqual([])
})
