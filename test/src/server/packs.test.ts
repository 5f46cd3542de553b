import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { digestOf, type Digest } from '../../../manifests/digest.ts'
import { MemoryStore } from '../../../storage/memory-store.ts'
import type { BuildPack, PackRequestLimits } from '../../../src/delivery/pack-requests.ts'
import { packKey } from '../../../src/repository/layout.ts'
import { FaultyStore, type Fault } from '../../support/faulty-store.ts'
import type { Answer } from './http-get.ts'
import { keysOf, PublishedRepository } from './published-repository.ts'
import { Served } from './served.ts'

const store = new MemoryStore()
let fault: Fault | undefined
const faulty = new FaultyStore(store, { fault: () => fault })
let repository: PublishedRepository
/** Of releases 1 and 2; the second has a module `web` of its own. */
let [first, second, web]: Digest[] = []

beforeAll(async () => {
  repository = await PublishedRepository.create(store)
  await repository.publish(1, { base: [['etc/version', 'one']] })
  await repository.publish(2, { base: [['etc/version', 'two']], web: [['srv/index', 'web']] })
  await using served = await Served.start({ store })
  first = await manifestOf(served, 1, 'base')
  second = await manifestOf(served, 2, 'base')
  web = await manifestOf(served, 2, 'web')
})

afterAll(async () => repository[Symbol.asyncDispose]())

beforeEach(async () => {
  fault = undefined
  for (const key of await keysOf(store, 'packs/')) await store.delete(key)
})

async function manifestOf(served: Served, version: number, module: string): Promise<Digest> {
  const { json } = await served.get(`/v1/releases/${version}/modules/${module}`)
  return (json['manifest'] as { digest: Digest }).digest
}

function pathOf(from: Digest | undefined, to: Digest | undefined): string {
  return `/${packKey(from, to ?? expect.fail('no manifest'))}`
}

const packBytes = Buffer.from('the bytes of a pack')

/** Stores a pack when it is told to. */
class Builder {
  calls = 0
  aborted = 0
  readonly #turns: PromiseWithResolvers<Error | undefined>[] = []

  readonly build: BuildPack = async (from, to, signal) => {
    this.calls++
    const wait = Promise.withResolvers<Error | undefined>()
    signal.addEventListener('abort', () => {
      this.aborted++
      wait.reject(signal.reason as Error)
    })
    this.#turns.push(wait)
    const failure = await wait.promise
    if (failure !== undefined) throw failure
    await store.put(packKey(from?.digest, to.digest), packBytes)
    return { bytes: packBytes.length, isNew: true }
  }

