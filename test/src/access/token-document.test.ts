import { describe, expect, test } from 'vitest'
import { createToken, maxTokenSeconds } from '../../../src/access/create-token.ts'
import { listTokens } from '../../../src/access/list-tokens.ts'
import { revokeToken } from '../../../src/access/revoke-token.ts'
import { decodeToken, encodeToken, tokenKey, type Token } from '../../../src/access/token-document.ts'
import { hashToken } from '../../../src/access/token-secret.ts'
import { MemoryStore } from '../../../storage/memory-store.ts'
import { bytesOf, keysOf } from '../server/published-repository.ts'

const now = new Date('2026-05-01T12:00:00.789Z')
const request = {
  name: 'nightly',
  grants: [{ may: 'publish', modules: ['base', 'kernel-*'], channels: ['beta'] }, { may: 'watch' }],
  lifetimeSeconds: 3600,
  limits: { requestsPerMinute: 60, bytesPerDay: 1e12 },
} as const

const token: Token = {
  id: 'a'.repeat(16),
  name: request.name,
  grants: request.grants,
  limits: request.limits,
  created: new Date('2026-05-01T12:00:00Z'),
  expires: new Date('2026-05-01T13:00:00Z'),
  revoked: undefined,
  hash: Buffer.alloc(32, 0xab),
}

describe('the document of a token', () => {
  test('has everything but the token', async () => {
    const store = new MemoryStore()
    const made = await createToken(request, { store, now })
    const bytes = await bytesOf(store, tokenKey(made.token.id))
    expect(decodeToken(bytes)).toEqual({
      ...token,
      id: made.token.id,
      hash: hashToken(made.text),
    })
    expect(bytes.toString()).not.toContain(made.text.slice(22, 40))
    expect(await keysOf(store, '')).toEqual([`private/tokens/${made.token.id}.json`])
  })

  test('is read as it was written', () => {
    for (const one of [token, { ...token, revoked: new Date('2026-05-01T12:30:00Z'), limits: {} }]) {
      expect(decodeToken(Buffer.from(encodeToken(one)))).toEqual(one)
    }
  })

  test.each<[string, object]>([
    ['grants.0', { grants: [{ may: 'publish', modules: [], channels: [] }] }],
    ['grants.0.modules.0', { grants: [{ may: 'publish', modules: ['Base'], channels: [] }] }],
    ['grants.0.may', { grants: [{ may: 'everything' }] }],
    ['grants.0', { grants: [{ may: 'watch', modules: [] }] }],
    ['grants', { grants: [] }],
    ['name', { name: 'a\u001b[31m' }],
    ['name', { name: '' }],
    ['id', { id: '../x' }],
    ['limits.bytesPerDay', { limits: { bytesPerDay: -1 } }],
    ['sha256', { hash: Buffer.alloc(31) }],
  ])('is refused with another %s', (place, changes) => {
    const text = encodeToken({ ...token, ...changes })
    expect(() => decodeToken(Buffer.from(text))).toThrow(expect.objectContaining({ place }))
  })
})

describe('a token', () => {
  test('is not made for longer than a year, nor for no time', async () => {
    const store = new MemoryStore()
    for (const lifetimeSeconds of [0, -1, maxTokenSeconds + 1, Number.NaN]) {
      await expect(createToken({ ...request, lifetimeSeconds }, { store, now })).rejects.toThrow(RangeError)
    }
    expect(await keysOf(store, '')).toEqual([])
  })

  test('is revoked once, by whoever comes first, and for ever', async () => {
    const store = new MemoryStore()
    const { token: made } = await createToken(request, { store, now })
    const later = new Date(now.getTime() + 60_000)
    const revoked = await Promise.all(
      [now, now, now].map(async (at) => revokeToken(made.id, { store, now: at })),
    )
    expect(revoked.map((one) => one.revoked)).toEqual(Array(3).fill(made.created))
    expect(await revokeToken(made.id, { store, now: later })).toMatchObject({ revoked: made.created })
    expect(await Array.fromAsync(listTokens(store))).toEqual([{ ...made, revoked: made.created }])
  })

  test('that is not there cannot be revoked', async () => {
    const store = new MemoryStore()
    await expect(revokeToken('a'.repeat(16), { store, now })).rejects.toMatchObject({ code: 'TOKEN_UNKNOWN' })
  })
})
