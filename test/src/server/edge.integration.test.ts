import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { MeteredStore, type StoreCall } from '../../../storage/metered-store.ts'
import { RetryingStore } from '../../../storage/retrying-store.ts'
import { S3Presigner } from '../../../storage/s3-presign.ts'
import { S3Store } from '../../../storage/s3-store.ts'
import { timestampKey } from '../../../src/repository/layout.ts'
import type { CacheOutcome } from '../../../src/server/object-cache.ts'
import { EdgeMachine } from '../../support/edge-machine.ts'
import { makeBucket, startRadosgw, type S3Server } from '../../support/radosgw.ts'
import { noise } from '../../support/tree-recipe.ts'
import { bytesOf, keysOf, PublishedRepository } from './published-repository.ts'
import { Served } from './served.ts'

let directory: string
let bucket: Awaited<ReturnType<typeof makeBucket>>
let store: MeteredStore
let calls: StoreCall[] = []
let presigner: S3Presigner
let repository: PublishedRepository
let chunk: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vend-edge-'))
  const { endpoint, region, accessKeyId, secretAccessKey }: S3Server = await startRadosgw()
  bucket = await makeBucket({ endpoint, region, accessKeyId, secretAccessKey })
  const credentials = { accessKeyId, secretAccessKey }
  const options = { bucket: bucket.name, prefix: 'vend', endpoint, region, credentials }
  store = new MeteredStore(new RetryingStore(new S3Store(options)), (call) => calls.push(call))
  presigner = new S3Presigner(options)
  repository = await PublishedRepository.create(store)
  await repository.publish(1, { base: [['etc/version', 'one']], data: [['noise', noise(1, 900_000)]] })
  for (const key of await keysOf(store, 'chunks/')) {
    if (((await store.stat(key))?.bytes ?? 0) > 100_000) chunk = key
  }
})

beforeEach(() => {
  calls = []
})

afterAll(async () => {
  await repository[Symbol.asyncDispose]()
  await presigner[Symbol.asyncDispose]()
  await store[Symbol.asyncDispose]()
  await bucket[Symbol.asyncDispose]()
  await rm(directory, { recursive: true, force: true })
})

const cache = { maxBytes: 64 * 2 ** 20 }

/** What was read of an object, with HEAD and with GET. */
function readsOf(key: string): string[] {
  return calls.filter((call) => call.key === key).map(({ operation }) => operation)
}

test('500 that ask for a chunk at once make one read of the store', async () => {
  const outcomes: CacheOutcome[] = []
  await using served = await Served.start({ store, cache: { ...cache, onRead: (how) => outcomes.push(how) } })
  const answers = await Promise.all(Array.from({ length: 500 }, async () => served.get(`/${chunk}`)))
  const body = await bytesOf(store, chunk)
  calls = calls.slice(0, -1)
  expect(answers.every((answer) => answer.status === 200 && answer.body.equals(body))).toBe(true)
  expect(readsOf(chunk)).toEqual(['get'])
  expect(outcomes.filter((how) => how === 'store')).toHaveLength(1)
  expect(outcomes).toHaveLength(500)
})

test('without a cache they make 500', async () => {
  await using served = await Served.start({ store })
  await Promise.all(Array.from({ length: 500 }, async () => served.get(`/${chunk}`)))
  expect(readsOf(chunk)).toHaveLength(500)
})

test('while a crowd asks for the timestamp nobody is given one that was replaced before he asked', async () => {
  const outcomes: CacheOutcome[] = []
  await using served = await Served.start({ store, cache: { ...cache, onRead: (how) => outcomes.push(how) } })
  const over = new AbortController()
  const crowd = Array.from({ length: 40 }, async () => {
    while (!over.signal.aborted) await served.get(`/${timestampKey}`)
  })
  for (const version of [2, 3]) {
    await repository.publish(version, { base: [['etc/version', `release ${version}`]] })
    const newest = await bytesOf(store, timestampKey)
    expect((await served.get(`/${timestampKey}`)).body.equals(newest)).toBe(true)
  }
  over.abort()
  await Promise.all(crowd)
  // How many, depends on how quick the bucket is beside the crowd.
  expect(outcomes).toContain('shared')
})

test('a bucket takes what was signed for it, until it expires', async () => {
  const content = await bytesOf(store, chunk)
  const sign = async (seconds: number): Promise<string> =>
    (await presigner.presign(chunk, { seconds, now: new Date() })).url
  const url = await sign(60)
  const response = await fetch(url)
  expect(Buffer.from(await response.arrayBuffer()).equals(content)).toBe(true)
  expect(response.headers.get('cache-control')).toContain('immutable')
  const part = await fetch(url, { headers: { Range: 'bytes=10-19' } })
  expect([part.status, part.headers.get('content-range')]).toEqual([206, `bytes 10-19/${content.length}`])
  const etag = response.headers.get('etag') ?? ''
  expect((await fetch(url, { headers: { 'If-None-Match': etag } })).status).toBe(304)
  expect((await fetch(url, { method: 'HEAD' })).status).toBe(403)
  expect((await fetch(url.replace(chunk, 'tuf/metadata/timestamp.json'))).status).toBe(403)
  expect((await fetch(url, { method: 'DELETE' })).status).toBe(403)
  const brief = await sign(1)
  await sleep(2500)
  expect((await fetch(brief)).status).toBe(403)
})

test('a machine updates by what the bucket gives it, and the server reads none of it', async () => {
  const outcomes: CacheOutcome[] = []
  const targets = new Map([
    ['chunks', 'presigned'],
    ['manifests', 'presigned'],
  ] as const)
  await using served = await Served.start({
    store,
    cache: { ...cache, onRead: (how) => outcomes.push(how) },
    redirects: { targets, fromBytes: 0, presigner },
  })
  const data = noise(7, 500_000)
  await repository.publish(7, { base: [['etc/version', 'seven']], data: [['noise', data]] })
  calls = []
  const machine = new EdgeMachine(
    join(directory, 'machine'),
    served.server.url,
    repository.keys.trustedRoot(),
  )
  expect(await machine.update()).toBe(7)
  expect(machine.file('noise').equals(data)).toBe(true)
  const read = calls.filter(
    ({ operation, key }) => operation === 'get' && /^(?:chunks|manifests)\//.test(key),
  )
  expect(read).toEqual([])
  const asked = served.log.filter(({ path }) => String(path).startsWith('/chunks/'))
  expect(asked.length).toBeGreaterThan(1)
  expect(asked.every(({ status }) => status === 307)).toBe(true)
  expect(JSON.stringify(served.log)).not.toContain('X-Amz-Signature')
})
