import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { JobError } from '../../../../src/jobs/errors.ts'
import { InlineQueue } from '../../../../src/jobs/inline-queue.ts'
import type { JobQueue, JobWorker } from '../../../../src/jobs/job-queue.ts'
import { jobsPlane, type JobsPlaneOptions } from '../../../../src/server/jobs/jobs-plane.ts'
import { MemoryStore } from '../../../../storage/memory-store.ts'
import { digest } from '../../jobs/job-queue-contract.ts'
import { makeToken, type TestToken } from '../access/test-tokens.ts'
import { Served } from '../served.ts'
import { readEvents, type StreamEvent } from './read-events.ts'

const order = { kind: 'build-pack', details: { to: digest(1) } }

let store: MemoryStore
let operator: TestToken
let watcher: TestToken
let other: TestToken
let queue: InlineQueue
let closing: AbortController
let served: Served
let workers: JobWorker[] = []

beforeAll(async () => {
  store = new MemoryStore()
  operator = await makeToken(store, [{ may: 'operate' }])
  watcher = await makeToken(store, [{ may: 'watch' }])
  other = await makeToken(store, [{ may: 'ingest' }])
})
beforeEach(async () => {
  queue = new InlineQueue({ progressMs: 5, attempts: 2, backoffMs: 5 })
  served = await serve(queue)
})
afterEach(async () => {
  closing.abort()
  await Promise.all(workers.map(async (worker) => worker.close(0)))
  workers = []
  await served[Symbol.asyncDispose]()
})

async function serve(of: JobQueue, options: Partial<JobsPlaneOptions> = {}): Promise<Served> {
  closing = new AbortController()
  const plane = jobsPlane({ queue: of, signal: closing.signal, ...options })
  return Served.start({ store, access: { store }, planes: [plane], limits: { idleResponseTimeoutMs: 300 } })
}

