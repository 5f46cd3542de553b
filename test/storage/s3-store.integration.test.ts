import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { StoreDeniedError, StoreUnavailableError } from '../../storage/errors.ts'
import { openStore } from '../../storage/open-store.ts'
import { RetryingStore } from '../../storage/retrying-store.ts'
import { S3Store } from '../../storage/s3-store.ts'
import type { S3StoreOptions } from '../../storage/s3-client.ts'
import { makeBucket, s3Client, startRadosgw } from '../support/radosgw.ts'
import type { S3Server } from '../support/radosgw.ts'
import { contentOf, keysIn, text } from './blob-content.ts'
import { describeBlobStore } from './blob-store-contract.ts'

let server: S3Server
let bucket: Awaited<ReturnType<typeof makeBucket>>

beforeAll(async () => {
  server = await startRadosgw()
  bucket = await makeBucket(server)
})
afterAll(async () => {
  await bucket[Symbol.asyncDispose]()
})

function openS3(options: Partial<S3StoreOptions> = {}): S3Store {
  return new S3Store({
    bucket: bucket.name,
    prefix: randomBytes(4).toString('hex'),
    endpoint: server.endpoint,
    region: server.region,
    credentials: server,
    ...options,
  })
}

describeBlobStore(
  'RetryingStore on S3Store',
  async () => {
    const store = new RetryingStore(openS3())
    return { store, dispose: async () => store[Symbol.asyncDispose]() }
  },
  { many: 2_500 },
)

describe('S3Store', () => {
  test('keeps the type and caching of a blob, for readers of the bucket', async () => {
    await using store = openS3({ prefix: 'types' })
    const headers = { contentType: 'application/json', cacheControl: 'public, max-age=60' }
    await store.put('small', text('{}'), headers)
    await store.put('large', Buffer.alloc(17 * 1024 * 1024), headers)
    const s3 = s3Client(server)
    for (const key of ['small', 'large']) {
      const head = await s3.headObject({ Bucket: bucket.name, Key: `types/${key}` })
      expect(head).toMatchObject({ ContentType: headers.contentType, CacheControl: headers.cacheControl })
      expect(head.ContentEncoding ?? '').not.toContain('aws-chunked')
    }
    s3.destroy()
  })

  test('leaves no parts of an upload that was aborted', async () => {
    await using store = openS3({ prefix: 'parts' })
    const body = randomBytes(40 * 1024 * 1024)
    for (const delayMs of [5, 20, 60]) {
      const outcome = await store
        .put('k', body, { signal: AbortSignal.timeout(delayMs) })
        .catch((error: unknown) => error)
      expect(outcome).toMatchObject({ name: 'TimeoutError' })
    }
    const s3 = s3Client(server)
    const { Uploads = [] } = await s3.listMultipartUploads({ Bucket: bucket.name, Prefix: 'parts/' })
    expect(Uploads).toEqual([])
    s3.destroy()
  })

  test('sees nothing outside its prefix', async () => {
    await using outer = openS3({ prefix: '' })
    await using inner = openS3({ prefix: 'inside' })
    await inner.put('k', text('x'))
    await outer.put('insider', text('x'))
    await outer.put('inside-out', text('x'))
    expect(await keysIn(inner, '')).toEqual(['k'])
    expect(await keysIn(outer, 'insid')).toEqual(['inside-out', 'inside/k', 'insider'])
  })

  test('tells wrong keys and a missing bucket from absent blobs', async () => {
    await using denied = openS3({ credentials: { ...server, secretAccessKey: 'wrong' } })
    await using lost = openS3({ bucket: `${bucket.name}-not` })
    for (const [store, error] of [
      [denied, StoreDeniedError],
      [lost, StoreUnavailableError],
    ] as const) {
      const calls = [
        () => store.stat('k'),
        () => store.get('k'),
        () => keysIn(store, ''),
        () => store.put('k', text('x')),
        () => store.create('k', text('x')),
        () => store.replace('k', text('x'), 'etag'),
        () => store.delete('k'),
      ]
      for (const call of calls) await expect(call()).rejects.toThrow(error)
    }
  })

  test('opens by URL, without its credentials in any name or error', async () => {
    const env = { AWS_ACCESS_KEY_ID: server.accessKeyId, AWS_SECRET_ACCESS_KEY: server.secretAccessKey }
    const url = `s3://${bucket.name}/by/url?endpoint=${server.endpoint}&region=${server.region}`
    await using store = openStore(url, { env })
    await store.create('k', text('hello'))
    expect((await contentOf(store, 'k')).toString()).toBe('hello')
    const error = await store.get('absent').catch((problem: unknown) => problem)
    for (const shown of [store.name, JSON.stringify(error), String(error)]) {
      expect(shown).not.toContain(server.secretAccessKey)
      expect(shown).not.toContain(server.accessKeyId)
    }
  })
})
