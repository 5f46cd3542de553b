import { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { BlobReader } from '../../../storage/blob-store.ts'
import { StoreDeniedError } from '../../../storage/errors.ts'
import { MemoryStore } from '../../../storage/memory-store.ts'
import { timestampKey } from '../../../src/repository/layout.ts'
import { FaultyStore, type Fault } from '../../support/faulty-store.ts'
import { bytesOf, keysOf, PublishedRepository } from './published-repository.ts'
import { Served } from './served.ts'

const store = new MemoryStore()
let fault: Fault | undefined
const faulty = new FaultyStore(store, { fault: () => fault })
let repository: PublishedRepository
let served: Served
let chunk: string
let clock = 0

beforeAll(async () => {
  repository = await PublishedRepository.create(store)
  const bytes = Buffer.from(Array.from({ length: 50_000 }, (_, i) => Math.imul(i, 2_654_435_761) >>> 24))
  await repository.publish(1, { base: [['etc/motd', bytes]] })
  served = await Served.start({ store: faulty, now: () => clock })
  chunk = `/${(await keysOf(store, 'chunks/'))[0]}`
})

afterAll(async () => {
  await served[Symbol.asyncDispose]()
  await repository[Symbol.asyncDispose]()
})

async function during<T>(planned: Fault, work: () => Promise<T>): Promise<T> {
  fault = planned
  clock += 1001
  return work().finally(() => {
    fault = undefined
    clock += 1001
  })
}

const requests = ['/v1/channels', '/v1/releases/1', '/v1/releases/1/modules/base/files', '/readyz']

test('a store that does not answer is a 503 that may be tried again, and hides why', async () => {
  const secret = new StoreDeniedError('s3://bucket', 'chunks/x', 'AccessDenied for key AKIA123')
  for (const planned of [{ kind: 'fail-before' }, { kind: 'fail-before', error: secret }] as const) {
    for (const path of [chunk, ...requests]) {
      const { status, headers, json, body } = await during(planned, async () => served.get(path))
      expect([path, status, json['code']]).toEqual([path, 503, 'STORE_UNAVAILABLE'])
      expect(headers['retry-after']).toBe('5')
      expect(headers['cache-control']).toBe('no-store')
      expect(headers['etag']).toBeUndefined()
      expect(body.toString()).not.toMatch(/AKIA|bucket|memory:/)
    }
  }
  expect(JSON.stringify(served.log)).toContain('AKIA123')
  expect((await served.get('/readyz')).status).toBe(200)
})

test('the process is healthy whatever the store does', async () => {
  expect((await during({ kind: 'fail-before' }, async () => served.get('/healthz'))).status).toBe(200)
})

test('a store that fails before the first byte is still a 503', async () => {
  const answer = await during({ kind: 'break-off', after: 0 }, async () => served.get(chunk))
  expect([answer.status, answer.json['code']]).toEqual([503, 'STORE_UNAVAILABLE'])
})

test('a store that fails midway cuts the connection: never a short body that looks whole', async () => {
  const answer = during({ kind: 'break-off', after: 1000 }, async () => served.get(chunk))
  await expect(answer).rejects.toThrow(/aborted|socket hang up/)
  expect(served.log.some(({ code, level }) => code === 'STORE_UNAVAILABLE' && level === 40)).toBe(true)
})

test('a store that ends early without an error cuts the connection as well', async () => {
  const short: BlobReader = {
    name: 'short',
    stat: async (key) => store.stat(key),
    list: (prefix) => store.list(prefix),
    get: async (key) => ({ ...(await store.get(key)), stream: Readable.from([Buffer.from('few')]) }),
  }
  await using shortened = await Served.start({ store: short })
  await expect(shortened.get(chunk)).rejects.toThrow(/aborted|socket hang up/)
  expect(shortened.log.some(({ code }) => code === 'INTERNAL')).toBe(true)
})

test('a blob that is replaced between the look and the read is not served in part', async () => {
  let replaced = false
  const racing: BlobReader = {
    name: 'racing',
    stat: async (key) => store.stat(key),
    list: (prefix) => store.list(prefix),
    get: async (key, options) => {
      if (!replaced) await store.put(key, await bytesOf(store, key))
      replaced = true
      return store.get(key, options)
    },
  }
  await using raced = await Served.start({ store: racing })
  expect((await raced.get(chunk, { Range: 'bytes=1-2' })).status).toBe(503)
  expect((await raced.get(chunk, { Range: 'bytes=1-2' })).status).toBe(206)
})

test('a client that leaves stops the read, and is no failure', async () => {
  const opened: Readable[] = []
  const endless: BlobReader = {
    name: 'endless',
    stat: async (key) => store.stat(key),
    list: (prefix) => store.list(prefix),
    get: async (key) => {
      const info = (await store.stat(key)) ?? expect.fail()
      const stream = new Readable({ read: () => void stream.push(Buffer.alloc(65_536)) })
      opened.push(stream)
      return { info: { ...info, bytes: 1e12 }, stream }
    },
  }
  await using streaming = await Served.start({ store: endless })
  const socket = streaming.connect()
  socket.write(`GET ${chunk} HTTP/1.1\r\nHost: x\r\n\r\n`)
  await new Promise((resolve) => socket.once('data', resolve))
  socket.destroy()
  await expect.poll(() => opened[0]?.destroyed).toBe(true)
  await expect.poll(() => streaming.log.at(-1)?.['aborted']).toBe(true)
  expect(streaming.log.every(({ level }) => level === 30)).toBe(true)
})

describe('a repository that is', () => {
  test('missing is a 503 until it is there', async () => {
    const empty = new MemoryStore()
    await using waiting = await Served.start({ store: empty, now: () => clock })
    for (const path of ['/readyz', '/v1/channels']) {
      const { status, json, headers } = await waiting.get(path)
      expect([status, json['code'], headers['retry-after']]).toEqual([503, 'REPOSITORY_MISSING', '30'])
    }
    expect((await waiting.get('/healthz')).status).toBe(200)
    await using created = await PublishedRepository.create(empty)
    expect((await waiting.get('/readyz')).status).toBe(503)
    clock += 1001
    expect((await waiting.get('/readyz')).status).toBe(200)
    expect((await waiting.get('/v1/channels')).json).toEqual({ channels: [] })
    expect((await waiting.get('/v1/releases')).json).toEqual({ releases: [] })
    expect((await waiting.get('/v1/releases/1')).json['code']).toBe('RELEASE_UNKNOWN')
    expect(created.store).toBe(empty)
  })

  test.each(['tuf/metadata/1.root.json', 'tuf/metadata/2.snapshot.json', timestampKey])(
    'damaged (%s) is a 503 that says no more than that',
    async (key) => {
      const damaged = new MemoryStore()
      for (const each of await keysOf(store, '')) await damaged.put(each, await bytesOf(store, each))
      await damaged.put(key, Buffer.from('{}'))
      await using serving = await Served.start({ store: damaged })
      for (const path of ['/readyz', '/v1/releases']) {
        const { status, json, body } = await serving.get(path)
        expect([status, json['code']]).toEqual([503, 'REPOSITORY_CORRUPT'])
        expect(body.toString()).not.toContain('memory:')
      }
    },
  )

  test('missing a manifest is a 503 for what needs it', async () => {
    const manifest = (await keysOf(store, 'manifests/'))[0] ?? ''
    const damaged = new MemoryStore()
    for (const each of await keysOf(store, '')) {
      await damaged.put(each, each === manifest ? Buffer.from('x') : await bytesOf(store, each))
    }
    await using serving = await Served.start({ store: damaged })
    const { status, json } = await serving.get('/v1/releases/1/modules/base/files')
    expect([status, json['code']]).toEqual([503, 'REPOSITORY_CORRUPT'])
    expect((await serving.get('/v1/releases/1/modules/base')).status).toBe(200)
  })

  test('of other keys than the trusted is a 503', async () => {
    const trustedRoot = Buffer.from('another root')
    await using serving = await Served.start({ store, trustedRoot })
    expect((await serving.get('/readyz')).json['code']).toBe('REPOSITORY_CORRUPT')
  })
})

test('an error that nobody knows is a 500 with the request id and nothing else', async () => {
  const error = new Error('password is hunter2')
  const planned = { kind: 'fail-before', error } as const
  const answer = await during(planned, async () => served.get('/v1/channels', { 'X-Request-Id': 'id-7' }))
  expect(answer.status).toBe(500)
  expect(answer.json).toMatchObject({ code: 'INTERNAL', instance: 'id-7' })
  expect(answer.body.toString()).not.toMatch(/hunter2|\.ts/)
  expect(served.log.find(({ requestId, level }) => requestId === 'id-7' && level === 50)).toMatchObject({
    err: { message: 'password is hunter2' },
  })
})

describe('the state', () => {
  test('is looked at once a second, however many ask', async () => {
    const counted = new FaultyStore(store, {})
    const stat = vi.spyOn(counted, 'stat')
    let now = 0
    await using watched = await Served.start({ store: counted, now: () => now })
    const ask = async (): Promise<unknown> =>
      Promise.all(Array.from({ length: 20 }, async () => watched.get('/readyz')))
    await ask()
    expect(stat).toHaveBeenCalledTimes(1)
    const calls = counted.calls
    await ask()
    now += 999
    await ask()
    expect(counted.calls).toBe(calls)
    now += 1
    await ask()
    expect(counted.calls).toBe(calls + 1)
  })

  test('of a failure is believed for a second', async () => {
    const broken = new FaultyStore(store, { fault: () => ({ kind: 'fail-before' }) })
    let now = 0
    await using watched = await Served.start({ store: broken, now: () => now })
    for (let i = 0; i < 5; i++) expect((await watched.get('/readyz')).status).toBe(503)
    expect(broken.calls).toBe(1)
    now += 1000
    await watched.get('/readyz')
    expect(broken.calls).toBe(2)
  })
})

test('costly reads are few at a time; more are told to come back', async () => {
  const slow = new FaultyStore(store, {
    fault: ({ key }) => (key.startsWith('manifests/') ? { kind: 'delay', ms: 300 } : undefined),
  })
  await using busy = await Served.start({ store: slow, limits: { maxCostlyReads: 2 } })
  const files = '/v1/releases/1/modules/base/files'
  const answers = await Promise.all(Array.from({ length: 5 }, async () => busy.get(files)))
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(2)
  expect(answers.filter(({ status }) => status === 503)).toHaveLength(3)
  const refused = answers.find(({ status }) => status === 503)
  expect([refused?.json['code'], refused?.headers['retry-after']]).toEqual(['SERVER_BUSY', '1'])
  expect((await busy.get('/v1/releases/1')).status).toBe(200)
  expect((await busy.get(files)).status).toBe(200)
})
