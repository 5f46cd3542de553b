import type { IncomingMessage, ServerResponse } from 'node:http'
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { openStore, type OpenedStore } from '../../../../storage/open-store.ts'
import { buildPackApart } from '../../../../src/cli/packing/build-pack-apart.ts'
import { ensurePack } from '../../../../src/delivery/ensure-pack.ts'
import type { PackEnd } from '../../../../src/delivery/pack-requests.ts'
import { packKey } from '../../../../src/repository/layout.ts'
import { loadState } from '../../../../src/repository/repository-state.ts'
import { Repository } from '../../../../src/repository/repository.ts'
import { counterStream } from '../../../support/byte-recipes.ts'
import { answerError, answerWith } from '../../../support/s3-answers.ts'
import { bytesOf, keysOf, PublishedRepository } from '../../server/published-repository.ts'

const env = { PATH: process.env['PATH'], AWS_ACCESS_KEY_ID: 'identity', AWS_SECRET_ACCESS_KEY: 'very-secret' }

let directory: string
let scratch: string
let store: OpenedStore
let published: PublishedRepository
let repository: Repository
let [from, to]: PackEnd[] = []
let key: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vend-apart-'))
  // Other tests, too, have packs made.
  scratch = join(directory, 'scratch')
  await mkdir(scratch)
  vi.stubEnv('TMPDIR', scratch)
  store = openStore(`file://${directory}/repository`, { env })
  published = await PublishedRepository.create(store)
  const content = counterStream('build-pack-apart', 300_000)
  await published.publish(1, { base: [['lib/one', content]] })
  const changed = Buffer.concat([content.subarray(0, 150_000), Buffer.from('!'), content.subarray(150_000)])
  await published.publish(2, { base: [['lib/one', changed]] })
  repository = new Repository(store, await loadState(store))
  ;[from, to] = await Promise.all([1, 2].map(endOf))
  key = packKey(from?.digest, to?.digest ?? expect.fail())
})

afterAll(async () => {
  vi.unstubAllEnvs()
  await published[Symbol.asyncDispose]()
  await rm(directory, { recursive: true, force: true })
})

async function endOf(version: number): Promise<PackEnd> {
  const { manifest, contentBytes } =
    (await repository.release(version)).modules['base'] ?? expect.fail('no module')
  return { ...manifest, contentBytes }
}

async function build(
  storeUrl: string,
  signal = new AbortController().signal,
): Promise<{ readonly bytes: number; readonly isNew: boolean }> {
  return buildPackApart(storeUrl, { env, threads: 1 })(from, to ?? expect.fail(), signal)
}

/** A bucket that has the repository, and takes nothing. */
async function answerReads({ method, url = '' }: IncomingMessage, response: ServerResponse): Promise<void> {
  if (method === 'PUT') return answerError(response, 403, 'AccessDenied')
  const name = new URL(url, 'http://bucket').pathname.replace('/bucket/', '')
  const bytes = await readFile(join(directory, 'repository', name)).catch(() => undefined)
  if (bytes === undefined) return answerError(response, 404, 'NoSuchKey')
  response.writeHead(200, {
    'content-length': bytes.length,
    etag: '"e"',
    'last-modified': 'Mon, 23 Nov 2026 10:00:00 GMT',
  })
  response.end(method === 'HEAD' ? undefined : bytes)
}

async function scratchDirectories(): Promise<string[]> {
  return (await readdir(scratch)).filter((name) => name.startsWith('vend-packing-'))
}

test('a process makes the pack that this one would make', async () => {
  await ensurePack(store, { repository, from, to: to ?? expect.fail(), threads: 1 })
  const expected = await bytesOf(store, key)
  await store.delete(key)
  expect(await build(store.url)).toEqual({ bytes: expected.length, isNew: true })
  expect((await bytesOf(store, key)).equals(expected)).toBe(true)
  expect(await build(store.url)).toEqual({ bytes: expected.length, isNew: false })
})

test('what is missing in the store is told as it is', async () => {
  await store.delete(key)
  const manifest = (await keysOf(store, 'manifests/')).find((each) =>
    each.includes(to?.digest.slice(7) ?? '?'),
  )
  const bytes = await bytesOf(store, manifest ?? expect.fail())
  await store.delete(manifest ?? '')
  await expect(build(store.url)).rejects.toMatchObject({ code: 'REPOSITORY_CORRUPT' })
  await store.put(manifest ?? '', bytes)
})

test('a store that lets nobody in, and one that takes nothing, are told as they are', async () => {
  await store.delete(key)
  await using closed = await answerWith((_, response) => answerError(response, 403, 'AccessDenied'))
  const denied = { name: 'PackProcessError', code: 'STORE_DENIED' }
  await expect(build(`s3://bucket?endpoint=${closed.endpoint}`)).rejects.toMatchObject(denied)
  expect(closed.requests[0]?.headers.authorization).toContain('Credential=identity/')

  await using readOnly = await answerWith((...exchange) => void answerReads(...exchange))
  await expect(build(`s3://bucket?endpoint=${readOnly.endpoint}`)).rejects.toMatchObject(denied)
  const written = readOnly.requests.filter(({ line }) => line.startsWith('PUT'))
  expect(written.map(({ line }) => line)).toEqual([expect.stringContaining(key)])
})

test('a process that dies is told with the last that it said', async () => {
  const failing = buildPackApart(store.url, { env: { ...env, NODE_OPTIONS: '--no-such' }, threads: 1 })
  const building = failing(from, to ?? expect.fail(), new AbortController().signal)
  await expect(building).rejects.toMatchObject({
    code: 'PACKING_FAILED',
    message: expect.stringMatching(/ended with 9: .*--no-such/) as string,
  })
})

test('an aborted build ends at once, and leaves nothing behind', async () => {
  const controller = new AbortController()
  const reached = Promise.withResolvers<void>()
  await using silent = await answerWith(() => reached.resolve())
  const building = build(`s3://bucket?endpoint=${silent.endpoint}`, controller.signal)
  await reached.promise
  expect(await scratchDirectories()).toHaveLength(1)
  controller.abort(new Error('enough'))
  await expect(building).rejects.toThrow('enough')
  expect(await scratchDirectories()).toEqual([])
  await expect(build(store.url, controller.signal)).rejects.toThrow('enough')
  expect(await store.stat(key)).toBeUndefined()
})
