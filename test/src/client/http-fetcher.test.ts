import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { HttpFetcher, type FetcherOptions } from '../../../src/client/http-fetcher.ts'
import { FileServer, type ServedRequest, type ServerFault } from '../../support/file-server.ts'
import { noise } from '../../support/tree-recipe.ts'

const body = noise(1, 100_000)
const directory = mkdtempSync(join(tmpdir(), 'vend-fetcher-'))
let server: FileServer
let fetcher: HttpFetcher
const sleeps: number[] = []

function open(options: Partial<FetcherOptions> = {}): HttpFetcher {
  return new HttpFetcher({
    baseUrl: server.url,
    sleep: async (ms) => {
      sleeps.push(ms)
    },
    ...options,
  })
}

async function fetchIt(maxBytes = body.length, signal?: AbortSignal): Promise<Buffer | undefined> {
  return fetcher.fetch('a/object', { maxBytes, signal })
}

/** Fails so often, then serves faithfully. */
function first(times: number, fault: ServerFault): (request: ServedRequest) => ServerFault | undefined {
  return ({ index }) => (index <= times ? fault : undefined)
}

function inTurn(
  ...faults: readonly (ServerFault | undefined)[]
): (request: ServedRequest) => ServerFault | undefined {
  return ({ index }) => faults[index - 1]
}

beforeAll(async () => {
  server = await FileServer.start(directory)
  mkdirSync(join(directory, 'a'))
  writeFileSync(join(directory, 'a/object'), body)
  writeFileSync(join(directory, 'a/empty'), '')
})
beforeEach(() => {
  fetcher = open()
  sleeps.length = 0
  server.forget()
})
afterEach(async () => {
  server.behave()
  await fetcher[Symbol.asyncDispose]()
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true })
})

test('fetches an object and counts', async () => {
  expect(await fetchIt()).toEqual(body)
  expect(await fetcher.fetch('a/empty', { maxBytes: 0 })).toEqual(Buffer.alloc(0))
  expect(fetcher.transferred).toEqual({ requests: 2, bytes: body.length })
  expect(server.paths).toEqual(['a/object', 'a/empty'])
})

test('the base may have a path', async () => {
  const deeper = open({ baseUrl: `${server.url}a/` })
  expect(await deeper.fetch('object', { maxBytes: body.length })).toEqual(body)
  await deeper[Symbol.asyncDispose]()
})

test.each([404, 410, 403])('status %i means that there is no such object', async (status) => {
  server.fault = () => ({ kind: 'status', status })
  expect(await fetchIt()).toBeUndefined()
  expect(server.requests).toHaveLength(1)
})

test.each([500, 502, 503, 429])('status %i is tried again, later and later', async (status) => {
  server.fault = first(4, { kind: 'status', status })
  expect(await fetchIt()).toEqual(body)
  expect(server.requests).toHaveLength(5)
  for (const [attempt, ms] of sleeps.entries()) expect(ms).toBeLessThanOrEqual(250 * 2 ** (attempt + 1))
  expect(sleeps).toHaveLength(4)
})

test('gives up after the last try', async () => {
  server.fault = () => ({ kind: 'status', status: 503 })
  await expect(fetchIt()).rejects.toMatchObject({
    code: 'SERVER_UNREACHABLE',
    message: expect.stringMatching(
      /a\/object could not be fetched in 5 tries: answered with status 503/,
    ) as string,
  })
  expect(server.requests).toHaveLength(5)
})

test.each([301, 302, 307, 308])('status %i is followed', async (status) => {
  server.fault = ({ index }) =>
    index === 1 ? { kind: 'status', status, headers: { location: '../a/object' } } : undefined
  await expect(fetchIt()).resolves.toEqual(body)
  expect(fetcher.transferred.requests).toBe(2)
})

test('a circle of redirects is left', async () => {
  server.fault = () => ({ kind: 'status', status: 302, headers: { location: '/a/object' } })
  await expect(fetchIt()).rejects.toMatchObject({ code: 'SERVER_REFUSED' })
  expect(server.requests).toHaveLength(4)
})

