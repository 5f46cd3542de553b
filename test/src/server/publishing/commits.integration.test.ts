import { afterEach, beforeEach, expect, test } from 'vitest'
import { digestOf } from '../../../../manifests/digest.ts'
import { fence } from '../../../../src/repository/fence.ts'
import { chunkKey } from '../../../../src/repository/layout.ts'
import { refreshExpiry } from '../../../../src/repository/refresh.ts'
import { loadState } from '../../../../src/repository/repository-state.ts'
import { writeSweep } from '../../../../src/repository/sweeps.ts'
import { MemoryStore } from '../../../../storage/memory-store.ts'
import { FaultyStore } from '../../../support/faulty-store.ts'
import { bytesIn, keysIn } from '../../../support/publisher.ts'
import { PublishingWorld } from './publishing-world.ts'

let world: PublishingWorld

beforeEach(async () => {
  world = await PublishingWorld.create()
  for (const name of ['base', 'web', 'tools']) world.write(name, `${name} 1`)
  await world.publisher.publish(1, ['base', 'web'])
})

afterEach(async () => world[Symbol.asyncDispose]())

/** Nothing may be written. */
async function refused(commit: object, code: string, token?: string): Promise<void> {
  const before = await world.contents()
  expect(await world.commit(commit, token)).toMatchObject({ code })
  expect(await world.contents()).toEqual(before)
}

test('a commit makes a release and a channel visible, and says what it changed', async () => {
  world.write('web', 'web 2')
  const commit = await world.commitOf(world.publishing(2, ['base', 'web'], { channel: 'stable' }))
  expect((await world.commit(commit)).json).toEqual({
    repeated: false,
    release: 2,
    modules: ['web'],
    channels: ['stable'],
  })
  const repository = await world.publisher.repository()
  expect(repository.releaseVersions()).toEqual([1, 2])
  expect((await repository.channel('stable')).version).toBe(2)
})

test('a commit that is sent again is answered as done, also when others have followed', async () => {
  const commit = await world.commitOf(world.moving('edge', 1))
  expect((await world.commit(commit)).json).toMatchObject({ repeated: false })
  expect((await world.commit(commit)).json).toEqual({ repeated: true })
  await world.moving('other', 1)(world.store)
  await world.publishing(5, ['base', 'web'])(world.store)
  expect((await world.commit(commit)).json).toEqual({ repeated: true })
})

test('a refresh is a commit', async () => {
  const { keys, now } = world.publisher
  const commit = await world.commitOf((copy) => refreshExpiry({ store: copy, keys, now, signal: undefined }))
  expect((await world.commit(commit)).json).toEqual({ repeated: false, modules: [], channels: [] })
})

test('the fence of a collector is no obstacle, and hides no other commit', async () => {
  const commit = await world.commitOf(world.moving('edge', 1))
  await fence(world.store, await loadState(world.store))
  expect((await world.commit(commit)).json).toMatchObject({ repeated: false })
  const late = await world.commitOf(world.moving('late', 1))
  await world.moving('third', 1)(world.store)
  await fence(world.store, await loadState(world.store))
  await refused(late, 'PUBLISH_CONFLICT')
})