async function ask(
  method: string,
  path: string,
  { token = operator, body, headers = {} }: { token?: TestToken; body?: unknown; headers?: object } = {},
): Promise<{ readonly status: number; readonly json: Record<string, unknown>; readonly headers: Headers }> {
  const json = { 'Content-Type': 'application/json' }
  const response = await fetch(`${served.server.url}${path}`, {
    method,
    headers: { ...token.headers, ...(body !== undefined && json), ...headers },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const text = await response.text()
  return {
    status: response.status,
    json: (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>,
    headers: response.headers,
  }
}

async function start(): Promise<string> {
  return String((await ask('POST', '/v1/jobs', { body: order })).json['id'])
}

/** Works on what was added, once the gate is open. */
function work(gate: Promise<unknown> = Promise.resolve()): void {
  workers.push(
    queue.work(
      {
        'build-pack': async (_details, { onNote, onProgress, signal }) => {
          onNote('begun')
          onProgress({ title: 'making', done: 1, total: 2, unit: 'bytes' })
          const stopped = Promise.withResolvers<never>()
          signal.addEventListener('abort', () => stopped.reject(signal.reason as Error))
          await Promise.race([gate, stopped.promise])
          return { bytes: 7 }
        },
      },
      { concurrency: 1 },
    ),
  )
}

describe('orders', () => {
  test('an order is taken, and the same again is the same job', async () => {
    const first = await ask('POST', '/v1/jobs', { body: order })
    expect(first).toMatchObject({
      status: 202,
      json: { ...order, state: 'waiting', failures: 0, by: `token:${operator.id}` },
    })
    expect(first.headers.get('location')).toBe(`/v1/jobs/${String(first.json['id'])}`)
    expect(first.headers.get('cache-control')).toBe('no-store')
    expect((await ask('POST', '/v1/jobs', { body: order })).json['id']).toBe(first.json['id'])
  })

  test.each([
    ['{', 'not JSON'],
    ['3', 'no object'],
    [{ kind: 'none' }, 'kind'],
    [{ kind: 'build-pack' }, 'details.to'],
    [{ kind: 'build-pack', details: { to: 'sha256:0' } }, 'details.to'],
    [{ kind: 'verify', details: { deep: 1 } }, 'details'],
    [{ kind: 'verify', more: 1 }, 'kind and details'],
  ])('%j is refused', async (body, said) => {
    const { status, json } = await ask('POST', '/v1/jobs', { body })
    expect([status, json['code']]).toEqual([400, 'REQUEST_INVALID'])
    expect(json['detail']).toContain(said)
  })

  test('what is too long, or of another form, is refused before it is read', async () => {
    const long = JSON.stringify({ kind: 'verify', details: { x: 'x'.repeat(9000) } })
    expect((await ask('POST', '/v1/jobs', { body: long })).json['code']).toBe('BODY_TOO_LARGE')
    const form = { 'Content-Type': 'text/plain' }
    expect((await ask('POST', '/v1/jobs', { body: '{}', headers: form })).json['code']).toBe(
      'REQUEST_INVALID',
    )
    const elsewhere = await ask('DELETE', '/v1/jobs/verify-1', { body: '{}' })
    expect(elsewhere.json['code']).toBe('BODY_UNEXPECTED')
    expect(await queue.list({ limit: 10 })).toEqual([])
  })

  test('a full queue says when to come again', async () => {
    await served[Symbol.asyncDispose]()
    served = await serve(new InlineQueue({ maxWaiting: 0 }))
    const { status, json, headers } = await ask('POST', '/v1/jobs', { body: order })
    expect([status, json['code'], headers.get('retry-after')]).toEqual([503, 'QUEUE_FULL', '30'])
  })

  test('orders and cancellations are in the access log', async () => {
    const id = await start()
    await ask('DELETE', `/v1/jobs/${id}`)
    const entries: string[] = []
    for await (const { key } of store.list('private/access-log/')) {
      entries.push(Buffer.concat((await (await store.get(key)).stream.toArray()) as Buffer[]).toString())
    }
    expect(entries.join()).toContain('start build-pack')
    expect(entries.join()).toContain('cancel a job')
    expect(entries.join()).not.toContain(operator.text)
  })
})

describe('jobs', () => {
  test('are listed, the newest first, and chosen by kind and state', async () => {
    const id = await start()
    await ask('POST', '/v1/jobs', { body: { kind: 'verify' } })
    const ids = async (query: string): Promise<unknown> =>
      ((await ask('GET', `/v1/jobs${query}`, { token: watcher })).json['jobs'] as { kind: string }[]).map(
        ({ kind }) => kind,
      )
    expect(await ids('')).toEqual(['verify', 'build-pack'])
    expect(await ids('?limit=1')).toEqual(['verify'])
    expect(await ids('?kind=build-pack&state=waiting')).toEqual(['build-pack'])
    expect(await ids('?state=running')).toEqual([])
    for (const query of ['?kind=none', '?state=none', '?limit=0', '?limit=201', '?limit=x', '?other=1']) {
      const { status, json } = await ask('GET', `/v1/jobs${query}`, { token: watcher })
      expect([query, status, json['code']]).toEqual([query, 400, 'REQUEST_INVALID'])
    }
    expect((await ask('GET', `/v1/jobs/${id}?x=1`, { token: watcher })).status).toBe(400)
  })

  test('may be looked at by who asked for them, and by who may watch', async () => {
    const id = await start()
    expect((await ask('GET', `/v1/jobs/${id}`, { token: watcher })).json).toMatchObject({ id })
    expect((await ask('GET', `/v1/jobs/${id}`, { token: operator })).json).toMatchObject({ id })
    expect((await ask('GET', `/v1/jobs/${id}`, { token: other })).json['code']).toBe('FORBIDDEN')
    expect((await ask('GET', '/v1/jobs', { token: operator })).json['code']).toBe('FORBIDDEN')
  })

  test('are cancelled, once', async () => {
    const id = await start()
    expect((await ask('DELETE', `/v1/jobs/${id}`, { token: watcher })).json['code']).toBe('FORBIDDEN')
    expect(await ask('DELETE', `/v1/jobs/${id}`)).toMatchObject({ status: 202, json: { state: 'cancelled' } })
    expect((await ask('DELETE', `/v1/jobs/${id}`)).json['code']).toBe('JOB_UNKNOWN')
    const done = await start()
    work()
    await expect.poll(async () => (await queue.get(done))?.state).toBe('completed')
    expect((await ask('DELETE', `/v1/jobs/${done}`)).json['code']).toBe('JOB_ENDED')
  })

  test('other paths and methods are refused', async () => {
    expect((await ask('GET', '/v1/jobs/')).json['code']).toBe('ROUTE_UNKNOWN')
    expect((await ask('GET', '/v1/jobs/a/b')).json['code']).toBe('ROUTE_UNKNOWN')
    const put = await ask('PUT', '/v1/jobs')
    expect([put.json['code'], put.headers.get('allow')]).toEqual(['METHOD_NOT_ALLOWED', 'GET, POST'])
    expect((await ask('POST', '/v1/jobs/verify-1')).headers.get('allow')).toBe('GET, DELETE')
    expect((await ask('DELETE', '/v1/jobs/verify-1/events')).headers.get('allow')).toBe('GET')
  })
})

describe('events', () => {
  const eventsOf = async (id: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${served.server.url}/v1/jobs/${id}/events`, { headers: { ...watcher.headers, ...headers } })

  const all = async (response: Response): Promise<StreamEvent[]> => Array.fromAsync(readEvents(response))

  test('come as they happen, end with the job, and go on behind an id', async () => {
    const id = await start()
    const gate = Promise.withResolvers<void>()
    const response = await eventsOf(id)
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
    expect(response.headers.get('cache-control')).toBe('no-store')
    work(gate.promise)
    const seen: StreamEvent[] = []
    for await (const event of readEvents(response)) {
      seen.push(event)
      if (event.name === 'progress') gate.resolve()
    }
    const kept = seen.filter(({ name }) => name !== 'progress')
    expect(kept.map(({ name, data }) => [name, data])).toEqual([
      ['state', { state: 'waiting' }],
      ['state', { state: 'running' }],
      ['log', { text: 'begun' }],
      ['state', { state: 'completed', result: { bytes: 7 } }],
    ])
    expect(seen.find(({ name }) => name === 'progress')).toEqual({
      id: undefined,
      name: 'progress',
      data: { title: 'making', done: 1, total: 2, unit: 'bytes' },
    })
    const rest = (await all(await eventsOf(id, { 'Last-Event-ID': kept[1]?.id ?? '' }))).filter(
      ({ name }) => name !== 'progress',
    )
    expect(rest).toEqual(kept.slice(2))
    const over = await eventsOf(id, { 'Last-Event-ID': kept.at(-1)?.id ?? '' })
    expect(over.status).toBe(204)
  })

  test('a client that goes lets go of the stream, and so does a server that closes', async () => {
    await served[Symbol.asyncDispose]()
    served = await serve(queue, { maxStreams: 1, heartbeatMs: 20 })
    const id = await start()
    const leaving = new AbortController()
    const first = await fetch(`${served.server.url}/v1/jobs/${id}/events`, {
      headers: watcher.headers,
      signal: leaving.signal,
    })
    expect(first.status).toBe(200)
    expect((await eventsOf(id)).status).toBe(503)
    leaving.abort()
    await expect
      .poll(async () => {
        const next = await eventsOf(id)
        if (next.status !== 200) await next.body?.cancel()
        else setTimeout(() => closing.abort(), 50)
        return next.status === 200 && (await next.text()).includes(':\n\n')
      })
      .toBe(true)
  })

  test('a client that does not read is cut off', async () => {
    const id = await start()
    workers.push(
      queue.work(
        {
          'build-pack': async (_details, { onNote, signal }) => {
            while (!signal.aborted) {
              for (let i = 0; i < 50; i++) onNote('x'.repeat(1000))
              await new Promise((resolve) => setTimeout(resolve, 1))
            }
            throw signal.reason
          },
        },
        { concurrency: 1 },
      ),
    )
    const socket = connect(served.port, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.pause()
    socket.write(
      `GET /v1/jobs/${id}/events HTTP/1.1\r\nHost: x\r\nAuthorization: ${watcher.headers.Authorization}\r\n\r\n`,
    )
    await expect
      .poll(() => served.log.some((line) => String(line['url'] ?? line['path']).includes('/events')), {
        timeout: 20_000,
        interval: 50,
      })
      .toBe(true)
    socket.resume()
    await once(socket, 'close')
    await queue.cancel(id)
  })

  test('ids that are none of ours, and jobs that are none, are refused', async () => {
    const id = await start()
    expect((await eventsOf(id, { 'Last-Event-ID': 'x' })).status).toBe(400)
    expect((await eventsOf('verify-0')).status).toBe(404)
  })
})

test('a queue that does not answer is 503, and everything else goes on', async () => {
  await served[Symbol.asyncDispose]()
  const fail = async (): Promise<never> =>
    Promise.reject(new JobError('QUEUE_UNAVAILABLE', 'redis://secret.example: refused'))
  const dead = { name: 'dead', add: fail, get: fail, list: fail, cancel: fail, depth: fail }
  served = await serve(dead as unknown as JobQueue)
  for (const [method, path, body] of [
    ['POST', '/v1/jobs', order],
    ['GET', '/v1/jobs/verify-1', undefined],
    ['DELETE', '/v1/jobs/verify-1', undefined],
    ['GET', '/v1/jobs/verify-1/events', undefined],
  ] as const) {
    const token = method === 'GET' ? watcher : operator
    const { status, json, headers } = await ask(method, path, { body, token })
    expect([path, status, json['code'], headers.get('retry-after')]).toEqual([
      path,
      503,
      'QUEUE_UNAVAILABLE',
      '5',
    ])
    expect(JSON.stringify(json)).not.toContain('secret')
  }
  expect((await served.get('/healthz')).status).toBe(200)
})
