import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { MemoryStore } from '../../../storage/memory-store.ts'
import { readReleaseReports, type ReleaseReports } from '../../../src/reports/release-reports.ts'
import type { StartOptions } from '../../../src/server/start-server.ts'
import { FaultyStore } from '../../support/faulty-store.ts'
import { bytesOf, keysOf, PublishedRepository } from './published-repository.ts'
import { Served } from './served.ts'

let store: MemoryStore
let repository: PublishedRepository

beforeAll(async () => {
  store = new MemoryStore()
  repository = await PublishedRepository.create(store)
  for (const version of [1, 2, 3]) await repository.publish(version, { base: [['a', String(version)]] })
})

afterEach(async () => {
  for (const key of await keysOf(store, 'private/reports/')) await store.delete(key)
})

afterAll(async () => {
  await repository[Symbol.asyncDispose]()
})

const id = 'a'.repeat(32)
const good = { channel: 'stable', id, from: 2, to: 3, phase: 'switch', outcome: 'ok' }
const bad = { ...good, phase: 'fetch', outcome: 'failed', code: 'OBJECT_MISSING' }

async function start(options: Partial<StartOptions> = {}): Promise<Served> {
  return Served.start({ store, reports: { store, flushMs: 3_600_000 }, ...options })
}

interface SendOptions {
  readonly method?: string
  readonly path?: string
  readonly headers?: Readonly<Record<string, string>>
}

interface Sent {
  readonly status: number
  readonly code: unknown
  readonly detail: unknown
}

async function send(
  { port }: Served,
  body: unknown,
  { method = 'POST', path = '/v1/reports', headers = {} }: SendOptions = {},
): Promise<Sent> {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const sent = request({
    host: '127.0.0.1',
    port,
    path,
    method,
    agent: false,
    headers: { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text), ...headers },
  })
  sent.on('error', () => undefined)
  sent.end(text)
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  const answer = (await response.toArray()).join('')
  const problem = answer === '' ? {} : (JSON.parse(answer) as Record<string, unknown>)
  return { status: response.statusCode ?? 0, code: problem['code'], detail: problem['detail'] }
}

async function heard(release = 3): Promise<ReleaseReports['outcomes']> {
  return (await readReleaseReports(store, 'stable', release)).outcomes
}

describe('a server that takes reports', () => {
  test('counts each machine once, with what is furthest on its way', async () => {
    {
      await using served = await start()
      expect(await send(served, bad)).toMatchObject({ status: 204 })
      expect(await send(served, good)).toMatchObject({ status: 204 })
      expect(await send(served, bad)).toMatchObject({ status: 204 })
      expect(await send(served, { ...bad, id: 'b'.repeat(32), from: null })).toMatchObject({ status: 204 })
      expect(await send(served, { ...good, from: 1, to: 2 })).toMatchObject({ status: 204 })
      expect(await keysOf(store, 'private/reports/')).toEqual([])
    }
    expect(await heard()).toMatchObject([
      { from: null, phase: 'fetch', outcome: 'failed', code: 'OBJECT_MISSING', machines: [0xbbbb_bbbb_bbbb] },
      { from: 2, phase: 'switch', outcome: 'ok', machines: [0xaaaa_aaaa_aaaa] },
    ])
    expect(await heard(2)).toMatchObject([{ from: 1, outcome: 'ok' }])
  })

  test('adds to what other servers stored, in the same objects', async () => {
    for (const last of ['0', '1', '1', '2']) {
      await using served = await start()
      await send(served, { ...good, id: `a${last}${id.slice(2)}` })
    }
    expect(await keysOf(store, 'private/reports/')).toEqual(['private/reports/stable/a.json'])
    expect(await heard()).toMatchObject([
      { machines: [0xa0aa_aaaa_aaaa, 0xa1aa_aaaa_aaaa, 0xa2aa_aaaa_aaaa] },
    ])
  })

  test('stores what it heard while it runs', async () => {
    await using served = await start({ reports: { store, flushMs: 20 } })
    await send(served, good)
    await expect.poll(async () => heard()).toHaveLength(1)
    await send(served, { ...good, id: 'b'.repeat(32) })
    await expect.poll(async () => (await heard())[0]?.machines).toHaveLength(2)
  })

  test('keeps what the store did not take for the next try', async () => {
    let isDown = true
    const failing = new FaultyStore(store, {
      fault: ({ operation }) => (isDown && operation === 'create' ? { kind: 'fail-before' } : undefined),
    })
    await using served = await start({ reports: { store: failing, flushMs: 20 } })
    expect(await send(served, good)).toMatchObject({ status: 204 })
    const failures = (): number => served.log.filter(({ msg }) => String(msg).includes('not stored')).length
    await expect.poll(failures).toBeGreaterThan(1)
    isDown = false
    await expect.poll(async () => heard()).toHaveLength(1)
  })

  test('neither stores nor logs an address', async () => {
    const headers = { 'X-Forwarded-For': '203.0.113.77' }
    {
      await using served = await start({ trustProxy: 'loopback' })
      await send(served, good, { headers })
      await send(served, { ...good, channel: 'nightly' }, { headers })
      await served.get('/v1/channels', headers)
      await expect.poll(() => served.log.filter(({ msg }) => msg === 'request')).toHaveLength(3)
      const lines = served.log.filter(({ path }) => path === '/v1/reports')
      expect(lines.map(({ status }) => status)).toEqual([204, 404])
      for (const line of lines) expect(JSON.stringify(line)).not.toMatch(/203\.0\.113|127\.0\.0|remote/)
      expect(served.log.find(({ path }) => path === '/v1/channels')).toMatchObject({ remote: '203.0.113.77' })
    }
    const [key = ''] = await keysOf(store, 'private/reports/')
    const text = (await bytesOf(store, key)).toString()
    const { releases, ...about } = JSON.parse(text) as { releases: object[] }
    expect(Object.keys(about)).toEqual(['channel', 'format'])
    expect(releases.map((release) => Object.keys(release))).toEqual([
      ['beyond', 'heard', 'outcomes', 'release'],
    ])
    expect(text).not.toMatch(/203|127/)
  })

  test('refuses too many from one address, and no other', async () => {
    let clock = 0
    const limits = { maxReportsPerMinute: 3 }
    await using served = await start({ trustProxy: 'loopback', limits, now: () => clock })
    const from = async (address: string): Promise<number> =>
      (await send(served, good, { headers: { 'X-Forwarded-For': address } })).status
    for (let i = 0; i < 3; i++) expect(await from('203.0.113.1')).toBe(204)
    expect(await from('203.0.113.1')).toBe(429)
    expect(await from('203.0.113.2')).toBe(204)
    for (let i = 0; i < 3; i++) expect(await from(`2001:db8::${i}`)).toBe(204)
    expect(await from('2001:db8:0:0:1::')).toBe(429)
    expect(await from('2001:db8:0:1::')).toBe(204)
    clock = 60_000
    expect(await from('203.0.113.1')).toBe(204)
  })
})

