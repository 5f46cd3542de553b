import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { MemoryStore } from '../../../storage/memory-store.ts'
import { manifestKey } from '../../../src/repository/layout.ts'
import { PublishedRepository } from './published-repository.ts'
import type { Answer } from './http-get.ts'
import { Served } from './served.ts'

const store = new MemoryStore()
let repository: PublishedRepository
let served: Served
let clock = 0

const odd = Buffer.from([0x65, 0x74, 0x63, 0x2f, 0xff, 0xfe])
const base: [string | Buffer, string][] = [
  ['etc/hosts', 'localhost'],
  ['etc/motd', 'one'],
  [odd, 'not text'],
  ['usr/bin/sh', 'shell'],
]

beforeAll(async () => {
  repository = await PublishedRepository.create(store)
  await repository.publish(1, { base, docs: [['readme', 'read']] })
  await repository.publish(2, {
    base: [...base.filter(([path]) => path !== 'etc/hosts'), ['etc/motd', 'three'], ['usr/bin/ls', 'list']],
    docs: [['readme', 'read']],
    extra: [['x', 'y']],
  })
  await repository.publish(10, { base, docs: [['readme', '-> elsewhere']] }, 'edge')
  served = await Served.start({ store, now: () => clock })
})

afterAll(async () => {
  await served[Symbol.asyncDispose]()
  await repository[Symbol.asyncDispose]()
})

/** Follows `next` from page to page, and returns the items of all. */
async function pages(path: string, items: string, parameter: string): Promise<Record<string, unknown>[]> {
  const all: Record<string, unknown>[] = []
  for (let url = path; ;) {
    const { status, json } = await served.get(url)
    expect(status).toBe(200)
    all.push(...(json[items] as Record<string, unknown>[]))
    if (json['next'] === undefined) return all
    url = `${path}&${parameter}=${json['next'] as string | number}`
  }
}

describe('channels', () => {
  test('are listed by name', async () => {
    const { json } = await served.get('/v1/channels')
    expect(json['channels']).toMatchObject([
      { channel: 'edge', version: 10 },
      {
        channel: 'stable',
        version: 2,
        previous: 1,
        halted: false,
        rollout: { steps: [{ fraction: 10_000 }] },
      },
    ])
  })

  test('are shown one by one', async () => {
    expect((await served.get('/v1/channels/stable')).json).toMatchObject({ channel: 'stable', version: 2 })
    const { status, json } = await served.get('/v1/channels/nightly')
    expect(status).toBe(404)
    expect(json).toMatchObject({
      code: 'CHANNEL_UNKNOWN',
      detail: expect.stringContaining('edge, stable') as unknown,
    })
  })
})

describe('releases', () => {
  test('are listed newest first', async () => {
    const { json } = await served.get('/v1/releases')
    const releases = json['releases'] as { version: number }[]
    expect(releases.map(({ version }) => version)).toEqual([10, 2, 1])
    expect(releases[1]).toMatchObject({ label: 'Release 2', modules: ['base', 'docs', 'extra'] })
    expect(json['next']).toBeUndefined()
  })

  test.each([1, 2, 3, 100])('come in pages of %i', async (limit) => {
    const releases = await pages(`/v1/releases?limit=${limit}`, 'releases', 'before')
    expect(releases.map((release) => release['version'])).toEqual([10, 2, 1])
  })

  test('end', async () => {
    expect((await served.get('/v1/releases?before=1')).json).toEqual({ releases: [] })
  })

  test('are shown one by one', async () => {
    const { json } = await served.get('/v1/releases/2')
    expect(json).toMatchObject({ version: 2, modules: { base: { includes: [] }, extra: {} } })
    expect((await served.get('/v1/releases/3')).json).toMatchObject({ code: 'RELEASE_UNKNOWN' })
  })

  test('have modules', async () => {
    const list = (await served.get('/v1/releases/2/modules')).json['modules'] as Record<string, unknown>[]
    expect(list.map((module) => module['module'])).toEqual(['base', 'docs', 'extra'])
    const { json } = await served.get('/v1/releases/2/modules/base')
    expect(json).toMatchObject({ version: 2, ...list[0] })
    const manifest = await served.get(String(json['manifestPath']))
    expect(manifest.status).toBe(200)
    const { digest } = json['manifest'] as { digest: `sha256:${string}` }
    expect(json['manifestPath']).toBe(`/${manifestKey(digest)}`)
    expect((await served.get('/v1/releases/2/modules/other')).json).toMatchObject({ code: 'MODULE_UNKNOWN' })
    expect((await served.get('/v1/releases/2/modules/constructor')).json).toMatchObject({
      code: 'MODULE_UNKNOWN',
    })
  })
})

