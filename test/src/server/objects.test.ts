import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { BlobInfo } from '../../../storage/blob-store.ts'
import { MemoryStore } from '../../../storage/memory-store.ts'
import { checkpointKey, timestampKey } from '../../../src/repository/layout.ts'
import { FaultyStore } from '../../support/faulty-store.ts'
import { bytesOf, keysOf, PublishedRepository } from './published-repository.ts'
import { Served } from './served.ts'

const store = new MemoryStore()
/** Counts what the server asks of the store. */
const counting = new FaultyStore(store, {})
let repository: PublishedRepository
let served: Served
let chunk: string
let content: Buffer
let info: BlobInfo

beforeAll(async () => {
  repository = await PublishedRepository.create(store)
  await repository.publish(1, { base: [['etc/motd', 'hello '.repeat(2000)]] })
  served = await Served.start({ store: counting })
  chunk = (await keysOf(store, 'chunks/'))[0] ?? ''
  content = await bytesOf(store, chunk)
  info = (await store.stat(chunk)) ?? expect.fail('no chunk')
})

afterAll(async () => {
  await served[Symbol.asyncDispose]()
  await repository[Symbol.asyncDispose]()
})

const immutable = 'public, max-age=31536000, immutable'

function contentTypeOf(key: string): string {
  if (key === checkpointKey) return 'text/plain; charset=utf-8'
  if (key.startsWith('log/')) return 'application/octet-stream'
  return key.startsWith('tuf/') ? 'application/json' : 'application/zstd'
}

test('every object of the repository is served whole under its key', async () => {
  const keys = (await keysOf(store, '')).filter((key) => !key.startsWith('private/'))
  expect(keys.length).toBeGreaterThan(8)
  for (const key of keys) {
    const { status, headers, body } = await served.get(`/${key}`)
    expect([key, status]).toEqual([key, 200])
    expect(body.equals(await bytesOf(store, key))).toBe(true)
    expect(headers['content-length']).toBe(String(body.length))
    expect(headers['accept-ranges']).toBe('bytes')
    expect(headers['content-type']).toBe(contentTypeOf(key))
    expect(headers['cache-control']).toBe(
      key === timestampKey || key === checkpointKey ? 'public, no-cache' : immutable,
    )
    expect(headers['x-content-type-options']).toBe('nosniff')
    expect(headers['etag']).toMatch(/^"[0-9a-f-]+"$/)
    expect(headers['x-powered-by']).toBeUndefined()
    expect(headers['transfer-encoding']).toBeUndefined()
  }
})

test("an object's entity tag is its digest and its stored length", async () => {
  const { headers } = await served.get(`/${chunk}`)
  const digest = /([0-9a-f]{64})/.exec(chunk)?.[1]
  expect(headers['etag']).toBe(`"${digest}-${content.length}"`)
  expect(headers['last-modified']).toBe(info.modified.toUTCString())
})

test('a chunk that is compressed again has another entity tag', async () => {
  const before = (await served.get(`/${chunk}`)).headers['etag'] ?? ''
  await store.put(chunk, Buffer.concat([content, Buffer.from('x')]))
  const after = await served.get(`/${chunk}`, { Range: 'bytes=1-2', 'If-Range': before })
  expect(after.status).toBe(200)
  expect(after.headers['etag']).not.toBe(before)
  await store.put(chunk, content)
  info = (await store.stat(chunk)) ?? info
})

test("the timestamp's entity tag changes with it, also within a second", async () => {
  const first = (await served.get(`/${timestampKey}`)).headers['etag'] ?? ''
  expect((await served.get(`/${timestampKey}`, { 'If-None-Match': first })).status).toBe(304)
  await store.put(timestampKey, await bytesOf(store, timestampKey))
  const second = await served.get(`/${timestampKey}`, { 'If-None-Match': first })
  expect(second.status).toBe(200)
  expect(second.headers['etag']).not.toBe(first)
  const dated = { 'If-Modified-Since': new Date(Date.now() + 1e6).toUTCString() }
  expect((await served.get(`/${timestampKey}`, dated)).status).toBe(200)
})

describe('ranges', () => {
  test.each([
    ['bytes=0-0', 0, 1],
    ['bytes=1-3', 1, 4],
    ['bytes=5-', 5, undefined],
    ['bytes=-4', -4, undefined],
    ['bytes=0-999999', 0, undefined],
    ['bytes=-999999', 0, undefined],
  ])('%s', async (range, start, end) => {
    const { status, headers, body } = await served.get(`/${chunk}`, { Range: range })
    const expected = content.subarray(start, end)
    const first = start < 0 ? content.length + start : start
    expect(status).toBe(206)
    expect(body.equals(expected)).toBe(true)
    expect(headers['content-length']).toBe(String(expected.length))
    const last = first + expected.length - 1
    expect(headers['content-range']).toBe(`bytes ${first}-${last}/${content.length}`)
    expect(headers['cache-control']).toBe(immutable)
    expect(headers['content-type']).toBe('application/zstd')
  })

  test.each(['bytes=0-1,3-4', 'bytes=3-1', 'lines=1-2', 'bytes=x'])('%s: the whole', async (range) => {
    const { status, headers, body } = await served.get(`/${chunk}`, { Range: range })
    expect(status).toBe(200)
    expect(headers['content-range']).toBeUndefined()
    expect(body.equals(content)).toBe(true)
  })

  test.each(['bytes=999999-', 'bytes=-0'])('%s: 416', async (range) => {
    const { status, headers, json } = await served.get(`/${chunk}`, { Range: range })
    expect(status).toBe(416)
    expect(headers['content-range']).toBe(`bytes */${content.length}`)
    expect(headers['cache-control']).toBe('no-store')
    expect(json['code']).toBe('RANGE_NOT_SATISFIABLE')
  })

  test('If-Range takes the entity tag and nothing else', async () => {
    const etag = (await served.get(`/${chunk}`)).headers['etag'] ?? ''
    const ask = async (ifRange: string): Promise<number> =>
      (await served.get(`/${chunk}`, { Range: 'bytes=0-0', 'If-Range': ifRange })).status
    expect(await ask(etag)).toBe(206)
    expect(await ask(`W/${etag}`)).toBe(200)
    expect(await ask('"other"')).toBe(200)
    expect(await ask(info.modified.toUTCString())).toBe(200)
  })

  test('HEAD has no ranges', async () => {
    const { status, headers, body } = await served.get(`/${chunk}`, { Range: 'bytes=0-0' }, 'HEAD')
    expect([status, body.length, headers['content-length']]).toEqual([200, 0, String(content.length)])
  })
})

