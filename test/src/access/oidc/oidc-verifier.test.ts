import { createHmac, createPublicKey } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { OidcSettings } from '../../../../src/access/oidc/oidc-settings.ts'
import { readOidcSettings } from '../../../../src/access/oidc/oidc-settings.ts'
import { OidcVerifier } from '../../../../src/access/oidc/oidc-verifier.ts'
import { TestIssuer } from './test-issuer.ts'

let issuer: TestIssuer
let clock: number
let verifier: OidcVerifier

const wall = new Date('2026-05-01T12:00:00Z')

beforeEach(async () => {
  issuer = await TestIssuer.start()
  clock = 0
  verifier = verifierOf(settingsOf())
})

afterEach(async () => {
  await issuer[Symbol.asyncDispose]()
})

function settingsOf(changes: object = {}): OidcSettings {
  const settings = readOidcSettings(
    JSON.stringify({
      issuers: [
        {
          issuer: issuer.url,
          jwks: `${issuer.url}/jwks`,
          audience: 'vend',
          rules: [
            {
              claims: { repository: 'acme/os', sub: 'repo:acme/os:ref:refs/heads/*' },
              name: 'ci {repository} {sub}',
              grants: [{ may: 'publish', modules: ['*'], channels: ['nightly'] }],
              limits: { requestsPerMinute: 60 },
            },
            { claims: { repository: 'acme/*' }, grants: [{ may: 'watch' }] },
          ],
          ...changes,
        },
      ],
    }),
  )
  if (!('issuers' in settings)) throw new Error(settings.join('\n'))
  return settings
}

function verifierOf(settings: OidcSettings, options: { cooldownMs?: number } = {}): OidcVerifier {
  return new OidcVerifier({ settings, now: () => clock, clock: () => wall, ...options })
}

const now = wall

describe('a token of an issuer', () => {
  test('has the grants, the name and the limits of the first rule that fits', async () => {
    expect(await verifier.verify(await issuer.sign({ now }))).toEqual({
      subject: `oidc:${issuer.url}#repo:acme/os:ref:refs/heads/main`,
      name: 'ci acme/os repo:acme/os:ref:refs/heads/main',
      grants: [{ may: 'publish', modules: ['*'], channels: ['nightly'] }],
      limits: { requestsPerMinute: 60 },
      expires: new Date('2026-05-01T12:05:00Z'),
    })
    const pull = await issuer.sign({ now, claims: { sub: 'repo:acme/os:pull_request' } })
    expect(await verifier.verify(pull)).toMatchObject({ grants: [{ may: 'watch' }], limits: {} })
  })

  test('is good for an audience among others, and with keys that discovery finds', async () => {
    const discovering = verifierOf(settingsOf({ jwks: undefined }))
    const text = await issuer.sign({ now, claims: { aud: ['else', 'vend'] } })
    expect(await discovering.verify(text)).toMatchObject({ grants: [{ may: 'publish' }] })
  })

  test.each<[string, Readonly<Record<string, unknown>>, RegExp]>([
    ['another issuer', { iss: 'https://evil.example' }, /no issuer that is known/],
    ['another audience', { aud: 'somebody' }, /"aud"/],
    ['no audience', { aud: undefined }, /"aud"/],
    ['no subject', { sub: undefined }, /"sub"/],
    ['an empty subject', { sub: '', repository: 'acme/x' }, /subject/],
    ['a subject that is too long', { sub: 'x'.repeat(256) }, /subject/],
    ['a subject of several lines', { sub: 'repo\n' }, /subject/],
    ['no end', { exp: undefined }, /"exp"/],
    ['an end that is over', { exp: wall.getTime() / 1000 - 31 }, /expired/],
    ['a beginning that is to come', { nbf: wall.getTime() / 1000 + 31 }, /"nbf"/],
    ['a long age', { iat: wall.getTime() / 1000 - 3700 }, /older/],
    ['no age', { iat: undefined }, /"iat"/],
    ['an age that is to come', { iat: wall.getTime() / 1000 + 100 }, /"iat"/],
    ['claims that no rule has', { repository: 'evil/os' }, /no rule/],
    ['a claim that is no text', { repository: { acme: 'os' } }, /no rule/],
  ])('is refused with %s', async (_, claims, reason) => {
    expect(await verifier.verify(await issuer.sign({ now, claims }))).toMatch(reason)
  })

  test.each([
    ['an end that was just over', { exp: wall.getTime() / 1000 - 20 }],
    ['a beginning that is just to come', { nbf: wall.getTime() / 1000 + 20 }],
  ])('is taken with %s', async (_, claims) => {
    expect(await verifier.verify(await issuer.sign({ now, claims }))).toMatchObject({
      grants: [{ may: 'publish' }],
    })
  })
})