test.each(['ftp://127.0.0.1/a', 'file:///etc/passwd', 'http://user:secret@127.0.0.1/a', 'http://['])(
  'a redirect to %s is not followed',
  async (location) => {
    server.fault = () => ({ kind: 'status', status: 307, headers: { location } })
    await expect(fetchIt()).rejects.toMatchObject({
      code: 'SERVER_REFUSED',
      message: expect.stringMatching(/redirects to what is no URL/) as string,
    })
    expect(server.requests).toHaveLength(1)
  },
)

test('the length of what a cache sends on to by a signature for GET is still learned', async () => {
  server.fault = ({ index }) => (index === 1 ? { kind: 'status', status: 403 } : undefined)
  await expect(fetcher.size('a/object')).resolves.toBe(body.length)
  expect(server.requests.map(({ range }) => range)).toEqual([undefined, 'bytes=0-0'])
})

test.each([300, 301, 302, 400, 401, 418, 204])('status %i is refused at once', async (status) => {
  server.fault = () => ({ kind: 'status', status })
  await expect(fetchIt()).rejects.toMatchObject({
    code: 'SERVER_REFUSED',
    message: expect.stringContaining(`status ${status}`) as string,
  })
  expect(server.requests).toHaveLength(1)
})

describe('a body that is cut', () => {
  test('is gone on with, as long as it is the same', async () => {
    server.fault = first(3, { kind: 'cut', after: 20_000 })
    expect(await fetchIt()).toEqual(body)
    expect(server.requests.map(({ range }) => range)).toEqual([
      undefined,
      'bytes=20000-',
      'bytes=40000-',
      'bytes=60000-',
    ])
    const [, ...resumed] = server.requests
    expect(new Set(resumed.map(({ ifRange }) => ifRange)).size).toBe(1)
    expect(fetcher.transferred).toEqual({ requests: 4, bytes: body.length })
  })

  test('is begun again when it has changed meanwhile', async () => {
    const other = noise(2, 90_000)
    server.fault = inTurn({ kind: 'cut', after: 20_000 }, { kind: 'bytes', body: other })
    expect(await fetchIt()).toEqual(other)
    expect(server.requests).toHaveLength(2)
  })

  test('is begun again when the server has no ranges', async () => {
    server.fault = inTurn({ kind: 'cut', after: 20_000 }, { kind: 'no-range' })
    expect(await fetchIt()).toEqual(body)
    expect(fetcher.transferred.bytes).toBe(body.length + 20_000)
  })

  test('is begun again when the answer is another range', async () => {
    server.fault = inTurn({ kind: 'cut', after: 20_000 }, { kind: 'wrong-range' })
    expect(await fetchIt()).toEqual(body)
    expect(server.requests.map(({ range }) => range)).toEqual([undefined, 'bytes=20000-', undefined])
  })

  test('is begun again when its end has come off', async () => {
    const shorter = body.subarray(0, 10_000)
    server.fault = inTurn(
      { kind: 'cut', after: 20_000 },
      { kind: 'status', status: 416 },
      { kind: 'bytes', body: shorter },
    )
    expect(await fetchIt()).toEqual(shorter)
    expect(server.requests.at(-1)?.range).toBeUndefined()
  })

  test('is begun again when it has no validator', async () => {
    const plain = await plainServer((index, response) => {
      if (index === 1) response.write(body.subarray(0, 5000), () => response.destroy())
      else response.end(body)
    })
    const unsure = open({ baseUrl: plain.url })
    expect(await unsure.fetch('x', { maxBytes: body.length })).toEqual(body)
    expect(plain.ranges).toEqual([undefined, undefined])
    await unsure[Symbol.asyncDispose]()
    await plain.close()
  })

  test('is given up when it is cut every time', async () => {
    server.fault = () => ({ kind: 'cut', after: 10 })
    await expect(fetchIt()).rejects.toMatchObject({ code: 'SERVER_UNREACHABLE' })
    expect(server.requests).toHaveLength(5)
  })
})

