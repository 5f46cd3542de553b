import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import {
  BlobChangedError,
  BlobExistsError,
  BlobNotFoundError,
  StoreDeniedError,
  StoreFullError,
  StoreUnavailableError,
} from '../../storage/errors.ts'
import { S3Store } from '../../storage/s3-store.ts'
import type { S3StoreOptions } from '../../storage/s3-client.ts'
import { answerError, answerWith } from '../support/s3-answers.ts'
import { contentOf, keysIn, text } from './blob-content.ts'

const modified = 'Mon, 23 Nov 2026 10:00:00 GMT'

function openStore(endpoint: string, options: Partial<S3StoreOptions> = {}): S3Store {
  const credentials = { accessKeyId: 'identity', secretAccessKey: 'very-secret' }
  return new S3Store({
    bucket: 'bucket',
    prefix: 'some/where',
    endpoint,
    region: 'here',
    credentials,
    ...options,
  })
}

describe('an error answer to a write', () => {
  const cases: [number, string, new (...args: never[]) => Error, boolean?][] = [
    [401, 'InvalidAccessKeyId', StoreDeniedError],
    [403, 'AccessDenied', StoreDeniedError],
    [403, 'SignatureDoesNotMatch', StoreDeniedError],
    [400, 'ExpiredToken', StoreDeniedError],
    [403, 'QuotaExceeded', StoreFullError],
    [507, 'InsufficientStorage', StoreFullError],
    [404, 'NoSuchBucket', StoreUnavailableError, false],
    [400, 'InvalidArgument', StoreUnavailableError, false],
    [501, 'NotImplemented', StoreUnavailableError, false],
    [409, 'ConditionalRequestConflict', StoreUnavailableError, true],
    [429, 'TooManyRequests', StoreUnavailableError, true],
    [400, 'RequestTimeout', StoreUnavailableError, true],
    [500, 'InternalError', StoreUnavailableError, true],
    [503, 'SlowDown', StoreUnavailableError, true],
  ]
  test.each(cases)('%i %s', async (status, code, kind, transient) => {
    await using server = await answerWith((_, response) => answerError(response, status, code))
    await using store = openStore(server.endpoint)
    const attempts = [
      store.put('k', text('x')),
      store.create('k', text('x')),
      store.replace('k', text('x'), 'etag'),
      store.delete('k'),
      keysIn(store, ''),
    ]
    for (const outcome of await Promise.allSettled(attempts)) {
      const error: unknown = outcome.status === 'rejected' ? outcome.reason : undefined
      expect(error).toBeInstanceOf(kind)
      if (transient !== undefined) expect(error).toMatchObject({ transient })
      expect(JSON.stringify(error)).not.toMatch(/very-secret|Signature=/)
    }
    expect(server.requests).toHaveLength(attempts.length)
  })

  test('412 is a conflict, and so is 404 to a replace', async () => {
    let status = 412
    await using server = await answerWith((_, response) =>
      answerError(response, status, 'PreconditionFailed'),
    )
    await using store = openStore(server.endpoint)
    await expect(store.create('k', text('x'))).rejects.toThrow(BlobExistsError)
    await expect(store.replace('k', text('x'), 'etag')).rejects.toThrow(BlobChangedError)
    status = 404
    await expect(store.replace('k', text('x'), 'etag')).rejects.toThrow(BlobChangedError)
  })
})

describe('a missing bucket', () => {
  test('is not taken for an absent blob, though HEAD cannot tell them apart', async () => {
    await using server = await answerWith((request, response) => {
      if (request.method === 'HEAD') response.writeHead(404).end()
      else answerError(response, 404, 'NoSuchBucket')
    })
    await using store = openStore(server.endpoint)
    await expect(store.stat('k')).rejects.toThrow(/the bucket does not exist/)
    await expect(store.get('k')).rejects.toThrow(/the bucket does not exist/)
    await expect(store.get('k')).rejects.toMatchObject({ transient: false })
  })

  test('is asked about once only', async () => {
    await using server = await answerWith((request, response) => {
      response.writeHead(request.url === '/bucket' || request.url === '/bucket/' ? 200 : 404).end()
    })
    await using store = openStore(server.endpoint)
    for (let round = 0; round < 3; round += 1) expect(await store.stat('k')).toBeUndefined()
    expect(server.requests.map(({ line }) => line)).toEqual([
      'HEAD /bucket/some/where/k',
      expect.stringMatching(/^HEAD \/bucket\/?$/),
      'HEAD /bucket/some/where/k',
      'HEAD /bucket/some/where/k',
    ])
  })
})

