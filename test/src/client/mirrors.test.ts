import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { MachineError } from '../../../src/client/errors.ts'
import { HttpFetcher, type FetcherOptions } from '../../../src/client/http-fetcher.ts'
import { FileServer, type ServerFault } from '../../support/file-server.ts'
import { noise } from '../../support/tree-recipe.ts'

const body = noise(1, 100_000)
const other = noise(2, 100_000)
const directory = mkdtempSync(join(tmpdir(), 'vend-mirrors-'))
let one: FileServer
let two: FileServer
let three: FileServer
let fetcher: HttpFetcher
let sleeps = 0

beforeAll(async () => {
  mkdirSync(join(directory, 'a'))
  writeFileSync(join(directory, 'a/object'), body)
  ;[one, two, three] = await Promise.all([start(), start(), start()])
})
beforeEach(() => {
  sleeps = 0
  fetcher = open()
})
afterEach(async () => {
  await fetcher[Symbol.asyncDispose]()
  for (const server of [one, two, three]) {
    server.behave()
    server.forget()
  }
})
afterAll(async () => {
  for (const server of [one, two, three]) await server[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true })
})

async function start(): Promise<FileServer> {
  return FileServer.start(directory)
}

function open(options: Partial<FetcherOptions> = {}): HttpFetcher {
  return new HttpFetcher({
    baseUrl: one.url,
    connection: { mirrors: [two.url, three.url] },
    sleep: async () => void sleeps++,
    ...options,
  })
}

async function fetchIt(from = fetcher): Promise<Buffer | undefined> {
  return from.fetchChecked('a/object', { maxBytes: 2 * body.length }, (bytes) => {
    if (bytes.equals(body)) return bytes
    throw new MachineError('OBJECT_CORRUPT', 'a/object has other bytes')
  })
}

function always(server: FileServer, fault: ServerFault): void {
  server.fault = () => fault
}

test('while the first mirror works nobody else is asked', async () => {
  expect(await fetchIt()).toEqual(body)
  expect(fetcher.transferred.requests).toBe(1)
  expect(fetcher.mirrors).toEqual({ used: one.url, count: 3, left: [] })
  expect([two, three].flatMap(({ requests }) => requests)).toEqual([])
})

test.each<[string, ServerFault, number, string, RegExp]>([
  ['fails', { kind: 'status', status: 500 }, 2, 'SERVER_UNREACHABLE', /status 500/],
  ['is overloaded', { kind: 'status', status: 503 }, 2, 'SERVER_UNREACHABLE', /status 503/],
  ['refuses', { kind: 'status', status: 401 }, 1, 'SERVER_REFUSED', /status 401/],
  ['lacks what must be there', { kind: 'status', status: 404 }, 1, 'OBJECT_MISSING', /lacks a\/object/],
  ['lies', { kind: 'bytes', body: other }, 1, 'OBJECT_CORRUPT', /other bytes/],
  ['sends too much', { kind: 'endless' }, 1, 'SERVER_REFUSED', /longer than/],
  ['speaks something else', { kind: 'babble' }, 2, 'SERVER_UNREACHABLE', /./],
])('a mirror that %s is left', async (_, fault, asked, code, reason) => {
  always(one, fault)
  const noted: unknown[] = []
  await using noting = open({ onMirrorLeft: (left, next) => noted.push({ ...left, next }) })
  expect(await fetchIt(noting)).toEqual(body)
  expect(one.requests).toHaveLength(asked)
  const left = { url: one.url, code, reason: expect.stringMatching(reason) as string }
  expect(noting.mirrors).toEqual({ used: two.url, count: 3, left: [left] })
  expect(noted).toEqual([{ ...left, next: two.url }])
  one.behave()
  expect(await fetchIt(noting)).toEqual(body)
  // For good, in this run.
  expect(one.requests).toHaveLength(asked)
  expect(three.requests).toEqual([])
})

test('a mirror that nobody answers for is not tried twice', async () => {
  const gone = await start()
  const { url } = gone
  await gone[Symbol.asyncDispose]()
  await using lost = open({ baseUrl: url })
  expect(await fetchIt(lost)).toEqual(body)
  expect(lost.transferred.requests).toBe(2)
  expect(sleeps).toBe(0)
})

test.each<ServerFault>([{ kind: 'silence' }, { kind: 'drip', everyMs: 5 }])(
  'a mirror that is too slow ($kind) is left after one try',
  async (fault) => {
    always(one, fault)
    await using impatient = open({ timeoutMs: 200, minBytesPerSecond: 1_000_000 })
    expect(await fetchIt(impatient)).toEqual(body)
    expect(one.requests).toHaveLength(1)
    expect(impatient.mirrors.used).toBe(two.url)
  },
)

