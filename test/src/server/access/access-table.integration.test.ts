import { once } from 'node:events'
import { Agent, request, type IncomingMessage } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { grantNames, type Grant, type GrantName } from '../../../../src/access/grant.ts'
import type { OidcSettings } from '../../../../src/access/oidc/oidc-settings.ts'
import { readOidcSettings } from '../../../../src/access/oidc/oidc-settings.ts'
import { revokeToken } from '../../../../src/access/revoke-token.ts'
import { MemoryStore } from '../../../../storage/memory-store.ts'
import { TestIssuer } from '../../access/oidc/test-issuer.ts'
import { PublishedRepository } from '../published-repository.ts'
import { Served } from '../served.ts'
import { describedRoutes, type DescribedRoute } from './described-routes.ts'
import { forgeToken } from './forged-token.ts'
import { exampleOf, routeTable, tablePlanes, type TableRoute } from './route-table.ts'
import { makeToken } from './test-tokens.ts'

const shown = [
  'none',
  'wrong',
  'malformed',
  'another scheme',
  'expired',
  'revoked',
  'right',
  'OIDC right',
  'OIDC wrong',
] as const

type Shown = (typeof shown)[number]

const isGood = (kind: Shown): boolean => kind === 'right' || kind === 'OIDC right'

const routes = describedRoutes()
const agent = new Agent({ keepAlive: true, maxSockets: 4 })

let issuer: TestIssuer
let repository: PublishedRepository
let served: Served
/** The header of each kind, for a holder of each grant. */
const headers = new Map<string, string | undefined>()

beforeAll(async () => {
  const store = new MemoryStore()
  repository = await PublishedRepository.create(store)
  await repository.publish(1, { base: [['a', '1']] })
  issuer = await TestIssuer.start()
  for (const may of grantNames) {
    for (const kind of shown) headers.set(`${may} ${kind}`, await headerFor(kind, grantOf(may), store))
  }
  served = await Served.start({
    store,
    reports: { store },
    access: { store, oidc: oidcSettings() },
    limits: { maxWrongTokensPerMinute: 1e9, maxReportsPerMinute: 1e9 },
    planes: tablePlanes(store),
  })
})

afterAll(async () => {
  agent.destroy()
  await served[Symbol.asyncDispose]()
  await issuer[Symbol.asyncDispose]()
  await repository[Symbol.asyncDispose]()
})

function grantOf(may: GrantName): Grant {
  return may === 'publish' ? { may, modules: ['*'], channels: ['*'] } : { may }
}

/** The subject of an OIDC token is the grant that it has. */
function oidcSettings(): OidcSettings {
  const rules = grantNames.map((may) => ({ claims: { sub: may }, grants: [grantOf(may)] }))
  const settings = readOidcSettings(
    JSON.stringify({
      issuers: [{ issuer: issuer.url, jwks: `${issuer.url}/jwks`, audience: 'vend', rules }],
    }),
  )
  if (!('issuers' in settings)) throw new Error(settings.join('\n'))
  return settings
}

async function headerFor(kind: Shown, grant: Grant, store: MemoryStore): Promise<string | undefined> {
  const token = await makeToken(store, [grant], {
    ...(kind === 'expired' && { now: new Date(Date.now() - 3_600_000), lifetimeSeconds: 3599 }),
  })
  switch (kind) {
    case 'none':
      return undefined
    case 'wrong':
      return `Bearer ${forgeToken(token.id)}`
    case 'malformed':
      return `Bearer ${token.text.slice(0, -1)}`
    case 'another scheme':
      return `Basic ${Buffer.from(`x:${token.text}`).toString('base64')}`
    case 'revoked':
      await revokeToken(token.id, { store, now: new Date() })
      return token.headers.Authorization
    case 'expired':
    case 'right':
      return token.headers.Authorization
    case 'OIDC right':
      return `Bearer ${await issuer.sign({ claims: { sub: grant.may } })}`
    case 'OIDC wrong':
      return `Bearer ${await issuer.sign({ claims: { sub: grant.may, aud: 'somebody else' } })}`
  }
}