test('a commit that dies between any two writes is completed by its repetition', async () => {
  const commit = await world.commitOf(world.publishing(2, ['base', 'web'], { channel: 'stable' }))
  const copies = await world.copy()
  for (let failing = 0, isDone = false; !isDone; failing++) {
    const store = new MemoryStore()
    for (const key of await keysIn(copies)) await store.put(key, await bytesIn(copies, key))
    let writes = -1
    const faulty = new FaultyStore(store, {
      fault: ({ operation, key }) => {
        const isWrite = ['put', 'create', 'replace'].includes(operation) && !key.startsWith('private/')
        if (isWrite) writes++
        return isWrite && writes === failing
          ? { kind: failing % 2 === 0 ? 'fail-before' : 'lose-answer' }
          : undefined
      },
    })
    const { PublishingPlane } = await import('../../../../src/server/publishing/publishing-plane.ts')
    const { Served } = await import('../served.ts')
    await using served = await Served.start({
      store: faulty,
      access: { store },
      planes: [(context) => new PublishingPlane({ store: faulty }, context)],
    })
    const send = async (): Promise<unknown> => {
      const response = await fetch(`${served.server.url}/v1/commits`, {
        method: 'POST',
        headers: { Authorization: `Bearer ${world.token}` },
        body: JSON.stringify(commit),
      })
      return response.json()
    }
    const first = await send()
    isDone = failing > writes
    expect(first).toMatchObject(isDone ? { repeated: false } : { code: 'STORE_UNAVAILABLE' })
    if (!isDone) expect(await send()).toHaveProperty('repeated')
    const state = await loadState(store)
    expect(Object.keys(state.releases.metadata.signed.targets)).toContain('releases/2.json')
    expect(await keysIn(store, 'log/tile/entries/')).toContain('log/tile/entries/000.p/4')
  }
})

test('a commit before its chunks, or its manifest, is refused, and goes through when they are there', async () => {
  world.write('web', 'web 2')
  const copy = await world.copy()
  await world.publishing(2, ['base', 'web'])(copy)
  const commit = await world.commitTo(copy)
  await refused(commit, 'CONTENT_MISSING')
  const [manifests, chunks] = [await keysIn(copy, 'manifests/'), await keysIn(copy, 'chunks/')]
  for (const key of manifests) await world.store.put(key, await bytesIn(copy, key))
  await refused(commit, 'CONTENT_MISSING')
  for (const key of chunks) await world.store.put(key, await bytesIn(copy, key))
  expect((await world.commit(commit)).json).toMatchObject({ release: 2 })
})

test('what a collector is about to remove does not count as there', async () => {
  world.write('web', 'web 2')
  const commit = await world.commitOf(world.publishing(2, ['base', 'web']))
  const key = chunkKey(digestOf(Buffer.from('web 2')))
  expect(await world.store.stat(key)).toBeDefined()
  const sweep = await writeSweep(world.store, [key])
  expect(await world.commit(commit)).toMatchObject({
    status: 503,
    code: 'COLLECTION_RUNNING',
    headers: { 'retry-after': '5' },
  })
  await world.store.delete(sweep)
  expect((await world.commit(commit)).json).toMatchObject({ release: 2 })
})

test('a checkpoint is taken when it is that of the signed head, by a key that signs snapshots', async () => {
  const put = async (body: Buffer) => world.send({ method: 'PUT', path: '/v1/log/checkpoint', body })
  const good = await bytesIn(world.store, 'log/checkpoint')
  const text = good.toString()
  await world.store.delete('log/checkpoint')
  expect(await put(Buffer.from('nothing'))).toMatchObject({ status: 422, code: 'METADATA_REFUSED' })
  expect(await put(Buffer.from(text.replace(/\n\d+\n/, '\n999\n')))).toMatchObject({
    code: 'METADATA_REFUSED',
  })
  expect(await world.store.stat('log/checkpoint')).toBeUndefined()
  expect((await put(good)).status).toBe(204)
  expect(await bytesIn(world.store, 'log/checkpoint')).toEqual(good)
  await world.moving('edge', 1)(world.store)
  const newer = await bytesIn(world.store, 'log/checkpoint')
  expect((await put(good)).status).toBe(204)
  expect(await bytesIn(world.store, 'log/checkpoint')).toEqual(newer)
})

test("who did what is in the access log, and nothing secret in the server's", async () => {
  await world.commit(await world.commitOf(world.moving('edge', 1)))
  const keys = await keysIn(world.store, 'private/access-log/')
  const lines = (await Promise.all(keys.map(async (key) => bytesIn(world.store, key)))).join('')
  expect(lines).toContain('channel edge to 1')
  expect(JSON.stringify(world.served.log)).not.toContain(world.token)
})
