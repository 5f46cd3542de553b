import { beforeEach, describe, expect, test } from 'vitest'
import { createToken } from '../../../src/access/create-token.ts'
import { KnownTokens } from '../../../src/access/known-tokens.ts'
import { revokeToken } from '../../../src/access/revoke-token.ts'
import { makeTokenSecret } from '../../../src/access/token-secret.ts'
import { MemoryStore } from '../../../storage/memory-store.ts'
import { FaultyStore } from '../../support/faulty-store.ts'

let memory: MemoryStore
let reads: string[]
let isDown: boolean
let clock: number
let tokens: KnownTokens

beforeEach(() => {
  memory = new MemoryStore()
  reads = []
  isDown = false
  clock = 1000
  const store = new FaultyStore(memory, {
    fault: ({ operation, key }) => {
      if (operation === 'get') reads.push(key)
      return isDown ? { kind: 'fail-before' } : undefined
    },
  })
  tokens = new KnownTokens({ store, now: () => clock })
})

async function make(): Promise<string> {
  const { token } = await createToken(
    { name: 'test', grants: [{ may: 'watch' }], lifetimeSeconds: 60 },
    { store: memory, now: new Date() },
  )
  return token.id
}

describe('a token', () => {
  test('is read once in ten seconds, and found revoked after them', async () => {
    const id = await make()
    for (let i = 0; i < 5; i++) expect(await tokens.find(id)).toMatchObject({ id, revoked: undefined })
    expect(reads).toHaveLength(1)
    await revokeToken(id, { store: memory, now: new Date() })
    clock += 9999
    expect(await tokens.find(id)).toMatchObject({ revoked: undefined })
    clock += 1
    expect(await tokens.find(id)).toMatchObject({ revoked: expect.any(Date) as Date })
    expect(reads).toHaveLength(2)
  })

  test('that a crowd asks for at once is read once', async () => {
    const id = await make()
    const found = await Promise.all(Array.from({ length: 100 }, async () => tokens.find(id)))
    for (const token of found) expect(token).toMatchObject({ id })
    expect(reads).toHaveLength(1)
  })

  test('that is deleted is not there any more', async () => {
    const id = await make()
    await tokens.find(id)
    await memory.delete(`private/tokens/${id}.json`)
    clock += 10_000
    expect(await tokens.find(id)).toBeUndefined()
    expect(tokens.isKnown(id)).toBe(false)
  })

  test('is not refused because the store does not answer', async () => {
    const id = await make()
    isDown = true
    await expect(tokens.find(id)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    isDown = false
    expect(await tokens.find(id)).toMatchObject({ id })
  })

  test('that is damaged is said to be', async () => {
    const id = await make()
    await memory.put(`private/tokens/${id}.json`, Buffer.from('{}'))
    await expect(tokens.find(id)).rejects.toMatchObject({ code: 'REPOSITORY_CORRUPT' })
  })

  test('under the id of another is said to be damaged', async () => {
    const [id, other] = [await make(), await make()]
    const { stream } = await memory.get(`private/tokens/${other}.json`)
    await memory.put(`private/tokens/${id}.json`, Buffer.concat(await stream.toArray()))
    await expect(tokens.find(id)).rejects.toMatchObject({ code: 'REPOSITORY_CORRUPT' })
  })
})

describe('made-up tokens', () => {
  test('are looked up once in ten seconds each', async () => {
    const { id } = makeTokenSecret()
    for (let i = 0; i < 10; i++) expect(await tokens.find(id)).toBeUndefined()
    expect(reads).toHaveLength(1)
    clock += 10_000
    await tokens.find(id)
    expect(reads).toHaveLength(2)
  })

  test('cost so many reads a second, however many come, and keep nobody out who was here before', async () => {
    const [id, late] = [await make(), await make()]
    await tokens.find(id)
    const began = reads.length
    for (let second = 0; second < 10; second++) {
      for (let i = 0; i < 1000; i++) await tokens.find(makeTokenSecret().id)
      clock += 1000
    }
    expect(reads.length - began).toBeLessThanOrEqual(100 + 9 * 20)
    await Promise.all(Array.from({ length: 100 }, async () => tokens.find(makeTokenSecret().id)))
    expect(await tokens.find(late)).toBe('busy')
    expect(await tokens.find(id)).toMatchObject({ id })
  })

  test('take no more memory the more there were', async () => {
    for (let i = 0; i < 12_000; i++) {
      clock += 50
      await tokens.find(makeTokenSecret().id)
    }
    // Nothing else shows it: what is kept of each is an id and a time.
    expect(tokens.remembered).toBeLessThanOrEqual(10_000)
  })
})
