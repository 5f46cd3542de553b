import { once } from 'node:events'
import { Agent, request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { AccessEntry } from '../../../../src/access/access-entry.ts'
import type { Grant } from '../../../../src/access/grant.ts'
import { readOidcSettings } from '../../../../src/access/oidc/oidc-settings.ts'
import { readAccessLog } from '../../../../src/access/read-access-log.ts'
import { revokeToken } from '../../../../src/access/revoke-token.ts'
import { makeTokenSecret } from '../../../../src/access/token-secret.ts'
import type { AccessOptions } from '../../../../src/server/access/access-control.ts'
import type { MakePlane } from '../../../../src/server/plane.ts'
import { pathOf } from '../../../../src/server/request-path.ts'
import type { StartOptions } from '../../../../src/server/start-server.ts'
import { MemoryStore } from '../../../../storage/memory-store.ts'
import { FaultyStore } from '../../../support/faulty-store.ts'
import { TestIssuer } from '../../access/oidc/test-issuer.ts'
import { Served } from '../served.ts'
import { makeToken } from './test-tokens.ts'

let store: MemoryStore
let clock: number
let opened: Served[]

const began = Date.parse('2026-05-01T12:00:00Z')
const now = new Date(began)
const wall = (): Date => new Date(began + clock)

beforeEach(() => {
  store = new MemoryStore()
  clock = 0
  opened = []
})

afterEach(async () => {
  for (const served of opened) await served[Symbol.asyncDispose]()
})

/** Takes bodies from whoever may publish the module base, and counts them. */
const uploads: MakePlane = ({ access }) => ({
  owns: (req) => pathOf(req) === '/v1/test',
  checkBody: () => undefined,
  answer: async (req, res) => {
    const principal = await access.require(req, { may: 'publish', modules: ['base'] })
    const body = Buffer.concat((await req.toArray()) as Buffer[])
    access.spend(principal, { bytes: body.length })
    await access.record(req, principal, { what: 'upload', target: 'base', outcome: 'done' })
    res.end('taken')
  },
})

interface ServeOptions extends Partial<AccessOptions> {
  readonly server?: Partial<StartOptions>
}

async function serve({ server, ...access }: ServeOptions = {}): Promise<Served> {
  const served = await Served.start({
    store,
    now: () => clock,
    trustProxy: 'loopback',
    planes: [uploads],
    access: { store, clock: wall, ...access },
    ...server,
  })
  opened.push(served)
  return served
}

const publish: Grant = { may: 'publish', modules: ['base'], channels: [] }

interface Got {
  readonly status: number
  readonly code: unknown
  readonly detail: string
  readonly headers: IncomingHttpHeaders
}

interface SendOptions {
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly from?: string
}

async function send(served: Served, path: string, options: SendOptions = {}): Promise<Got> {
  const { body = '', headers = {}, from = '203.0.113.1' } = options
  const sent = request({
    host: '127.0.0.1',
    port: served.port,
    path,
    method: body === '' ? 'GET' : 'POST',
    agent: new Agent({ keepAlive: true }),
    headers: { 'Content-Length': body.length, 'X-Forwarded-For': from, ...headers },
  })
  sent.on('error', () => undefined)
  sent.end(body)
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  const text = (await response.toArray()).map(String).join('')
  const isJson = response.headers['content-type']?.includes('json') === true
  const json = (isJson ? JSON.parse(text) : { detail: text }) as { code?: unknown; detail?: string }
  return {
    status: response.statusCode ?? 0,
    code: json.code,
    detail: json.detail ?? text,
    headers: response.headers,
  }
}

const bearer = (text: string): Readonly<Record<string, string>> => ({ Authorization: `Bearer ${text}` })

async function whoami(served: Served, headers = {}, from = '203.0.113.1'): Promise<Got> {
  return send(served, '/v1/whoami', { headers, from })
}

async function logged(): Promise<AccessEntry[]> {
  return Array.fromAsync(readAccessLog(store))
}

describe('whoami', () => {
  test('says what a token may do', async () => {
    const served = await serve()
    const limits = { requestsPerMinute: 60, bytesPerDay: 1000 }
    const { headers, id } = await makeToken(store, [publish, { may: 'watch' }], {
      now,
      name: 'nightly',
      limits,
    })
    const { status, detail, headers: answered } = await whoami(served, headers)
    expect(status).toBe(200)
    expect(answered['cache-control']).toBe('no-store')
    expect(JSON.parse(detail)).toEqual({
      subject: `token:${id}`,
      name: 'nightly',
      grants: [publish, { may: 'watch' }],
      limits,
      expires: '2026-05-01T13:00:00Z',
    })
  })

  test('takes no other method and no query', async () => {
    const served = await serve()
    const { headers } = await makeToken(store, [publish], { now })
    expect(await send(served, '/v1/whoami?x=1', { headers })).toMatchObject({ status: 400 })
    expect(await served.get('/v1/whoami', headers, 'DELETE')).toMatchObject({ status: 405 })
  })

  test('knows nobody where nobody has access', async () => {
    const served = await serve({ server: { access: undefined } })
    const { headers } = await makeToken(store, [publish], { now })
    expect(await whoami(served, headers)).toMatchObject({ status: 401, code: 'UNAUTHENTICATED' })
  })
})

describe('a token', () => {
  test('that is revoked ends within ten seconds', async () => {
    const served = await serve()
    const { headers, id } = await makeToken(store, [publish], { now })
    expect(await whoami(served, headers)).toMatchObject({ status: 200 })
    await revokeToken(id, { store, now })
    clock = 9999
    expect(await whoami(served, headers)).toMatchObject({ status: 200 })
    clock = 10_000
    expect(await whoami(served, headers)).toMatchObject({ status: 401, detail: `the token ${id} is revoked` })
  })

  test('ends at the second at which it expires', async () => {
    const served = await serve()
    const { headers, id } = await makeToken(store, [publish], { now, lifetimeSeconds: 5 })
    clock = 4999
    expect(await whoami(served, headers)).toMatchObject({ status: 200 })
    clock = 5000
    expect(await whoami(served, headers)).toMatchObject({ status: 401, detail: `the token ${id} is expired` })
  })

  test('that is made while the server runs is good at once', async () => {
    const served = await serve()
    for (let i = 0; i < 3; i++) {
      const { headers } = await makeToken(store, [publish], { now })
      expect(await whoami(served, headers)).toMatchObject({ status: 200 })
    }
  })

  test('has its requests a minute', async () => {
    const served = await serve()
    const { headers } = await makeToken(store, [publish], { now, limits: { requestsPerMinute: 3 } })
    for (let i = 0; i < 3; i++) expect(await whoami(served, headers)).toMatchObject({ status: 200 })
    const late = await whoami(served, headers)
    expect(late).toMatchObject({ status: 429, code: 'TOO_MANY_REQUESTS' })
    expect(late.headers['retry-after']).toBe('20')
    clock = 20_000
    expect(await whoami(served, headers)).toMatchObject({ status: 200 })
  })

  test('has its bytes a day, at all servers together', async () => {
    const [one, other] = [await serve(), await serve()]
    const { headers } = await makeToken(store, [publish], { now, limits: { bytesPerDay: 100 } })
    const upload = async (served: Served, bytes: number): Promise<Got> =>
      send(served, '/v1/test', { headers, body: 'x'.repeat(bytes) })
    expect(await upload(one, 60)).toMatchObject({ status: 200 })
    const late = await upload(one, 41)
    expect(late).toMatchObject({ status: 429, code: 'QUOTA_EXCEEDED' })
    expect(late.headers['retry-after']).toBe(String(12 * 3600))
    await one[Symbol.asyncDispose]()
    expect(await upload(other, 41)).toMatchObject({ status: 429 })
    expect(await upload(other, 40)).toMatchObject({ status: 200 })
  })
})

describe('who may not', () => {
  test('is told which grant is missing, and the connection ends before the body is read', async () => {
    const served = await serve()
    const { headers, id } = await makeToken(store, [{ ...publish, modules: ['web'] }], { now })
    const big = 'x'.repeat(4_000_000)
    const refused = await send(served, '/v1/test', { headers, body: big })
    expect(refused).toMatchObject({
      status: 403,
      code: 'FORBIDDEN',
      detail: `token:${id} lacks the grant "publish" for module base`,
    })
    expect(refused.headers['www-authenticate']).toBe(
      `Bearer realm="vend", error="insufficient_scope", error_description="token:${id} lacks the grant 'publish' for ` +
        'module base", scope="publish"',
    )
    expect(refused.headers.connection).toBe('close')
    const nobody = await send(served, '/v1/test', { body: big })
    expect(nobody).toMatchObject({ status: 401, headers: { connection: 'close' } })
  })

  test('is in the access log, and does not fill it', async () => {
    const served = await serve()
    const { headers, id } = await makeToken(store, [{ may: 'watch' }], { now, name: 'nightly' })
    const sent = { headers: { ...headers, 'X-Request-Id': 'asked-for' }, body: 'x' }
    for (let i = 0; i < 100; i++) expect(await send(served, '/v1/test', sent)).toMatchObject({ status: 403 })
    await expect.poll(async () => (await logged()).length).toBe(30)
    expect((await logged())[0]).toEqual({
      at: wall(),
      who: `token:${id}`,
      name: 'nightly',
      what: 'POST /v1/test',
      target: 'the grant "publish" for module base',
      outcome: 'refused',
      code: 'FORBIDDEN',
      requestId: 'asked-for',
    })
  })

  test('is in it, too, with a token that was revoked, and nobody else who shows a wrong one', async () => {
    const served = await serve()
    const { headers, id } = await makeToken(store, [publish], { now })
    await revokeToken(id, { store, now })
    await whoami(served, bearer(makeTokenSecret().text))
    await whoami(served, bearer('x'))
    await whoami(served)
    await whoami(served, headers)
    await expect
      .poll(logged)
      .toMatchObject([{ who: `token:${id}`, outcome: 'refused', code: 'UNAUTHENTICATED' }])
  })

  test('is still refused when the access log cannot be written', async () => {
    const failing = new FaultyStore(store, {
      fault: ({ operation }) => (operation === 'create' ? { kind: 'fail-before' } : undefined),
    })
    const served = await serve({ store: failing })
    const { headers } = await makeToken(store, [{ may: 'watch' }], { now })
    expect(await send(served, '/v1/test', { headers, body: 'x' })).toMatchObject({ status: 403 })
    await expect.poll(() => served.log.filter(({ msg }) => /access log/.test(String(msg)))).toHaveLength(1)
  })
})

describe('wrong tokens', () => {
  const limits = { maxWrongTokensPerMinute: 5 }

  test('of one address are refused unread after a while, and good ones with them that were not there before', async () => {
    const served = await serve({ server: { limits } })
    const [known, late] = [
      await makeToken(store, [publish], { now }),
      await makeToken(store, [publish], { now }),
    ]
    expect(await whoami(served, known.headers)).toMatchObject({ status: 200 })
    for (let i = 0; i < 5; i++) {
      expect(await whoami(served, bearer(makeTokenSecret().text))).toMatchObject({ status: 401 })
    }
    const refused = await whoami(served, bearer(makeTokenSecret().text))
    expect(refused).toMatchObject({
      status: 429,
      code: 'TOO_MANY_REQUESTS',
      headers: { 'retry-after': '60' },
    })
    expect(await whoami(served, late.headers)).toMatchObject({ status: 429 })
    expect(await whoami(served, known.headers)).toMatchObject({ status: 200 })
    expect(await whoami(served, late.headers, '203.0.113.2')).toMatchObject({ status: 200 })
    clock = 60_000
    expect(await whoami(served, late.headers)).toMatchObject({ status: 200 })
  })

  test('cost the store a bounded number of reads, from however many addresses they come', async () => {
    let reads = 0
    const counting = new FaultyStore(store, {
      fault: ({ operation, key }) => {
        if (operation === 'get' && key.startsWith('private/tokens/')) reads++
        return undefined
      },
    })
    const served = await serve({ store: counting })
    const statuses = new Set<number>()
    for (let i = 0; i < 150; i++) {
      statuses.add((await whoami(served, bearer(makeTokenSecret().text), `203.0.113.${i}`)).status)
    }
    expect(reads).toBe(100)
    expect([...statuses]).toEqual([401, 503])
  })
})

describe('while something is down', () => {
  test('a store that does not answer is not the token being wrong', async () => {
    const served = await serve({ store: new FaultyStore(store, { fault: () => ({ kind: 'fail-before' }) }) })
    const { headers } = await makeToken(store, [publish], { now })
    expect(await whoami(served, headers)).toMatchObject({ status: 503, code: 'STORE_UNAVAILABLE' })
  })

  test('neither is an issuer', async () => {
    await using issuer = await TestIssuer.start()
    issuer.fault = 'down'
    const rules = [{ claims: { repository: 'acme/os' }, grants: [publish] }]
    const oidc = readOidcSettings(
      JSON.stringify({ issuers: [{ issuer: issuer.url, audience: 'vend', rules }] }),
    )
    if (!('issuers' in oidc)) throw new Error(oidc.join('\n'))
    const served = await serve({ oidc })
    const headers = bearer(await issuer.sign({ now }))
    const down = await whoami(served, headers)
    expect(down).toMatchObject({ status: 503, code: 'ISSUER_UNAVAILABLE', headers: { 'retry-after': '10' } })
    expect(down.detail).not.toContain(issuer.url)
    issuer.fault = undefined
    clock = 5000
    const { status, detail } = await whoami(served, headers)
    expect(status).toBe(200)
    expect(JSON.parse(detail)).toMatchObject({
      subject: `oidc:${issuer.url}#repo:acme/os:ref:refs/heads/main`,
    })
    expect(await send(served, '/v1/test', { headers, body: 'x' })).toMatchObject({ status: 200 })
    expect(await logged()).toMatchObject([{ what: 'upload', target: 'base', outcome: 'done' }])
  })
})
