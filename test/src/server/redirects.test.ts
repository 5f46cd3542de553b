import { afterAll, beforeAll, expect, test } from 'vitest'
import { MemoryStore } from '../../../storage/memory-store.ts'
import { checkpointKey, timestampKey } from '../../../src/repository/layout.ts'
import type { Presigner, RedirectsOptions } from '../../../src/server/redirects.ts'
import { objectClasses, servedObject } from '../../../src/server/served-object.ts'
import { FaultyStore } from '../../support/faulty-store.ts'
import { noise } from '../../support/tree-recipe.ts'
import { keysOf, PublishedRepository } from './published-repository.ts'
import { Served } from './served.ts'

const store = new MemoryStore()
let stats: string[] = []
const counting = new FaultyStore(store, {
  fault: ({ operation, key }) => {
    if (operation === 'stat' && key.startsWith('chunks/')) stats.push(key)
    return undefined
  },
})
let repository: PublishedRepository
let small: string
let large: string

const cdn = { base: 'https://cdn.example/vend/' }

beforeAll(async () => {
  repository = await PublishedRepository.create(store)
  await repository.publish(1, { base: [['etc/motd', 'hello']], data: [['noise', noise(1, 100_000)]] })
  for (const key of await keysOf(store, 'chunks/')) {
    if (((await store.stat(key))?.bytes ?? 0) < 50_000) small = key
    else large = key
  }
})

afterAll(async () => repository[Symbol.asyncDispose]())

async function serve(redirects: RedirectsOptions, now?: () => number): Promise<Served> {
  stats = []
  return Served.start({ store: counting, redirects, now })
}

function signer(clock: () => Date, livesForSeconds = Infinity): Presigner & { calls: number } {
  const made = {
    calls: 0,
    presign: async (key: string, { seconds }: { seconds: number }) => {
      made.calls++
      const validUntil = new Date(clock().getTime() + Math.min(seconds, livesForSeconds) * 1000)
      return Promise.resolve({ url: `https://bucket.example/${key}?signed`, validUntil })
    },
  }
  return made
}

test('an object of a class that lies elsewhere is fetched there, whatever is asked of it', async () => {
  await using served = await serve({ targets: new Map([['chunks', cdn]]), fromBytes: 50_000 })
  for (const [headers, method] of [
    [{}, 'GET'],
    [{ Range: 'bytes=1-2', 'If-Range': '"x"' }, 'GET'],
    [{ 'If-None-Match': '*' }, 'GET'],
    [{ 'If-Match': '"other"' }, 'GET'],
  ] as const) {
    const answer = await served.get(`/${large}`, headers, method)
    expect(answer.status).toBe(307)
    expect(answer.headers).toMatchObject({
      location: `https://cdn.example/vend/${large}`,
      'cache-control': 'public, max-age=300',
      'content-length': '0',
    })
    expect(answer.headers['etag']).toBeUndefined()
  }
  const head = await served.get(`/${large}`, {}, 'HEAD')
  expect([head.status, head.headers['content-length']]).toEqual([
    200,
    String((await store.stat(large))?.bytes),
  ])
  expect((await served.get(`/${small}`)).status).toBe(200)
  expect((await served.get(`/${timestampKey}`)).status).toBe(200)
  const manifest = (await keysOf(store, 'manifests/'))[0] ?? ''
  expect((await served.get(`/${manifest}`)).status).toBe(200)
})

test('what is replaced is never fetched elsewhere', async () => {
  const everything = new Map(objectClasses.map((name) => [name, cdn] as const))
  await using served = await serve({ targets: everything, fromBytes: 0 })
  for (const key of (await keysOf(store, '')).filter((name) => !name.startsWith('private/'))) {
    const isReplaced = key === timestampKey || key === checkpointKey
    expect([key, (await served.get(`/${key}`)).status]).toEqual([key, isReplaced ? 200 : 307])
    expect(servedObject(`/${key}`)?.objectClass === undefined).toBe(isReplaced)
  }
})

test('what is not there is not there here, and nobody is sent to look for it', async () => {
  await using served = await serve({ targets: new Map([['chunks', cdn]]), fromBytes: 0 })
  const absent = `chunks/0000/${'0'.repeat(64)}.cacnk`
  const { status, json, headers } = await served.get(`/${absent}`)
  expect([status, json['code'], headers['cache-control']]).toEqual([404, 'OBJECT_UNKNOWN', 'no-store'])
  await store.put(absent, Buffer.from('x'))
  expect((await served.get(`/${absent}`)).status).toBe(307)
  await store.delete(absent)
})

test('a crowd costs one look a minute', async () => {
  let time = 0
  await using served = await serve({ targets: new Map([['chunks', cdn]]), fromBytes: 50_000 }, () => time)
  const ask = async (key: string): Promise<unknown> =>
    Promise.all(Array.from({ length: 30 }, async () => served.get(`/${key}`)))
  await ask(large)
  await ask(large)
  expect(stats).toEqual([large])
  time = 60_000
  await ask(large)
  expect(stats).toEqual([large, large])
})

test('a signed URL is kept by caches for a third of its life at most', async () => {
  let time = Date.UTC(2026, 0, 1)
  const clock = (): Date => new Date(time)
  const presigner = signer(clock)
  const targets = new Map([['chunks', 'presigned']] as const)
  await using served = await serve({ targets, fromBytes: 0, presigner, clock }, () => time)
  const get = await served.get(`/${large}`)
  expect(get.headers['location']).toBe(`https://bucket.example/${large}?signed`)
  expect(get.headers['cache-control']).toBe('public, max-age=300, must-revalidate')
  time += 59_000
  expect((await served.get(`/${large}`)).headers['cache-control']).toBe(
    'public, max-age=280, must-revalidate',
  )
  expect(presigner.calls).toBe(1)
  time += 1000
  expect((await served.get(`/${large}`)).headers['cache-control']).toBe(
    'public, max-age=300, must-revalidate',
  )
  expect(presigner.calls).toBe(2)
})

test('with credentials that are about to expire objects are served here', async () => {
  const clock = (): Date => new Date(0)
  const targets = new Map([['chunks', 'presigned']] as const)
  await using brief = await serve({ targets, fromBytes: 0, presigner: signer(clock, 59), clock })
  expect((await brief.get(`/${large}`)).status).toBe(200)
  await using longer = await serve({ targets, fromBytes: 0, presigner: signer(clock, 90), clock })
  expect((await longer.get(`/${large}`)).headers['cache-control']).toBe('public, max-age=30, must-revalidate')
})