describe('files', () => {
  const files = '/v1/releases/1/modules/base/files'
  const paths = [
    '',
    'etc',
    'etc/hosts',
    'etc/motd',
    { base64: odd.toString('base64') },
    'usr',
    'usr/bin',
    'usr/bin/sh',
  ]

  test('are entries as manifests have them, in path order', async () => {
    const { json } = await served.get(files)
    const entries = json['entries'] as Record<string, unknown>[]
    expect(entries.map(({ path }) => path)).toEqual(paths)
    expect(entries[2]).toMatchObject({ path: 'etc/hosts', type: 'file', size: 9, mode: '0644' })
    expect(json['next']).toBeUndefined()
  })

  test.each([1, 2, 3, 7, 8, 1000])('come in pages of %i', async (limit) => {
    const entries = await pages(`${files}?limit=${limit}`, 'entries', 'after')
    expect(entries.map(({ path }) => path)).toEqual(paths)
  })

  test.each([
    ['etc', paths.slice(1, 5)],
    ['etc/', paths.slice(2, 5)],
    ['usr/bin/sh', ['usr/bin/sh']],
    ['zzz', []],
    ['a', []],
  ])('are found by the prefix %s', async (prefix, found) => {
    const entries = await pages(`${files}?prefix=${encodeURIComponent(prefix)}&limit=2`, 'entries', 'after')
    expect(entries.map(({ path }) => path)).toEqual(found)
  })

  test('of an unknown module or release are a 404', async () => {
    expect((await served.get('/v1/releases/1/modules/none/files')).json['code']).toBe('MODULE_UNKNOWN')
    expect((await served.get('/v1/releases/7/modules/base/files')).json['code']).toBe('RELEASE_UNKNOWN')
  })

  test('take only a cursor of their own module', async () => {
    const next = String((await served.get('/v1/releases/1/modules/docs/files?limit=1')).json['next'])
    expect((await served.get(`${files}?after=${next}`)).status).toBe(400)
    for (const bad of ['AAAA', 'L2V0Yw', 'YmFzZS8uLg', '%21', 'a'.repeat(5601)]) {
      const { status, json } = await served.get(`${files}?after=${bad}`)
      expect([bad.slice(0, 10), status, json['code']]).toEqual([bad.slice(0, 10), 400, 'REQUEST_INVALID'])
    }
  })
})

describe('diff', () => {
  const from1to2 = [
    ['base', 'etc', 'changed'],
    ['base', 'etc/hosts', 'removed'],
    ['base', 'etc/motd', 'changed'],
    ['base', 'usr/bin/ls', 'added'],
    ['extra', '', 'added'],
    ['extra', 'x', 'added'],
  ].filter(([, path]) => path !== 'etc')

  const triples = (differences: Record<string, unknown>[]): unknown[][] =>
    differences.map(({ module, path, change }) => [module, path, change])

  test('says what was added, removed and changed, and in what', async () => {
    const { json } = await served.get('/v1/releases/1/diff/2')
    expect(json).toMatchObject({ from: 1, to: 2 })
    const differences = json['differences'] as Record<string, unknown>[]
    expect(triples(differences)).toEqual(from1to2)
    expect(differences[1]).toEqual({
      module: 'base',
      path: 'etc/motd',
      change: 'changed',
      aspects: ['size', 'digest'],
      types: { from: 'file', to: 'file' },
      sizes: { from: 3, to: 5 },
    })
  })

  test('the other way round', async () => {
    const back = { added: 'removed', removed: 'added', changed: 'changed' }
    const { json } = await served.get('/v1/releases/2/diff/1')
    expect(triples(json['differences'] as Record<string, unknown>[])).toEqual(
      from1to2.map(([module, path, change]) => [module, path, back[change as keyof typeof back]]),
    )
  })

  test.each([1, 2, 5, 6])('comes in pages of %i', async (limit) => {
    const differences = await pages(`/v1/releases/1/diff/2?limit=${limit}`, 'differences', 'after')
    expect(triples(differences)).toEqual(from1to2)
  })

  test('of one module', async () => {
    const { json } = await served.get('/v1/releases/1/diff/10?module=docs')
    expect(json['differences']).toMatchObject([{ module: 'docs', path: 'readme', aspects: ['type'] }])
    expect((await served.get('/v1/releases/1/diff/2?module=extra')).json['differences']).toHaveLength(2)
    expect((await served.get('/v1/releases/1/diff/2?module=none')).json['code']).toBe('MODULE_UNKNOWN')
  })

  test('of a release and itself is empty', async () => {
    expect((await served.get('/v1/releases/1/diff/1')).json['differences']).toEqual([])
    expect((await served.get('/v1/releases/1/diff/9')).json['code']).toBe('RELEASE_UNKNOWN')
  })
})

