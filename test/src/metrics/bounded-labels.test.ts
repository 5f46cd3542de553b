import { METHODS } from 'node:http'
import * as fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { routeClasses } from '../../../src/server/route-class.ts'
import { MemoryStore } from '../../../storage/memory-store.ts'
import { MeteredStore } from '../../../storage/metered-store.ts'
import { PublishedRepository } from '../server/published-repository.ts'
import { Served } from '../server/served.ts'
import { parseSeries, sampleMetrics, type Series } from './sample-metrics.ts'

const metrics = sampleMetrics()
let repository: PublishedRepository
let served: Served

beforeAll(async () => {
  const store = new MemoryStore()
  repository = await PublishedRepository.create(store)
  await repository.publish(1, { base: [['file', 'content']] })
  served = await Served.start({
    store: new MeteredStore(store, metrics.onStoreCall),
    onAnswered: metrics.onAnswered,
  })
})

afterAll(async () => {
  await served[Symbol.asyncDispose]()
  await repository[Symbol.asyncDispose]()
})

async function ownSeries(): Promise<Series[]> {
  const all = parseSeries(await metrics.read())
  return all.filter(({ name }) => name.startsWith('vend_http') || name.startsWith('vend_store'))
}

const methods = METHODS.filter((method) => method !== 'CONNECT')
const names = fc.stringMatching(/^[a-z0-9._~%-]{1,12}$/)
const heads = ['v1', 'v1/releases', 'v1/jobs', 'v1/chunks', 'chunks', 'packs', 'tuf/metadata', 'healthz', '']
const paths = fc
  .tuple(fc.constantFrom(...heads), fc.array(names, { maxLength: 4 }), fc.option(names))
  .map(([head, rest, query]) => `/${[head, ...rest].join('/')}${query === null ? '' : `?${query}=1`}`)
const absentChunk = `/chunks/0000/${'0'.repeat(64)}.cacnk`
const requests = fc.record({
  method: fc.constantFrom(...methods),
  path: fc.oneof({ arbitrary: paths, weight: 9 }, { arbitrary: fc.constant(absentChunk), weight: 1 }),
  host: names,
})

test('what strangers make up makes no series that is not one of few', async () => {
  await fc.assert(
    fc.asyncProperty(requests, async ({ method, path, host }) => {
      await served.raw(`${method} ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
    }),
    { numRuns: 200 },
  )
  await served.get(absentChunk)
  const series = await ownSeries()
  const values = (label: string): Set<string> => new Set(series.flatMap(({ labels }) => labels[label] ?? []))
  expect(values('route').difference(new Set(routeClasses))).toEqual(new Set())
  const known = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'other'])
  expect(values('method').difference(known)).toEqual(new Set())
  expect(values('method').has('other')).toBe(true)
  expect(values('status').difference(new Set(['2xx', '3xx', '4xx', '5xx', 'aborted']))).toEqual(new Set())
  const labels = new Set(series.flatMap((one) => Object.keys(one.labels)))
  expect(labels).toEqual(new Set(['route', 'method', 'status', 'operation', 'outcome', 'le']))
})

test('requests, answers and store calls are counted by what they were', async () => {
  const before = new Map((await ownSeries()).map((one) => [keyOf(one), one.value]))
  const { body } = await served.get('/tuf/metadata/timestamp.json')
  await served.get('/v1/releases/99')
  const rise = (name: string, labels: Record<string, string>): number => {
    const key = keyOf({ name, labels })
    return (after.get(key) ?? 0) - (before.get(key) ?? 0)
  }
  const after = new Map((await ownSeries()).map((one) => [keyOf(one), one.value]))
  expect(rise('vend_http_requests_total', { route: 'tuf', method: 'GET', status: '2xx' })).toBe(1)
  expect(rise('vend_http_requests_total', { route: 'state', method: 'GET', status: '4xx' })).toBe(1)
  expect(rise('vend_http_request_duration_seconds_count', { route: 'tuf' })).toBe(1)
  expect(rise('vend_http_response_bytes_total', { route: 'tuf' })).toBeGreaterThan(body.length)
  expect(rise('vend_store_calls_total', { operation: 'get', outcome: 'ok' })).toBeGreaterThan(0)
  expect(rise('vend_store_bytes_total', { operation: 'get' })).toBeGreaterThanOrEqual(body.length)
})

function keyOf({ name, labels }: Pick<Series, 'name' | 'labels'>): string {
  const pairs = Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return `${name}${JSON.stringify(pairs)}`
}

test('a client that leaves early is no success', async () => {
  const { promise: over, resolve } = Promise.withResolvers<void>()
  const told: string[] = []
  await using other = await Served.start({
    store: new MemoryStore(),
    onAnswered: (request) => {
      metrics.onAnswered(request)
      told.push(`${request.route} ${request.isAborted}`)
      resolve()
    },
    planes: [
      () => ({
        owns: ({ url }) => url === '/v1/never',
        answer: async () => new Promise<never>(() => undefined),
      }),
    ],
  })
  const socket = other.connect()
  socket.write('GET /v1/never HTTP/1.1\r\nHost: x\r\n\r\n')
  await new Promise((sent) => setTimeout(sent, 50))
  socket.destroy()
  await over
  expect(told).toEqual(['other true'])
  const aborted = (await ownSeries()).find(({ labels }) => labels['status'] === 'aborted')
  expect(aborted).toMatchObject({ name: 'vend_http_requests_total', value: 1 })
})
