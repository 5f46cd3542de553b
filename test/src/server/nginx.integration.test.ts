import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FilesystemStore } from '../../../storage/filesystem-store.ts'
import { timestampKey } from '../../../src/repository/layout.ts'
import { startNginx } from '../../support/nginx.ts'
import { bytesOf, keysOf, PublishedRepository } from './published-repository.ts'
import { httpGet } from './http-get.ts'
import { Served } from './served.ts'

let directory: string
let store: FilesystemStore
let repository: PublishedRepository
let served: Served
let nginx: Awaited<ReturnType<typeof startNginx>>
let port: number
let chunk: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vend-nginx-'))
  store = new FilesystemStore(join(directory, 'repository'))
  repository = await PublishedRepository.create(store)
  await repository.publish(1, { base: [['etc/motd', 'hello '.repeat(2000)]] })
  chunk = (await keysOf(store, 'chunks/'))[0] ?? ''
  nginx = await startNginx(join(directory, 'repository'), scratch())
  port = Number(new URL(nginx.url).port)
  served = await Served.start({ store })
})

afterAll(async () => {
  await nginx[Symbol.asyncDispose]()
  await served[Symbol.asyncDispose]()
  await repository[Symbol.asyncDispose]()
  await rm(directory, { recursive: true, force: true })
})

function scratch(): string {
  return join(directory, 'nginx')
}

const get = async (
  path: string,
  headers: Record<string, string> = {},
  method = 'GET',
): ReturnType<typeof httpGet> => httpGet({ port, path, headers, method })

test('nginx accepts the configuration', async () => {
  const { stderr } = await promisify(execFile)('nginx', ['-t', '-p', scratch(), '-c', 'nginx.conf'])
  expect(stderr).toContain('test is successful')
  expect(stderr).not.toContain('[warn]')
})

test('every public object is served as by our own server', async () => {
  const keys = (await keysOf(store, '')).filter((key) => !key.startsWith('private/'))
  for (const key of keys) {
    const [theirs, ours] = [await get(`/${key}`), await served.get(`/${key}`)]
    expect([key, theirs.status]).toEqual([key, 200])
    expect(theirs.body.equals(ours.body)).toBe(true)
    for (const name of ['content-type', 'content-length', 'cache-control', 'x-content-type-options']) {
      expect([key, name, theirs.headers[name]]).toEqual([key, name, ours.headers[name]])
    }
  }
})

test('ranges and conditions', async () => {
  const whole = await get(`/${chunk}`)
  const etag = whole.headers['etag'] ?? ''
  expect(etag).toMatch(/^"/)
  expect(whole.headers['accept-ranges']).toBe('bytes')
  const part = await get(`/${chunk}`, { Range: 'bytes=1-3', 'If-Range': etag })
  expect([part.status, part.headers['content-range']]).toEqual([206, `bytes 1-3/${whole.body.length}`])
  expect(part.headers['cache-control']).toContain('immutable')
  expect((await get(`/${chunk}`, { Range: 'bytes=1-3', 'If-Range': '"x"' })).status).toBe(200)
  expect((await get(`/${chunk}`, { Range: 'bytes=0-0,2-2' })).status).toBe(200)
  const same = await get(`/${chunk}`, { 'If-None-Match': etag })
  expect([same.status, same.headers['cache-control']]).toEqual([304, whole.headers['cache-control']])
  const outside = await get(`/${chunk}`, { Range: 'bytes=999999-' })
  expect(outside.status).toBe(416)
  expect(outside.headers['cache-control']).toContain('no-store')
  expect((await get(`/${chunk}`, {}, 'HEAD')).headers['content-length']).toBe(String(whole.body.length))
  expect((await get(`/${chunk}`, {}, 'POST')).status).toBe(405)
})

test('the timestamp is sent whole each time', async () => {
  const first = await get(`/${timestampKey}`)
  expect([first.headers['etag'], first.headers['cache-control']]).toEqual([undefined, 'public, no-cache'])
  const conditional = { 'If-Modified-Since': new Date(Date.now() + 1e6).toUTCString() }
  expect((await get(`/${timestampKey}`, conditional)).status).toBe(200)
  await repository.publish(2, { base: [['etc/motd', 'other']] })
  expect((await get(`/${timestampKey}`, conditional)).body.equals(await bytesOf(store, timestampKey))).toBe(
    true,
  )
})

describe('what is not public', () => {
  beforeAll(async () => {
    await store.put('private/publishes/9.json', Buffer.from('secret'))
    await store.put('stray.txt', Buffer.from('secret'))
    await writeFile(join(directory, 'secret'), 'secret')
    const zeros = '0'.repeat(64)
    await mkdir(join(directory, 'repository/manifests'), { recursive: true })
    await symlink(join(directory, 'secret'), join(directory, `repository/manifests/${zeros}.ndjson.zst`))
  })

  test.each([
    '/',
    '/private/publishes/9.json',
    '/chunks/../private/publishes/9.json',
    '/chunks/..%2fprivate/publishes/9.json',
    '/%70rivate/publishes/9.json',
    '//private/publishes/9.json',
    '/stray.txt',
    '/chunks',
    '/chunks/',
    '/tuf/metadata/',
    '/tuf/metadata/2.root.json',
    `/manifests/${'0'.repeat(64)}.ndjson.zst`,
    '/../secret',
  ])('%s is not there', async (path) => {
    const { status, headers, body } = await get(path)
    expect(body.toString()).not.toContain('secret')
    expect([400, 404]).toContain(status)
    if (status === 404) expect(headers['cache-control']).toBe('no-store')
    if (status === 404) expect(JSON.parse(body.toString())).toMatchObject({ code: 'OBJECT_UNKNOWN' })
  })
})
