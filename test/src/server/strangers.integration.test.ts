import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { MemoryStore } from '../../../storage/memory-store.ts'
import { manifestKey } from '../../../src/repository/layout.ts'
import { digestOf } from '../../../manifests/digest.ts'
import { Served, readToEnd } from './served.ts'

const store = new MemoryStore()
const large = `/${manifestKey(digestOf(Buffer.from('large')))}`
let served: Served

beforeAll(async () => {
  await store.put(large.slice(1), Buffer.alloc(16_000_000, 'x'))
  served = await Served.start({
    store,
    limits: {
      headersTimeoutMs: 1000,
      requestTimeoutMs: 1500,
      keepAliveTimeoutMs: 200,
      idleResponseTimeoutMs: 300,
      maxRequestsPerSocket: 3,
    },
  })
})

afterAll(async () => {
  await served[Symbol.asyncDispose]()
})

const end = 'Host: x\r\nConnection: close\r\n\r\n'

function codeOf(text: string): unknown {
  return (JSON.parse(text.slice(text.indexOf('\r\n\r\n'))) as { code: unknown }).code
}

describe('too much', () => {
  test('a long URL is a 414, and what no header may hold a 431', async () => {
    for (const path of ['/chunks/', '/v1/releases?limit=', '/']) {
      const answer = await served.get(`${path}${'a'.repeat(8200)}`)
      expect([answer.status, answer.json['code']]).toEqual([414, 'URL_TOO_LONG'])
    }
    const text = await served.raw(`GET /${'a'.repeat(20_000)} HTTP/1.1\r\n${end}`)
    expect(text).toMatch(/^HTTP\/1\.1 431 Request Header Fields Too Large\r\n/)
    expect(codeOf(text)).toBe('HEADERS_TOO_LARGE')
  })

  test('many or large headers are a 431', async () => {
    const many = Array.from({ length: 64 }, (_, i) => `X-${i}: 1\r\n`).join('')
    expect(codeOf(await served.raw(`GET /healthz HTTP/1.1\r\n${many}${end}`))).toBe('HEADERS_TOO_LARGE')
    const big = `X: ${'a'.repeat(17_000)}\r\n`
    expect(codeOf(await served.raw(`GET /healthz HTTP/1.1\r\n${big}${end}`))).toBe('HEADERS_TOO_LARGE')
    const some = Array.from({ length: 60 }, (_, i) => `X-${i}: 1\r\n`).join('')
    expect(await served.raw(`GET /healthz HTTP/1.1\r\n${some}${end}`)).toMatch(/^HTTP\/1\.1 200 /)
  })

  test.each(['Content-Length: 5', 'Content-Length: 5000000000', 'Transfer-Encoding: chunked'])(
    'a body (%s) is a 400, and ends the connection unread',
    async (header) => {
      for (const path of ['/healthz', large, '/v1/channels', '/nowhere']) {
        const text = await served.raw(`GET ${path} HTTP/1.1\r\nHost: x\r\n${header}\r\n\r\n`)
        expect(text).toMatch(/^HTTP\/1\.1 400 /)
        expect(text).toMatch(/connection: close/i)
        expect(codeOf(text)).toBe('BODY_UNEXPECTED')
      }
    },
  )

  test('nobody is told to continue with a body', async () => {
    const text = await served.raw(
      'GET /healthz HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n',
    )
    expect(text).toMatch(/^HTTP\/1\.1 400 /)
  })

  test('an empty body is none', async () => {
    expect(
      (await served.get('/healthz', { 'Content-Length': '0', 'Content-Type': 'text/plain' })).status,
    ).toBe(200)
  })

  test('requests on one connection are counted', async () => {
    const text = await served.raw(`GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(4))
    expect(text.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(3)
    expect(text).toMatch(/connection: close/i)
  })
})

describe('nonsense', () => {
  test.each([
    'HELLO\r\n\r\n',
    '\x16\x03\x01\x00\x05hello\r\n\r\n',
    'GET / HTTP/9.9\r\n\r\n',
    'GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: x\r\nA\x00: b\r\n\r\n',
  ])('%j is a 400', async (text) => {
    const answer = await served.raw(text)
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/)
    expect(codeOf(answer)).toBe('REQUEST_MALFORMED')
  })

  test('an HTTP/1.1 request without a host is a 400', async () => {
    expect(await served.raw('GET / HTTP/1.1\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /)
  })

  test('OPTIONS * and CONNECT get nothing', async () => {
    expect(await served.raw(`OPTIONS * HTTP/1.1\r\n${end}`)).toMatch(/^HTTP\/1\.1 404 /)
    expect(await served.raw(`CONNECT evil.test:443 HTTP/1.1\r\n${end}`)).not.toMatch(/ 200 /)
  })

  test('an upgrade is not one', async () => {
    const text = await served.raw(
      `GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n`,
    )
    expect(text).toMatch(/^HTTP\/1\.1 200 /)
  })
})

describe('slow', () => {
  test.each(['', 'GET /heal', 'GET /healthz HTTP/1.1\r\nHost: x\r\nA: '])(
    'headers that never end (%j) are cut off',
    async (text) => {
      const socket = served.connect()
      socket.write(text)
      const began = performance.now()
      const answer = await readToEnd(socket)
      expect(performance.now() - began).toBeLessThan(3000)
      if (answer !== '') expect(codeOf(answer)).toBe('REQUEST_TIMEOUT')
    },
  )

  test('headers that trickle are cut off', async () => {
    const socket = served.connect()
    socket.write('GET /healthz HTTP/1.1\r\n')
    const trickle = setInterval(() => socket.write('A: b\r\n'), 50)
    await readToEnd(socket)
    clearInterval(trickle)
  })

  test('a connection that waits for its next request is closed', async () => {
    const socket = served.connect()
    socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n')
    const answer = await readToEnd(socket)
    expect(answer).toMatch(/^HTTP\/1\.1 200 /)
  })

  test('a reader that reads nothing is cut off', async () => {
    const socket = served.connect().on('error', () => undefined)
    socket.write(`GET ${large} HTTP/1.1\r\n${end}`)
    const lines = served.log.length
    await waitFor(() => served.log.slice(lines).some((line) => line['aborted'] === true))
    expect(served.log.at(-1)).toMatchObject({ path: large, status: 200, aborted: true })
    socket.destroy()
  })

  test('a reader that trickles is cut off when its time is over', async () => {
    const strict = { idleResponseTimeoutMs: 400, minBytesPerSecond: 64_000_000 }
    await using impatient = await Served.start({ store, limits: strict })
    const socket = impatient.connect().on('error', () => undefined)
    socket.write(`GET ${large} HTTP/1.1\r\n${end}`)
    await once(socket, 'readable')
    const trickle = setInterval(() => void socket.read(20_000), 20)
    await waitFor(() => impatient.log.some((line) => line['aborted'] === true))
    clearInterval(trickle)
    socket.destroy()
  })

  test('a reader that pauses and goes on gets everything', async () => {
    const socket = served.connect()
    socket.write(`GET ${large} HTTP/1.1\r\n${end}`)
    await once(socket, 'readable')
    await sleep(100)
    expect((await readToEnd(socket)).length).toBeGreaterThan(16_000_000)
  })
})

test('more connections than allowed are refused, and the log says so once', async () => {
  await using crowded = await Served.start({ store, limits: { maxConnections: 2 } })
  const first = [crowded.connect(), crowded.connect()]
  await Promise.all(first.map(async (socket) => once(socket, 'connect')))
  await sleep(50)
  for (let i = 0; i < 3; i++) expect(await crowded.raw(`GET /healthz HTTP/1.1\r\n${end}`)).toBe('')
  expect(crowded.log.filter(({ msg }) => msg === 'connections refused: too many are open')).toHaveLength(1)
  for (const socket of first) socket.destroy()
})

describe('the log', () => {
  test('has one line a request, without query and headers', async () => {
    const lines = served.log.length
    await served.get('/v1/nothing?token=secret', { 'X-Request-Id': 'mine-1', Authorization: 'Bearer secret' })
    await waitFor(() => served.log.length > lines)
    expect(served.log.slice(lines)).toHaveLength(1)
    expect(served.log[lines]).toMatchObject({
      requestId: 'mine-1',
      method: 'GET',
      path: '/v1/nothing',
      status: 404,
      bytes: expect.any(Number) as unknown,
      ms: expect.any(Number) as unknown,
      remote: '127.0.0.1',
    })
    expect(JSON.stringify(served.log)).not.toContain('secret')
  })

  test.each(['a b', 'x'.repeat(65), 'a\tb', '<script>', ''])(
    'does not take the request id %j',
    async (id) => {
      const { headers } = await served.get('/healthz', { 'X-Request-Id': id })
      expect(headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/)
    },
  )

  test("believes a proxy's word only when told to", async () => {
    const forwarded = { 'X-Forwarded-For': '203.0.113.7' }
    await served.get('/v1/x', forwarded)
    await waitFor(() => served.log.at(-1)?.['path'] === '/v1/x')
    expect(served.log.at(-1)?.['remote']).toBe('127.0.0.1')
    await using trusting = await Served.start({ store, trustProxy: 'loopback' })
    await trusting.get('/v1/x', forwarded)
    await waitFor(() => trusting.log.at(-1)?.['path'] === '/v1/x')
    expect(trusting.log.at(-1)?.['remote']).toBe('203.0.113.7')
  })
})

async function waitFor(condition: () => boolean): Promise<void> {
  await expect.poll(condition, { timeout: 10_000, interval: 20 }).toBe(true)
}