  async finish(failure?: Error): Promise<void> {
    await expect.poll(() => this.#turns.length).toBeGreaterThan(0)
    this.#turns.shift()?.resolve(failure)
    await sleep(1)
  }
}

async function start(
  builder: Builder,
  options: { limits?: Partial<PackRequestLimits>; now?: () => number } = {},
): Promise<Served> {
  const { limits, now } = options
  return Served.start({ store: faulty, now, packs: { build: builder.build, limits } })
}

function verdictOf({ status, json, headers }: Answer): unknown[] {
  return [status, json['code'], headers['cache-control'], headers['retry-after']]
}

const beingBuilt = [404, 'PACK_BEING_BUILT', 'public, max-age=5', '10']
const absent = [404, 'OBJECT_UNKNOWN', 'no-store', undefined]
const unknown = [404, 'PACK_UNKNOWN', 'public, max-age=1', undefined]

test('a pack that is asked for is built, and then served as any object', async () => {
  const builder = new Builder()
  await using served = await start(builder)
  const path = pathOf(first, second)
  const answers = await Promise.all(Array.from({ length: 100 }, async () => served.get(path)))
  for (const answer of answers) expect(verdictOf(answer)).toEqual(beingBuilt)
  await builder.finish()
  expect(builder.calls).toBe(1)
  const { status, headers, body } = await served.get(path)
  expect([status, body.equals(packBytes), headers['content-type']]).toEqual([
    200,
    true,
    'application/octet-stream',
  ])
  expect(headers['cache-control']).toBe('public, max-age=31536000, immutable')
  expect(headers['etag']).toMatch(/^"[0-9a-f]+"$/)
  const part = await served.get(path, { Range: 'bytes=4-8', 'If-Range': headers['etag'] ?? '' })
  expect([part.status, part.body.toString()]).toEqual([206, 'bytes'])
  expect((await served.get(path, { 'If-None-Match': headers['etag'] ?? '' })).status).toBe(304)
  expect(builder.calls).toBe(1)
  const lines = served.log.filter(({ msg }) => String(msg).startsWith('pack '))
  expect(lines).toMatchObject([
    { level: 30, msg: 'pack is being built', key: path.slice(1), waiting: 0 },
    {
      level: 30,
      msg: 'pack built',
      key: path.slice(1),
      bytes: packBytes.length,
      ms: expect.any(Number) as unknown,
    },
  ])
})

test('a first install is from all zeros; HEAD and requests with conditions or ranges ask as GET does', async () => {
  const builder = new Builder()
  await using served = await start(builder)
  const path = pathOf(undefined, second)
  expect(path).toContain(`/${'0'.repeat(64)}.pack`)
  const head = await served.get(path, {}, 'HEAD')
  expect([head.status, head.headers['cache-control'], head.headers['retry-after'], head.body.length]).toEqual(
    [404, 'public, max-age=5', '10', 0],
  )
  expect(verdictOf(await served.get(path, { Range: 'bytes=0-1' }))).toEqual(beingBuilt)
  expect(verdictOf(await served.get(path, { 'If-None-Match': '"x"' }))).toEqual(beingBuilt)
  await builder.finish()
  expect((await served.get(path, {}, 'HEAD')).status).toBe(200)
  expect(builder.calls).toBe(1)
})

test('nothing is built for what no release names, nor from one module to another', async () => {
  const builder = new Builder()
  await using served = await start(builder)
  const other = digestOf(Buffer.from('other'))
  const pairs: [Digest | undefined, Digest | undefined][] = [
    [undefined, other],
    [first, other],
    [other, second],
    [first, first],
    [second, web],
    [first, `sha256:${'0'.repeat(64)}`],
  ]
  for (const [from, to] of pairs) expect(verdictOf(await served.get(pathOf(from, to)))).toEqual(unknown)
  expect(builder.calls).toBe(0)
})

test('a pack that lies there is served whether a release names its manifests or not', async () => {
  const path = pathOf(first, digestOf(Buffer.from('of the next release')))
  await store.put(path.slice(1), packBytes)
  await using served = await start(new Builder())
  expect((await served.get(path)).status).toBe(200)
})

test('a release is known as soon as it is seen', async () => {
  let now = 0
  const inStore = new MemoryStore()
  await using publisher = await PublishedRepository.create(inStore)
  await publisher.publish(1, { base: [['etc/version', 'one']] })
  const builder = new Builder()
  await using served = await Served.start({ store: inStore, now: () => now, packs: { build: builder.build } })
  // The same tree in every repository.
  expect(verdictOf(await served.get(pathOf(first, second)))).toEqual(unknown)
  await publisher.publish(2, { base: [['etc/version', 'two']] })
  now += 1001
  expect(verdictOf(await served.get(pathOf(first, second)))).toEqual(beingBuilt)
})

describe('a pack is refused', () => {
  test('when it is too large, without a time to come again', async () => {
    await using served = await start(new Builder(), { limits: { maxContentBytes: 5 } })
    const answer = await served.get(pathOf(first, second))
    expect(verdictOf(answer)).toEqual([404, 'PACK_REFUSED', 'public, max-age=60', undefined])
    expect(answer.json['detail']).toContain('larger')
    expect(verdictOf(await served.get(pathOf(undefined, second)))).toEqual(beingBuilt)
  })

  test('when it failed a while ago; the log says why', async () => {
    let now = 0
    const builder = new Builder()
    await using served = await start(builder, { now: () => now })
    const path = pathOf(first, second)
    await served.get(path)
    await builder.finish(new Error('a thread died'))
    expect(verdictOf(await served.get(path))).toEqual([404, 'PACK_REFUSED', 'public, max-age=60', '60'])
    now += 59_100
    expect(verdictOf(await served.get(path))).toEqual([404, 'PACK_REFUSED', 'public, max-age=1', '1'])
    now += 900
    expect(verdictOf(await served.get(path))).toEqual(beingBuilt)
    const line = served.log.find(({ msg }) => msg === 'pack could not be built')
    expect(line).toMatchObject({ level: 40, key: path.slice(1), err: { message: 'a thread died' } })
  })

  test('when too many wait', async () => {
    await using served = await start(new Builder(), { limits: { maxWaiting: 0 } })
    await served.get(pathOf(first, second))
    const answer = await served.get(pathOf(second, first))
    expect(verdictOf(answer)).toEqual([404, 'PACK_REFUSED', 'public, max-age=10', '10'])
  })
})

test('without a builder, a pack that is not there is not there', async () => {
  await using served = await Served.start({ store })
  expect(verdictOf(await served.get(pathOf(first, second)))).toEqual(absent)
})

test('without a repository there is nothing to build', async () => {
  const builder = new Builder()
  await using served = await Served.start({ store: new MemoryStore(), packs: { build: builder.build } })
  expect(verdictOf(await served.get(pathOf(first, second)))).toEqual(absent)
})

test('only packs are built: every other object that is not there is absent', async () => {
  await using served = await start(new Builder())
  const hex = first?.slice(7)
  for (const path of [`/deltas/${hex}/${hex}.delta`, `/manifests/${'0'.repeat(64)}.ndjson.zst`]) {
    expect(verdictOf(await served.get(path))).toEqual(absent)
  }
})

test('a store that does not answer is no answer, and asked again', async () => {
  let now = 0
  const builder = new Builder()
  await using served = await start(builder, { now: () => now })
  fault = { kind: 'fail-before' }
  expect((await served.get(pathOf(first, second))).json['code']).toBe('STORE_UNAVAILABLE')
  fault = undefined
  now += 1001
  expect(verdictOf(await served.get(pathOf(first, second)))).toEqual(beingBuilt)
})

test('a damaged release takes no other with it', async () => {
  const damaged = new MemoryStore()
  await using publisher = await PublishedRepository.create(damaged)
  await publisher.publish(1, { base: [['etc/version', 'one']] })
  await publisher.publish(2, { base: [['etc/version', 'two']] })
  for (const key of await keysOf(damaged, 'tuf/targets/releases/')) {
    if (key.endsWith('.1.json')) await damaged.put(key, Buffer.from('{}'))
  }
  await using served = await Served.start({ store: damaged, packs: { build: new Builder().build } })
  expect(verdictOf(await served.get(pathOf(undefined, second)))).toEqual(beingBuilt)
  expect(verdictOf(await served.get(pathOf(first, second)))).toEqual(unknown)
  expect(served.log.filter(({ msg }) => String(msg).startsWith('release is damaged'))).toHaveLength(1)
})

test('a server that closes aborts what it builds', async () => {
  const builder = new Builder()
  const served = await start(builder)
  await served.get(pathOf(first, second))
  await expect.poll(() => builder.calls).toBe(1)
  await served.server.close()
  expect(builder.aborted).toBe(1)
  expect(served.log.at(-1)).toMatchObject({ msg: 'pack given up: the server closes' })
})

test('a build that does not end holds a closing server for the grace period', async () => {
  const packs = { build: async () => Promise.withResolvers<never>().promise }
  const served = await Served.start({ store, packs, limits: { shutdownGraceMs: 50 } })
  await served.get(pathOf(first, second))
  await served.server.close()
  expect(served.log.at(-1)).toMatchObject({ msg: 'a pack that was being built did not end in time' })
})

test('what another process stored meanwhile is looked for once a second, and then served', async () => {
  let now = 0
  const builder = new Builder()
  await using served = await start(builder, { now: () => now })
  const path = pathOf(first, second)
  expect(verdictOf(await served.get(path))).toEqual(beingBuilt)
  await store.put(path.slice(1), packBytes)
  expect(verdictOf(await served.get(path))).toEqual(beingBuilt)
  now += 1001
  expect(verdictOf(await served.get(path))).toEqual(beingBuilt)
  await expect.poll(async () => (await served.get(path)).status).toBe(200)
  expect(builder.calls).toBe(1)
})

test('a store that failed meanwhile is not hidden by what it said before', async () => {
  let now = 0
  await using served = await start(new Builder(), { now: () => now })
  const path = pathOf(first, second)
  expect(verdictOf(await served.get(path))).toEqual(beingBuilt)
  fault = { kind: 'fail-before' }
  now += 1001
  await served.get(path)
  await expect.poll(async () => (await served.get(path)).json['code']).toBe('STORE_UNAVAILABLE')
})