test('an object that is half there is gone on with at the next mirror, where it is the same', async () => {
  one.fault = ({ index }) => (index === 1 ? { kind: 'cut', after: 40_000 } : { kind: 'status', status: 500 })
  expect(await fetchIt()).toEqual(body)
  expect(two.requests).toMatchObject([{ range: 'bytes=40000-', ifRange: expect.any(String) as string }])
  expect(fetcher.transferred.bytes).toBe(body.length)
})

test('an object that is half there is begun anew where it has another validator', async () => {
  one.fault = ({ index }) => (index === 1 ? { kind: 'cut', after: 40_000 } : { kind: 'status', status: 500 })
  one.rewrite = () => other
  expect(await fetchIt()).toEqual(body)
  expect(fetcher.transferred.bytes).toBe(body.length + 40_000)
})

test('a mirror is not blamed for the first half of another', async () => {
  // The same validator for other bytes: what a mirror can do that wants the next one left.
  const lie = Buffer.from(body)
  lie.fill('x', 0, 40_000)
  one.fault = ({ index }) => (index === 1 ? { kind: 'cut', after: 40_000 } : { kind: 'status', status: 500 })
  one.etagOf = () => two.etagOf(body)
  one.rewrite = () => lie
  expect(await fetchIt()).toEqual(body)
  expect(two.requests.map(({ range }) => range)).toEqual(['bytes=40000-', undefined])
  expect(fetcher.mirrors).toMatchObject({ used: two.url, left: [{ url: one.url }] })
  one.etagOf = two.etagOf
})

test('many objects at once leave a mirror once', async () => {
  one.fault = ({ index }) => (index > 5 ? { kind: 'status', status: 502 } : undefined)
  const fetched = Array.from({ length: 32 }, async () => fetchIt())
  for (const each of fetched) expect(await each).toEqual(body)
  expect(fetcher.mirrors.left.map(({ url }) => url)).toEqual([one.url])
  expect(three.requests).toEqual([])
})

test('the last mirror is tried as often as an only one', async () => {
  for (const server of [one, two]) always(server, { kind: 'status', status: 500 })
  three.fault = ({ index }) => (index < 5 ? { kind: 'status', status: 500 } : undefined)
  expect(await fetchIt()).toEqual(body)
  expect([one, two, three].map(({ requests }) => requests.length)).toEqual([2, 2, 5])
})

test('when all mirrors fail, each is named with its reason, and the gravest is the code', async () => {
  always(one, { kind: 'bytes', body: other })
  always(two, { kind: 'status', status: 404 })
  always(three, { kind: 'status', status: 500 })
  const error = (await fetchIt().catch((caught: unknown) => caught)) as MachineError
  expect(error).toMatchObject({ name: 'MachineError', code: 'OBJECT_CORRUPT' })
  expect(error.message.split('\n')).toEqual([
    'no mirror is left to ask:',
    `  ${one.url}: a/object has other bytes`,
    `  ${two.url}: it lacks a/object`,
    expect.stringMatching(`^  ${three.url}: .* in 5 tries: answered with status 500$`),
  ])
})

test('what no mirror has is not there', async () => {
  for (const server of [one, two, three]) always(server, { kind: 'status', status: 404 })
  expect(await fetchIt()).toBeUndefined()
  expect([one, two, three].map(({ requests }) => requests.length)).toEqual([1, 1, 1])
})

test('what fails here and not there is no reason to leave a mirror', async () => {
  const full = new Error('the disk is full')
  const failing = fetcher.fetchChecked('a/object', { maxBytes: body.length }, () => {
    throw full
  })
  await expect(failing).rejects.toBe(full)
  expect(fetcher.mirrors.left).toEqual([])
})

test('whoever aborts is told so, and no mirror is left for it', async () => {
  const stop = new AbortController()
  one.fault = () => {
    setTimeout(() => stop.abort(), 20)
    return { kind: 'silence' }
  }
  const running = fetcher.fetchChecked('a/object', { maxBytes: 1, signal: stop.signal }, (bytes) => bytes)
  await expect(running).rejects.toMatchObject({ name: 'AbortError' })
  expect(fetcher.mirrors.left).toEqual([])
})

test('a mirror that is named twice is one', async () => {
  await using twice = open({ connection: { mirrors: [one.url, two.url] } })
  expect(twice.mirrors.count).toBe(2)
})