test('a range of another body is not taken, even from a server that does not look at If-Range', async () => {
  const plain = await plainServer((index, response) => {
    if (index === 1) {
      response.writeHead(200, { etag: '"one"', 'content-length': body.length })
      response.write(body.subarray(0, 5000), () => response.destroy())
    } else if (index === 2) {
      response.writeHead(206, {
        etag: '"two"',
        'content-range': `bytes 5000-${body.length - 1}/${body.length}`,
      })
      response.end(noise(9, body.length - 5000))
    } else response.end(body)
  })
  const careful = open({ baseUrl: plain.url })
  expect(await careful.fetch('x', { maxBytes: body.length })).toEqual(body)
  await careful[Symbol.asyncDispose]()
  await plain.close()
})

test('a body longer than it may be is refused, and not read to its end', async () => {
  await expect(fetchIt(body.length - 1)).rejects.toMatchObject({ code: 'SERVER_REFUSED' })
  server.fault = () => ({ kind: 'endless' })
  await expect(fetchIt(1000)).rejects.toMatchObject({ code: 'SERVER_REFUSED' })
  expect(fetcher.transferred.bytes).toBeLessThan(1_000_000)
  expect(sleeps).toEqual([])
})

test('a length that the body does not have is a broken answer', async () => {
  server.fault = first(2, { kind: 'content-length', bytes: body.length + 5 })
  expect(await fetchIt()).toEqual(body)
  // Of the right bytes none was asked for twice.
  expect(server.requests.length).toBeGreaterThan(1)
})

test('a server that speaks something else is unreachable', async () => {
  server.fault = () => ({ kind: 'babble' })
  await expect(fetchIt()).rejects.toMatchObject({ code: 'SERVER_UNREACHABLE' })
})

test('silence ends a try', async () => {
  const impatient = open({ timeoutMs: 50, attempts: 2 })
  server.fault = first(1, { kind: 'silence' })
  expect(await impatient.fetch('a/object', { maxBytes: body.length })).toEqual(body)
  server.fault = () => ({ kind: 'silence' })
  await expect(impatient.fetch('a/object', { maxBytes: 1 })).rejects.toMatchObject({
    code: 'SERVER_UNREACHABLE',
  })
  await impatient[Symbol.asyncDispose]()
})

test('a body that comes too slowly ends a try, though it never stops', async () => {
  const impatient = open({ timeoutMs: 100, minBytesPerSecond: 1_000_000, attempts: 2 })
  server.fault = () => ({ kind: 'drip', everyMs: 5 })
  await expect(impatient.fetch('a/object', { maxBytes: body.length })).rejects.toMatchObject({
    code: 'SERVER_UNREACHABLE',
  })
  expect(impatient.transferred.bytes).toBeGreaterThan(0)
  await impatient[Symbol.asyncDispose]()
})

test('whoever aborts is told so, whatever is under way', async () => {
  for (const fault of [{ kind: 'silence' }, { kind: 'drip', everyMs: 5 }] as const) {
    const stop = new AbortController()
    server.fault = () => {
      setTimeout(() => stop.abort(), 20)
      return fault
    }
    await expect(fetchIt(body.length, stop.signal)).rejects.toMatchObject({ name: 'AbortError' })
  }
  await expect(fetchIt(1, AbortSignal.abort())).rejects.toMatchObject({ name: 'AbortError' })
})

test('whoever aborts does not wait for the next try', async () => {
  const patient = new HttpFetcher({ baseUrl: server.url })
  const stop = new AbortController()
  server.fault = () => ({ kind: 'status', status: 503 })
  const running = patient.fetch('a/object', { maxBytes: 1, signal: stop.signal })
  while (server.requests.length === 0) await new Promise((resolve) => void setTimeout(resolve, 5))
  stop.abort()
  await expect(running).rejects.toMatchObject({ name: 'AbortError' })
  await patient[Symbol.asyncDispose]()
})

async function plainServer(
  answer: (index: number, response: ServerResponse) => void,
): Promise<{ readonly url: string; readonly ranges: (string | undefined)[]; close(): Promise<void> }> {
  const ranges: (string | undefined)[] = []
  const plain = createServer((request, response) => {
    ranges.push(request.headers.range)
    answer(ranges.length, response)
  }).listen(0, '127.0.0.1')
  await once(plain, 'listening')
  const address = plain.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${address.port}/`,
    ranges,
    close: async () => {
      plain.closeAllConnections()
      plain.close()
      await once(plain, 'close')
    },
  }
}