describe('caching', () => {
  const all = ['/v1/channels', '/v1/releases?limit=2', '/v1/releases/1/diff/2', '/v1/releases/2/modules']

  test('answers carry an entity tag and must be revalidated', async () => {
    const tags = new Set<string>()
    for (const path of all) {
      const { headers } = await served.get(path)
      expect(headers['cache-control']).toBe('public, no-cache')
      const etag = headers['etag'] ?? ''
      tags.add(etag)
      const again = await served.get(path, { 'If-None-Match': etag })
      expect([again.status, again.body.length, again.headers['etag']]).toEqual([304, 0, etag])
    }
    expect(tags.size).toBe(all.length)
  })

  test('HEAD answers as GET', async () => {
    for (const path of all) {
      const [get, head] = [await served.get(path), await served.get(path, {}, 'HEAD')]
      expect([head.status, head.body.length]).toEqual([200, 0])
      for (const name of ['etag', 'content-length', 'content-type', 'cache-control']) {
        expect([name, head.headers[name]]).toEqual([name, get.headers[name]])
      }
    }
  })

  test('a publish is seen within a second, and changes every entity tag', async () => {
    const before = await served.get('/v1/channels/stable')
    await repository.publish(11, { base })
    expect((await served.get('/v1/channels/stable')).json).toEqual(before.json)
    clock += 1001
    const conditional = { 'If-None-Match': before.headers['etag'] ?? '' }
    const after = await served.get('/v1/channels/stable', conditional)
    expect([after.status, after.json['version']]).toEqual([200, 11])
  })

  test('412 for another state', async () => {
    expect((await served.get('/v1/channels', { 'If-Match': '"x"' })).json['code']).toBe('PRECONDITION_FAILED')
  })
})

describe('what is not described is refused', () => {
  const problem = ({ status, json }: Answer): unknown[] => [status, json['code'], json['status']]

  test.each([
    '/v1/releases?limit=0',
    '/v1/releases?limit=101',
    '/v1/releases?limit=ten',
    '/v1/releases?limit=1.5',
    '/v1/releases?limit=',
    '/v1/releases?limit=1&limit=2',
    '/v1/releases?before=0',
    '/v1/releases?page=2',
    '/v1/releases?limit[]=1',
    '/v1/channels?x',
    '/v1/channels/Stable',
    '/v1/channels/%2e%2e',
    '/v1/channels/..%2fx',
    '/v1/channels/%zz',
    '/v1/channels/%ff',
    '/v1/releases/0',
    '/v1/releases/-1',
    '/v1/releases/01',
    '/v1/releases/1e0',
    '/v1/releases/1.0',
    '/v1/releases/latest',
    '/v1/releases/99999999999999999999',
    '/v1/releases/1/modules/-x',
    '/v1/releases/1/diff/x',
    '/v1/releases/1/diff/2?limit=1001',
    '/v1/releases/1/modules/base/files?prefix=',
    '/healthz?verbose=1',
    `/v1/releases?${'&limit=1'.repeat(9)}`,
  ])('400: %s', async (path) => {
    expect(problem(await served.get(path))).toEqual([400, 'REQUEST_INVALID', 400])
  })

  test.each([
    '/',
    '/v1',
    '/v1/',
    '/v2/releases',
    '/V1/releases',
    '/v1/releases/',
    '/v1//releases',
    '/v1/releases/1/modules/base/files/etc',
    '/v1/../v1/releases',
    '/v1/%72eleases/1/2',
    '/healthz/',
    '/metrics.php',
    '/.env',
  ])('404: %s', async (path) => {
    const answer = await served.get(path)
    expect(problem(answer)).toEqual([404, 'ROUTE_UNKNOWN', 404])
    expect(answer.headers['cache-control']).toBe('no-store')
  })

  test('405 with what is allowed', async () => {
    for (const path of ['/v1/releases', '/v1/releases/1/diff/2', '/healthz']) {
      for (const method of ['POST', 'DELETE', 'OPTIONS']) {
        const answer = await served.get(path, {}, method)
        expect(problem(answer)).toEqual([405, 'METHOD_NOT_ALLOWED', 405])
        expect(answer.headers['allow']?.split(', ').sort()).toEqual(['GET', 'HEAD'])
      }
    }
  })
})

test('a problem is a complete RFC 9457 document', async () => {
  const { headers, json } = await served.get('/v1/releases/3', { 'X-Request-Id': 'abc-1' })
  expect(headers['content-type']).toMatch(/^application\/problem\+json/)
  expect(json).toEqual({
    type: 'urn:vend:problem:RELEASE_UNKNOWN',
    title: 'There is no such release',
    status: 404,
    code: 'RELEASE_UNKNOWN',
    detail: expect.stringContaining('there is no release 3') as unknown,
    instance: 'abc-1',
  })
})

test('health and readiness', async () => {
  const health = await served.get('/healthz')
  expect([health.status, health.json, health.headers['cache-control']]).toEqual([
    200,
    { status: 'ok' },
    'no-store',
  ])
  const ready = await served.get('/readyz')
  expect(ready.json).toMatchObject({ status: 'ready', timestamp: { version: expect.any(Number) as unknown } })
  expect((await served.get('/readyz', {}, 'HEAD')).status).toBe(200)
})