describe('a request', () => {
  const accept = (_: IncomingMessage, response: ServerResponse) =>
    void response.writeHead(200, { etag: '"abc"' }).end()

  test('carries its condition, with the quotes that the server wants', async () => {
    await using server = await answerWith(accept)
    for (const [etagQuotes, sent] of [
      [undefined, 'abc'],
      [false, 'abc'],
      [true, '"abc"'],
    ] as const) {
      await using store = openStore(server.endpoint, { etagQuotes })
      const { etag } = await store.create('k', text('x'))
      expect(etag).toBe('abc')
      await store.replace('k', text('x'), etag)
      const [created, replaced] = server.requests.slice(-2)
      expect(created?.headers['if-none-match']).toBe('*')
      expect(replaced?.headers['if-match']).toBe(sent)
    }
  })

  test('carries the type and caching of its blob, and no framing', async () => {
    await using server = await answerWith(accept)
    await using store = openStore(server.endpoint)
    await store.put('k', text('{}'), { contentType: 'application/json', cacheControl: 'no-cache' })
    expect(server.requests[0]).toMatchObject({
      line: expect.stringMatching(/^PUT \/bucket\/some\/where\/k/) as unknown,
      headers: { 'content-type': 'application/json', 'cache-control': 'no-cache', 'content-length': '2' },
    })
    expect(server.requests[0]?.headers).not.toHaveProperty('content-encoding')
  })

  test('waits for its turn when there are too many', async () => {
    let underWay = 0
    let most = 0
    await using server = await answerWith((request, response) => {
      underWay += 1
      most = Math.max(most, underWay)
      setTimeout(() => {
        underWay -= 1
        accept(request, response)
      }, 5)
    })
    await using store = openStore(server.endpoint, { concurrency: 3 })
    await Promise.all(Array.from({ length: 20 }, async (_, index) => store.put(`k${index}`, text('x'))))
    expect(most).toBe(3)
  })

  test('that waits for its turn ends with its signal', async () => {
    await using server = await answerWith(() => undefined)
    await using store = openStore(server.endpoint, { concurrency: 1 })
    const stop = new AbortController()
    const first = store.stat('a', stop)
    const reason = new Error('enough')
    await expect(store.stat('b', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    const abort = new AbortController()
    setTimeout(() => abort.abort(reason), 5)
    await expect(store.stat('b', abort)).rejects.toBe(reason)
    stop.abort(reason)
    await expect(first).rejects.toBe(reason)
  })
})

describe('a connection', () => {
  test('that is refused, cut or silent is a transient failure', async () => {
    await using cutting = await answerWith((request) => request.socket.destroy())
    await using silent = await answerWith(() => undefined)
    const refusing = await answerWith(() => undefined)
    await refusing[Symbol.asyncDispose]()
    for (const { endpoint } of [cutting, silent, refusing]) {
      await using store = openStore(endpoint, { idleTimeoutMs: 50 })
      const calls = [() => store.stat('k'), () => store.put('k', text('x')), () => keysIn(store, '')]
      for (const call of calls) {
        await expect(call()).rejects.toMatchObject({ name: 'StoreUnavailableError', transient: true })
      }
    }
  })

  test('that is cut or falls silent in a body fails the stream, transiently', async () => {
    let cut = true
    await using server = await answerWith((request, response) => {
      response.writeHead(200, { etag: '"abc"', 'last-modified': modified, 'content-length': '10' })
      response.write('hello')
      if (cut) setTimeout(() => request.socket.destroy(), 5)
    })
    await using store = openStore(server.endpoint, { idleTimeoutMs: 50 })
    await expect(contentOf(store, 'k')).rejects.toMatchObject({ transient: true })
    cut = false
    await expect(contentOf(store, 'k')).rejects.toMatchObject({ transient: true })
  })

  test('is closed when a body is not wanted any more', async () => {
    const closed = Promise.withResolvers<void>()
    await using server = await answerWith((request, response) => {
      request.socket.once('close', () => closed.resolve())
      response.writeHead(200, { etag: '"abc"', 'last-modified': modified, 'content-length': '10' })
      response.write('hello')
    })
    await using store = openStore(server.endpoint)
    const { stream } = await store.get('k')
    stream.destroy()
    await closed.promise
  })

  test('does not leave a put waiting when its file cannot be read to the end', async () => {
    await using server = await answerWith(() => undefined)
    await using store = openStore(server.endpoint)
    const missing = store.put('k', { path: '/does/not/exist', bytes: 3 })
    await expect(missing).rejects.toMatchObject({ name: 'BodyUnreadableError' })
    expect(server.requests).toEqual([])
  })
})

describe('an answer', () => {
  const describeBlob = (response: ServerResponse, more: Record<string, string>, status = 200) =>
    response.writeHead(status, { etag: '"abc"', 'last-modified': modified, ...more })

  test('that is longer or shorter than asked for is refused', async () => {
    await using server = await answerWith((_, response) => {
      describeBlob(response, { 'content-length': '5' }).end('hello')
    })
    await using store = openStore(server.endpoint)
    await expect(store.get('k', { range: { start: 1, end: 3 } })).rejects.toThrow(/instead of the range/)
    await expect(store.get('k', { range: { start: 5, end: 6 } })).rejects.toMatchObject({ bytes: 5 })
    expect((await contentOf(store, 'k', { start: 0, end: 9 })).toString()).toBe('hello')
  })

  test('without what describes a blob is refused', async () => {
    await using server = await answerWith(
      (_, response) => void response.writeHead(200, { 'content-length': '0' }).end(),
    )
    await using store = openStore(server.endpoint)
    await expect(store.stat('k')).rejects.toThrow(/left out/)
  })

  test('416 tells the length, and 404 that there is none', async () => {
    await using server = await answerWith((request, response) => {
      if (request.method === 'HEAD') describeBlob(response, { 'content-length': '5' }).end()
      else answerError(response, 416, 'InvalidRange')
    })
    await using store = openStore(server.endpoint)
    await expect(store.get('k', { range: { start: 9, end: 10 } })).rejects.toMatchObject({ bytes: 5 })
    await using absent = await answerWith((_, response) => answerError(response, 404, 'NoSuchKey'))
    await using empty = openStore(absent.endpoint)
    await expect(empty.get('k')).rejects.toThrow(BlobNotFoundError)
  })

  test('of a list in pages is put together, without what are no keys', async () => {
    await using server = await answerWith((request, response) => {
      const second = request.url?.includes('continuation-token=more')
      const object = (key: string) =>
        `<Contents><Key>some/where/${key}</Key><Size>1</Size><ETag>"e"</ETag>` +
        `<LastModified>2026-11-23T10:00:00.000Z</LastModified></Contents>`
      const more = second ? '' : '<NextContinuationToken>more</NextContinuationToken>'
      const objects = (second ? ['c', 'd e'] : ['a', 'b//x', 'b/']).map(object).join('')
      response.end(`<?xml version="1.0"?><ListBucketResult>${objects}${more}</ListBucketResult>`)
    })
    await using store = openStore(server.endpoint)
    expect(await keysIn(store, '', 'A')).toEqual(['a', 'c'])
    expect(server.requests[0]?.line).toContain('prefix=some%2Fwhere%2F&start-after=some%2Fwhere%2FA')
  })
})

describe('an upload in parts', () => {
  const mebibyte = 1024 * 1024
  const begin = '<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>'

  test('that fails is aborted, and what was under way is given up', async () => {
    const finished: string[] = []
    await using server = await answerWith((request, response) => {
      const url = request.url ?? ''
      if (url.includes('uploads')) response.end(begin)
      else if (url.includes('partNumber=2')) answerError(response, 500, 'InternalError')
      else if (request.method === 'DELETE') response.writeHead(204).end()
      else void sleep(300).then(() => finished.push(url))
    })
    await using store = openStore(server.endpoint, { partBytes: 5 * mebibyte })
    const failed = store.put('k', Buffer.alloc(40 * mebibyte))
    await expect(failed).rejects.toMatchObject({ name: 'StoreUnavailableError', transient: true })
    expect(server.requests.at(-1)?.line).toContain('DELETE /bucket/some/where/k?uploadId=u')
    expect(server.requests.filter(({ line }) => line.includes('partNumber')).length).toBeLessThanOrEqual(4)
    expect(finished).toEqual([])
  })

  test('ends with its signal, and is aborted then', async () => {
    const reached = Promise.withResolvers<void>()
    await using server = await answerWith((request, response) => {
      if (request.url?.includes('uploads')) response.end(begin)
      else if (request.method === 'DELETE') response.writeHead(204).end()
      else reached.resolve()
    })
    await using store = openStore(server.endpoint)
    const abort = new AbortController()
    const put = store.put('k', Buffer.alloc(20 * mebibyte), abort)
    await reached.promise
    const reason = new Error('enough')
    abort.abort(reason)
    await expect(put).rejects.toBe(reason)
    expect(server.requests.at(-1)?.line).toContain('DELETE')
  })

  test('takes the ETag from HEAD when the server leaves it out at the end', async () => {
    await using server = await answerWith((request, response) => {
      if (request.url?.includes('uploads')) response.end(begin)
      else if (request.method === 'POST')
        response.end('<CompleteMultipartUploadResult></CompleteMultipartUploadResult>')
      else
        response.writeHead(200, { etag: '"whole-3"', 'last-modified': modified, 'content-length': '0' }).end()
    })
    await using store = openStore(server.endpoint)
    expect(await store.put('k', Buffer.alloc(20 * mebibyte))).toMatchObject({
      etag: 'whole-3',
      bytes: 20 * mebibyte,
    })
    const parts = server.requests
      .filter(({ line }) => line.startsWith('PUT'))
      .map(({ headers }) => headers['content-length'])
    expect(new Set(parts)).toEqual(new Set([`${4 * mebibyte}`, `${8 * mebibyte}`]))
  })
})

test('disposing closes the connections', async () => {
  const closed = Promise.withResolvers<void>()
  await using server = await answerWith((request, response) => {
    void once(request.socket, 'close').then(() => closed.resolve())
    response.writeHead(204).end()
  })
  const store = openStore(server.endpoint)
  await store.delete('k')
  await store[Symbol.asyncDispose]()
  await closed.promise
})

describe('deleteMany', () => {
  test('names a thousand keys a request, and tells of each that is left', async () => {
    await using server = await answerWith((_, response) => {
      response.writeHead(200, { 'content-type': 'application/xml' })
      const errors = [
        ['d1', 'AccessDenied'],
        ['d2', 'InternalError'],
        ['d3', 'NoSuchKey'],
      ].map(
        ([key, code]) =>
          `<Error><Key>some/where/${key}</Key><Code>${code}</Code><Message>m</Message></Error>`,
      )
      response.end(`<?xml version="1.0"?><DeleteResult>${errors.join('')}</DeleteResult>`)
    })
    await using store = openStore(server.endpoint)
    const { failed, isSettled } = await store.deleteMany(['d1', 'd2', 'd3', 'd4'])
    expect(failed).toMatchObject([
      { key: 'd1', error: { code: 'STORE_DENIED' } },
      { key: 'd2', error: { code: 'STORE_UNAVAILABLE', transient: true } },
    ])
    expect(isSettled).toBe(false)
    await store.deleteMany(Array.from({ length: 2001 }, (_, index) => `many/${index}`))
    expect(server.requests.map(({ line }) => line)).toEqual(Array(4).fill('POST /bucket/?delete='))
  })

  test('a request that fails concerns all of its keys', async () => {
    await using server = await answerWith((_, response) => answerError(response, 403, 'AccessDenied'))
    await using store = openStore(server.endpoint)
    const { failed, isSettled } = await store.deleteMany(['a', 'b'])
    expect(failed).toMatchObject([
      { key: 'a', error: { code: 'STORE_DENIED' } },
      { key: 'b', error: { code: 'STORE_DENIED' } },
    ])
    expect(isSettled).toBe(true)
  })
})