describe('a server that takes reports refuses', () => {
  let served: Served

  beforeAll(async () => {
    served = await start({ reports: { store, flushMs: 1 } })
  })

  afterAll(async () => {
    await served[Symbol.asyncDispose]()
    expect(await keysOf(store, 'private/reports/')).toEqual([])
  })

  test.each<[string, unknown, SendOptions, number, string]>([
    ['a channel that is not there', { ...good, channel: 'nightly' }, {}, 404, 'CHANNEL_UNKNOWN'],
    ['a channel of a prototype', { ...good, channel: 'constructor' }, {}, 404, 'CHANNEL_UNKNOWN'],
    ['a release that is not there', { ...good, to: 99 }, {}, 404, 'RELEASE_UNKNOWN'],
    ['a release that no machine is sent to', { ...good, to: 1 }, {}, 404, 'RELEASE_UNKNOWN'],
    ['no JSON', '{', {}, 400, 'REQUEST_INVALID'],
    ['no report', [], {}, 400, 'REQUEST_INVALID'],
    ['another id', { ...good, id: 'x' }, {}, 400, 'REQUEST_INVALID'],
    ['something else besides', { ...good, hostname: 'me' }, {}, 400, 'REQUEST_INVALID'],
    ['a failure without a code', { ...bad, code: undefined }, {}, 400, 'REQUEST_INVALID'],
    ['success with a code', { ...good, code: 'X' }, {}, 400, 'REQUEST_INVALID'],
    ['success halfway', { ...good, phase: 'build' }, {}, 400, 'REQUEST_INVALID'],
    ['terminal controls', { ...bad, code: '\u001b[31m' }, {}, 400, 'REQUEST_INVALID'],
    ['a long body', `${JSON.stringify(good)}${' '.repeat(512)}`, {}, 413, 'BODY_TOO_LARGE'],
    ['a form', good, { headers: { 'Content-Type': 'text/plain' } }, 400, 'REQUEST_INVALID'],
    ['a query', good, { path: '/v1/reports?x=1' }, 400, 'REQUEST_INVALID'],
    ['PUT', '', { method: 'PUT' }, 405, 'METHOD_NOT_ALLOWED'],
    ['GET', '', { method: 'GET' }, 405, 'METHOD_NOT_ALLOWED'],
  ])('%s', async (_name, body, options, status, code) => {
    expect(await send(served, body, options)).toMatchObject({ status, code })
  })

  test('a body of no announced length, unread', async () => {
    const head = 'POST /v1/reports HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n'
    const text = await served.raw(`${head}Transfer-Encoding: chunked\r\n\r\n`)
    expect(text).toMatch(/^HTTP\/1\.1 400 [^]*connection: close/i)
  })
})

test('a server that takes none has no such route', async () => {
  await using served = await start({ reports: undefined })
  expect(await send(served, good)).toMatchObject({ status: 404, code: 'ROUTE_UNKNOWN' })
  expect(await send(served, '', { method: 'GET' })).toMatchObject({ status: 404, code: 'ROUTE_UNKNOWN' })
})
