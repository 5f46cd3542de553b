import { describe, expect, test } from 'vitest'
import { MemoryStore } from '../../storage/memory-store.ts'
import { MeteredStore } from '../../storage/metered-store.ts'
import type { StoreCall } from '../../storage/metered-store.ts'
import { FaultyStore } from '../support/faulty-store.ts'
import { contentOf, keysIn, text } from './blob-content.ts'
import { describeBlobStore } from './blob-store-contract.ts'

describeBlobStore('MeteredStore', async () => {
  const store = new MeteredStore(new MemoryStore())
  return { store, dispose: async () => store[Symbol.asyncDispose]() }
})

describe('MeteredStore tells', () => {
  const setUp = () => {
    const calls: StoreCall[] = []
    const store = new MeteredStore(new MemoryStore(), (call) => calls.push(call))
    const told = () =>
      calls.splice(0).map(({ operation, key, bytes, outcome }) => [operation, key, bytes, outcome])
    return { store, told }
  }

  test('of every call what came of it', async () => {
    const { store, told } = setUp()
    await store.put('k', text('hello'))
    await store.create('k', text('hello')).catch(() => undefined)
    await store.replace('k', text('hi'), 'stale').catch(() => undefined)
    await store.stat('k')
    await store.stat('absent')
    await store.get('absent').catch(() => undefined)
    await keysIn(store, 'k')
    await store.delete('k')
    await store.deleteMany(['k', 'l'])
    expect(told()).toEqual([
      ['put', 'k', 5, 'ok'],
      ['create', 'k', 0, 'BLOB_EXISTS'],
      ['replace', 'k', 0, 'BLOB_CHANGED'],
      ['stat', 'k', 0, 'ok'],
      ['stat', 'absent', 0, 'absent'],
      ['get', 'absent', 0, 'BLOB_NOT_FOUND'],
      ['list', 'k', 0, 'ok'],
      ['delete', 'k', 0, 'ok'],
      ['deleteMany', 'k', 0, 'ok'],
    ])
  })

  test('of a read when its body is over, and how much came', async () => {
    const { store, told } = setUp()
    await store.put('k', Buffer.alloc(200_000))
    told()
    await contentOf(store, 'k')
    await contentOf(store, 'k', { start: 10, end: 30 })
    const { stream } = await store.get('k')
    expect(told()).toEqual([
      ['get', 'k', 200_000, 'ok'],
      ['get', 'k', 20, 'ok'],
    ])
    const closed = new Promise((resolve) => void stream.once('close', resolve))
    for await (const _ of stream) break
    await closed
    const [[, , bytes, outcome] = []] = told()
    expect(outcome).toBe('ABORTED')
    expect(bytes).toBeLessThan(200_000)
  })

  test('totals, and the failures among them', async () => {
    const memory = new MemoryStore()
    const faulty = new FaultyStore(memory, {
      fault: ({ index }) => (index === 1 ? { kind: 'fail-before' } : { kind: 'delay', ms: 5 }),
    })
    const store = new MeteredStore(faulty)
    await store.put('a', text('12345'))
    await store.put('b', text('12345')).catch(() => undefined)
    await store.put('c', text('123'))
    expect(store.totals('put')).toMatchObject({ calls: 3, failures: 1, bytes: 8 })
    expect(store.totals('put').ms).toBeGreaterThan(5)
    expect(store.totals('get')).toEqual({ calls: 0, failures: 0, bytes: 0, ms: 0 })
  })
})