describe('a forged token', () => {
  async function goodPayload(): Promise<string> {
    return (await issuer.sign({ now })).split('.')[1] ?? ''
  }

  function encoded(header: object): string {
    return Buffer.from(JSON.stringify(header)).toString('base64url')
  }

  test('without a signature is refused', async () => {
    const payload = await goodPayload()
    for (const alg of ['none', 'None', 'NONE']) {
      expect(await verifier.verify(`${encoded({ alg })}.${payload}.`)).toMatch(/not allowed|malformed/)
    }
  })

  test('that takes the public key for a secret is refused', async () => {
    const payload = await goodPayload()
    const rsa = await TestIssuer.makeKey('first', 'RS256')
    const { jwk } = rsa
    issuer.keys.splice(0, 1, rsa)
    const key = createPublicKey({ key: jwk, format: 'jwk' })
    for (const secret of [key.export({ type: 'spki', format: 'pem' }), JSON.stringify(jwk), String(jwk.n)]) {
      const signed = `${encoded({ alg: 'HS256', kid: 'first' })}.${payload}`
      const signature = createHmac('sha256', secret).update(signed).digest('base64url')
      expect(await verifier.verify(`${signed}.${signature}`)).toMatch(/not allowed/)
    }
    expect(issuer.reads).toBe(0)
  })

  test('that brings its own key is refused', async () => {
    const payload = await goodPayload()
    const own = await TestIssuer.makeKey('own')
    const stolen = await issuer.sign({ now, key: own, kid: 'first' })
    expect(await verifier.verify(stolen)).toMatch(/not signed by a key/)
    const [, , signature = ''] = stolen.split('.')
    const header = encoded({ alg: 'ES256', jwk: own.jwk, jku: `${issuer.url}/own`, kid: 'first' })
    expect(await verifier.verify(`${header}.${payload}.${signature}`)).toMatch(/not signed by a key/)
  })

  test('with another payload is refused', async () => {
    const [header, payload = '', signature] = (await issuer.sign({ now })).split('.')
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as object
    const other = Buffer.from(JSON.stringify({ ...claims, sub: 'repo:acme/os:ref:refs/heads/x' }))
    expect(await verifier.verify(`${header}.${other.toString('base64url')}.${signature}`)).toMatch(
      /not signed by/,
    )
  })

  test.each(['a.b.c', '..', 'e30.e30.e30', 'eyJhbGciOiJSUzI1NiJ9.bm90IGpzb24.AA'])(
    '%s is refused',
    async (text) => {
      expect(await verifier.verify(text)).toEqual(expect.any(String))
    },
  )

  test('is not told of again', async () => {
    const text = await issuer.sign({ now, claims: { aud: 'a-secret-audience', repository: 'a-secret-name' } })
    expect(await verifier.verify(text)).not.toMatch(/secret/)
  })
})

describe('the keys of an issuer', () => {
  test('are read once for many tokens', async () => {
    const texts = await Promise.all(Array.from({ length: 10 }, async () => issuer.sign({ now })))
    for (const text of texts) expect(await verifier.verify(text)).toMatchObject({ limits: {} })
    expect(issuer.reads).toBe(1)
  })

  test('may change, and what is signed by the old ones is refused then', async () => {
    const rotating = verifierOf(settingsOf(), { cooldownMs: 0 })
    const old = await issuer.sign({ now })
    expect(await rotating.verify(old)).toMatchObject({ limits: {} })
    issuer.keys.splice(0, 1, await TestIssuer.makeKey('second', 'EdDSA'))
    expect(await rotating.verify(await issuer.sign({ now }))).toMatchObject({ limits: {} })
    expect(await rotating.verify(old)).toMatch(/not signed by a key/)
  })

  test('are not read again for every key id that someone makes up', async () => {
    await verifier.verify(await issuer.sign({ now }))
    for (let i = 0; i < 50; i++) {
      expect(await verifier.verify(await issuer.sign({ now, kid: `made-up-${i}` }))).toMatch(
        /not signed by a key/,
      )
    }
    expect(issuer.reads).toBe(1)
  })

  test.each(['down', 'garbage', 'redirect', 'endless'] as const)(
    'that cannot be read (%s) are no reason to refuse a token, nor to ask again at once',
    async (fault) => {
      issuer.fault = fault
      const text = await issuer.sign({ now })
      for (let i = 0; i < 5; i++) {
        await expect(verifier.verify(text)).rejects.toMatchObject({ code: 'ISSUER_UNAVAILABLE' })
      }
      expect(issuer.reads).toBe(1)
      issuer.fault = undefined
      clock = 5000
      expect(await verifier.verify(text)).toMatchObject({ limits: {} })
    },
  )

  test('that are known are used while the issuer is down', async () => {
    const text = await issuer.sign({ now })
    await verifier.verify(text)
    issuer.fault = 'down'
    expect(await verifier.verify(text)).toMatchObject({ limits: {} })
  })

  test('of a discovery that speaks for somebody else are not taken', async () => {
    await using other = await TestIssuer.start()
    const confused = verifierOf(settingsOf({ issuer: `${other.url}/x`, jwks: undefined }))
    const text = await other.sign({ now, claims: { iss: `${other.url}/x` } })
    await expect(confused.verify(text)).rejects.toMatchObject({ code: 'ISSUER_UNAVAILABLE' })
  })
})