describe('conditions', () => {
  test('304 has the headers of a cache entry and no body', async () => {
    const etag = (await served.get(`/${chunk}`)).headers['etag'] ?? ''
    for (const method of ['GET', 'HEAD']) {
      const { status, headers, body } = await served.get(`/${chunk}`, { 'If-None-Match': etag }, method)
      expect([status, body.length]).toEqual([304, 0])
      expect(headers['etag']).toBe(etag)
      expect(headers['cache-control']).toBe(immutable)
      expect(headers['content-length']).toBeUndefined()
    }
  })

  test('If-Modified-Since is heeded', async () => {
    const headers = { 'If-Modified-Since': info.modified.toUTCString() }
    expect((await served.get(`/${chunk}`, headers)).status).toBe(304)
  })

  test('412 where If-Match names another object', async () => {
    const { status, json } = await served.get(`/${chunk}`, { 'If-Match': '"other"' })
    expect([status, json['code']]).toEqual([412, 'PRECONDITION_FAILED'])
    const etag = (await served.get(`/${chunk}`)).headers['etag'] ?? ''
    expect((await served.get(`/${chunk}`, { 'If-Match': etag })).status).toBe(200)
  })

  test('what does not exist has no conditions', async () => {
    const path = '/tuf/metadata/2.root.json'
    expect((await served.get(path, { 'If-None-Match': '*' })).status).toBe(404)
    expect((await served.get(path, { 'If-Match': '*' })).status).toBe(404)
  })
})

test('HEAD answers as GET, without the body', async () => {
  const get = await served.get(`/${chunk}`)
  const head = await served.get(`/${chunk}`, {}, 'HEAD')
  expect(head.status).toBe(200)
  expect(head.body.length).toBe(0)
  const volatile = new Set(['date', 'x-request-id'])
  const comparable = (headers: object): unknown[] =>
    Object.entries(headers).filter(([name]) => !volatile.has(name))
  expect(comparable(head.headers)).toEqual(comparable(get.headers))
})

const zeros = '0'.repeat(64)

test.each([
  '/tuf/metadata/2.root.json',
  `/chunks/0000/${zeros}.cacnk`,
  `/packs/${zeros}/${zeros}.pack`,
  `/deltas/${zeros}/${zeros}.delta`,
])('%s is absent, and no cache may remember it', async (path) => {
  for (const headers of [{}, { Range: 'bytes=0-1' }]) {
    const { status, headers: answered, json } = await served.get(path, headers)
    expect(status).toBe(404)
    expect(json).toMatchObject({
      code: 'OBJECT_UNKNOWN',
      status: 404,
      type: 'urn:vend:problem:OBJECT_UNKNOWN',
    })
    expect(answered['cache-control']).toBe('no-store')
    expect(answered['content-type']).toMatch(/^application\/problem\+json/)
  }
  expect((await served.get(path, {}, 'HEAD')).status).toBe(404)
})

test.each([
  '/private/publishes/1.json',
  '/private/',
  '/tuf/../private/publishes/1.json',
  '/chunks/../private/publishes/1.json',
  '/chunks/%2e%2e/private/publishes/1.json',
  '/chunks/..%2fprivate/publishes/1.json',
  '/chunks%2f0000',
  '/chunks/%zz',
  '/chunks/%00',
  '/chunks/',
  '/chunks',
  '//chunks/0000',
  '/tuf/metadata/',
  '/tuf/metadata/root.json',
  `/chunks/0000/${zeros}.cacnk/`,
  `/CHUNKS/0000/${zeros}.cacnk`,
])('%s is nothing, and costs the store nothing', async (path) => {
  await store.put('private/publishes/1.json', Buffer.from('secret'))
  const calls = counting.calls
  const { status, json } = await served.get(path)
  expect(counting.calls).toBe(calls)
  expect([status, json['code']]).toEqual([404, 'ROUTE_UNKNOWN'])
})

test('objects are only read', async () => {
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
    const { status, headers, json } = await served.get(`/${chunk}`, {}, method)
    expect([method, status, json['code']]).toEqual([method, 405, 'METHOD_NOT_ALLOWED'])
    expect(headers['allow']).toBe('GET, HEAD')
  }
})

test('an object has no query', async () => {
  const { status, json } = await served.get(`/${chunk}?bust=1`)
  expect([status, json['code']]).toEqual([400, 'REQUEST_INVALID'])
})

test('a proxy may name the host in the request line', async () => {
  const text = await served.raw(
    `GET http://repository.test/${timestampKey} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
  )
  expect(text).toMatch(/^HTTP\/1.1 200 /)
})
