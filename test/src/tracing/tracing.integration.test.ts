import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { inSpan, isTraced } from '../../../src/tracing/in-span.ts'
import { startTracing } from '../../../src/tracing/start-tracing.ts'
import { traceHeaders } from '../../../src/tracing/trace-headers.ts'
import { TracedStore } from '../../../src/tracing/traced-store.ts'
import { MemoryStore } from '../../../storage/memory-store.ts'
import { bytesOf, PublishedRepository } from '../server/published-repository.ts'
import { Served } from '../server/served.ts'
import { OtlpReceiver, type ReceivedSpan } from './otlp-receiver.ts'

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const spanId = '00f067aa0ba902b7'
const traceparent = `00-${traceId}-${spanId}-01`
let receiver: OtlpReceiver

beforeAll(async () => {
  receiver = await OtlpReceiver.start()
  process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = receiver.url
})

afterAll(async () => {
  delete process.env['OTEL_EXPORTER_OTLP_ENDPOINT']
  await receiver[Symbol.asyncDispose]()
})

/** The spans of what is done meanwhile. */
async function spansOf(work: () => Promise<unknown>): Promise<ReceivedSpan[]> {
  const before = receiver.spans.length
  {
    await using _tracing = startTracing({ service: 'vend', version: '1' })
    await work()
  }
  return receiver.spans.slice(before)
}

test('spans nest, also across what waits, and say how they ended', async () => {
  const spans = await spansOf(async () => {
    await inSpan('outer', { attributes: { 'vend.modules': 2 } }, async (outer) => {
      await sleep(5)
      await Promise.all([inSpan('one', {}, async () => sleep(20)), inSpan('two', {}, async () => sleep(1))])
      outer.set('vend.chunks', 3)
      const failing = inSpan('failing', {}, async () => {
        throw Object.assign(new Error('chunks/secret is not there'), { code: 'BLOB_NOT_FOUND' })
      })
      await expect(failing).rejects.toThrow('not there')
    })
  })
  const byName = Object.fromEntries(spans.map((span) => [span.name, span]))
  const { outer } = byName
  expect(spans.length).toBe(4)
  expect(outer).toMatchObject({ parentSpanId: undefined, isError: false })
  expect(outer?.attributes).toEqual({ 'vend.modules': 2, 'vend.chunks': 3 })
  for (const name of ['one', 'two', 'failing']) {
    expect(byName[name]).toMatchObject({ parentSpanId: outer?.spanId, traceId: outer?.traceId })
  }
  expect(byName['failing']).toMatchObject({ isError: true, attributes: { 'error.type': 'BLOB_NOT_FOUND' } })
  expect(receiver.bodies.join('')).not.toContain('secret')
})

test('headers carry a span to elsewhere', async () => {
  let headers: Record<string, string> = {}
  const spans = await spansOf(async () => {
    await inSpan('here', {}, async () => {
      headers = traceHeaders()
    })
    await inSpan('there', { kind: 'consumer', carrier: headers }, async () => undefined)
  })
  const [here, there] = spans
  expect(there).toMatchObject({ traceId: here?.traceId, parentSpanId: here?.spanId, kind: 5 })
})

test('a request is a part of the trace in its headers, and its calls to the store are parts of it', async () => {
  const store = new MemoryStore()
  await using repository = await PublishedRepository.create(store)
  await repository.publish(1, { base: [['file', 'content']] })
  const spans = await spansOf(async () => {
    await using served = await Served.start({ store: new TracedStore(store) })
    const { headers } = await served.get('/tuf/metadata/timestamp.json', { traceparent })
    expect(headers['x-request-id']).toBeTypeOf('string')
    await served.get('/v1/releases/1?token=hunter2', { traceparent, authorization: 'Bearer hunter2' })
    await served.get('/v1/releases/1?before=2', { 'x-forwarded-for': '203.0.113.77' })
    await served.get('/chunks/secret-name')
  })
  const timestamp = spans.find(({ name }) => name === 'GET tuf')
  expect(timestamp).toMatchObject({ traceId, parentSpanId: spanId, kind: 2, service: 'vend', isError: false })
  expect(timestamp?.attributes).toMatchObject({ 'http.route': 'tuf', 'http.response.status_code': 200 })
  const get = spans.find((span) => span.name === 'store get' && span.parentSpanId === timestamp?.spanId)
  expect(get).toMatchObject({ traceId, kind: 3, attributes: { 'vend.store.kind': 'tuf' } })
  const states = spans.filter(({ name }) => name === 'GET state')
  expect(states.map((span) => span.traceId === traceId)).toEqual([true, false])
  const sent = receiver.bodies.join('')
  for (const secret of ['hunter2', '203.0.113.77', '127.0.0.1', 'before', 'secret-name']) {
    expect(sent).not.toContain(secret)
  }
})

test('reading from a store is over when the last byte was taken, or nobody wants it', async () => {
  const store = new MemoryStore()
  await store.put('chunks/a', new Uint8Array(1000))
  const spans = await spansOf(async () => {
    const traced = new TracedStore(store)
    await bytesOf(traced, 'chunks/a')
    const { stream } = await traced.get('chunks/a')
    await sleep(30)
    stream.destroy()
    for await (const _ of traced.list('chunks/')) await sleep(30)
    await traced.stat('chunks/b')
    await expect(traced.create('chunks/a', new Uint8Array(1))).rejects.toThrow()
  })
  expect(spans.map(({ name, isError }) => `${name} ${isError}`).toSorted()).toEqual([
    'store create true',
    'store get false',
    'store get false',
    'store list false',
    'store stat false',
  ])
  const long = new Set(spans.filter(({ ms }) => ms >= 25).map(({ name }) => name))
  expect(long.isSupersetOf(new Set(['store get', 'store list']))).toBe(true)
})

test('without anybody who listens nothing is traced', async () => {
  expect(isTraced()).toBe(false)
  expect(traceHeaders()).toEqual({})
  expect(await inSpan('alone', {}, async () => 7)).toBe(7)
})