function nameOf(one: { readonly may: GrantName; readonly kind: Shown } | undefined): string {
  return `${one?.may} ${one?.kind}`
}

interface Got {
  readonly status: number
  readonly code: unknown
  readonly challenge: string | undefined
}

function urlOf({ path }: DescribedRoute, { url }: TableRoute): string {
  return url ?? path.replaceAll(/\{(\w+)\}/g, (_, name: string) => exampleOf[name] ?? `{${name}}`)
}

async function send(route: DescribedRoute, row: TableRoute, authorization: string | undefined): Promise<Got> {
  const { body } = row
  const bytes = body === undefined || Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body))
  const sent = request({
    agent,
    host: '127.0.0.1',
    port: served.port,
    path: urlOf(route, row),
    method: route.method,
    headers: {
      ...(bytes !== undefined && { 'Content-Length': bytes.length }),
      ...(bytes !== undefined && bytes !== body && { 'Content-Type': 'application/json' }),
      ...row.headers,
      ...(authorization !== undefined && { Authorization: authorization }),
    },
  })
  sent.end(bytes)
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  const text = (await response.toArray()).map(String).join('')
  const isProblem = response.headers['content-type']?.startsWith('application/problem+json') === true
  const problem = isProblem && text !== '' ? (JSON.parse(text) as { code: unknown }) : undefined
  return {
    status: response.statusCode ?? 0,
    code: problem?.code,
    challenge: response.headers['www-authenticate'],
  }
}

/** What the table says that someone who has one grant, and shows that in one way, is answered. */
function expected({ method }: DescribedRoute, row: TableRoute, may: GrantName, kind: Shown): Got {
  const { needs, granted } = row
  const isHead = method === 'HEAD'
  const codeOf = (code: string): string | undefined => (isHead ? undefined : code)
  if (needs !== 'nothing' && !isGood(kind)) {
    return {
      status: 401,
      code: codeOf('UNAUTHENTICATED'),
      challenge:
        kind === 'none'
          ? 'Bearer realm="vend"'
          : (expect.stringContaining('error="invalid_token"') as string),
    }
  }
  if (typeof needs === 'object' && needs.may !== may) {
    return {
      status: 403,
      code: codeOf('FORBIDDEN'),
      challenge: expect.stringContaining('error="insufficient_scope"') as string,
    }
  }
  return { status: granted[0], code: isHead ? undefined : granted[1], challenge: undefined }
}

test('every operation of openapi.yaml has its line, and every line its operation', () => {
  expect(Object.keys(routeTable).sort()).toEqual(routes.map(({ operationId }) => operationId).sort())
})

describe('openapi.yaml says of', () => {
  test.each(routes)('$operationId what it needs', ({ operationId, security, grant, statuses }) => {
    const needs = routeTable[operationId]?.needs
    if (needs === 'nothing') {
      expect(security).toEqual([])
      expect(grant).toBeUndefined()
      expect(statuses).not.toContain('401')
    } else {
      expect(security).toEqual(['token', 'oidc'])
      expect(grant).toBe(typeof needs === 'object' ? needs.may : undefined)
      expect(statuses).toEqual(expect.arrayContaining(['401', '429', '503']))
      expect(statuses.includes('403')).toBe(typeof needs === 'object')
    }
  })
})

describe('access to', () => {
  test.each(routes)('$operationId', async (route) => {
    const row = routeTable[route.operationId]
    if (row === undefined) throw new Error(`${route.operationId} has no line in the table`)
    const cases = grantNames.flatMap((may) => shown.map((kind) => ({ may, kind })))
    const got = cases.map(async ({ may, kind }) => send(route, row, headers.get(`${may} ${kind}`)))
    const answers = (await Promise.all(got)).map((answer, i) => [nameOf(cases[i]), answer])
    const wanted = cases.map((one) => [nameOf(one), expected(route, row, one.may, one.kind)])
    expect(Object.fromEntries(answers)).toEqual(Object.fromEntries(wanted))
  })
})
