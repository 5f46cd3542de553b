import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { BlobStore } from '../../storage/blob-store.ts'
import {
  BlobChangedError,
  BlobExistsError,
  BlobNotFoundError,
  StoreDeniedError,
  StoreUnavailableError,
} from '../../storage/errors.ts'
import { MemoryStore } from '../../storage/memory-store.ts'
import { RetryingStore } from '../../storage/retrying-store.ts'
import { FaultyStore, seededFaults } from '../support/faulty-store.ts'
import type { Fault, FaultPlan } from '../support/faulty-store.ts'
import { contentOf, keysIn, text } from './blob-content.ts'
import { describeBlobStore } from './blob-store-contract.ts'

describeBlobStore('RetryingStore over a store that often fails', async () => {
  const draw = seededFaults(1, { failBefore: 0.1, loseAnswer: 0.1, breakOff: 0.1 })
  const faulty = new FaultyStore(new MemoryStore(), {
    fault: (call) => {
      const fault = draw(call)
      // A replace that was carried out and replaced in turn cannot be told from one that never was.
      return call.operation === 'replace' && fault?.kind === 'lose-answer' ? undefined : fault
    },
  })
  const store = new RetryingStore(faulty, { attempts: 30, sleep: async () => undefined })
  return { store, dispose: async () => store[Symbol.asyncDispose]() }
})

const failBefore: Fault = { kind: 'fail-before' }
const loseAnswer: Fault = { kind: 'lose-answer' }

interface Setup {
  readonly memory: BlobStore
  readonly faulty: FaultyStore
  readonly store: RetryingStore
  readonly sleptMs: number[]
}

/** The faults meet the first calls, in order. */
function setUp(faults: (Fault | undefined)[], plan: FaultPlan = {}): Setup {
  const sleptMs: number[] = []
  const memory = new MemoryStore()
  const faulty = new FaultyStore(memory, { ...plan, fault: ({ index }) => faults[index] })
  const store = new RetryingStore(faulty, {
    attempts: 4,
    baseDelayMs: 100,
    maxDelayMs: 250,
    random: () => 0.5,
    sleep: async (ms) => {
      sleptMs.push(ms)
    },
  })
  return { memory, faulty, store, sleptMs }
}

describe('waiting', () => {
  test('doubles up to the longest, with a random part, and ends after the last attempt', async () => {
    const { store, sleptMs, faulty } = setUp([failBefore, failBefore, failBefore, failBefore])
    await expect(store.stat('k')).rejects.toThrow(StoreUnavailableError)
    expect(sleptMs).toEqual([50, 100, 125])
    expect(faulty.calls).toBe(4)
  })

  test('every call succeeds when its fault passes', async () => {
    const { store, memory, sleptMs } = setUp(
      Array.from({ length: 14 }, (_, i) => (i % 2 ? undefined : failBefore)),
    )
    await store.put('k', text('a'))
    const { etag } = await store.create('n', text('b'))
    await store.replace('n', text('c'), etag)
    expect(await store.stat('n')).toMatchObject({ bytes: 1 })
    expect((await contentOf(store, 'n')).toString()).toBe('c')
    await store.delete('n')
    expect(await keysIn(store, '')).toEqual(['k'])
    expect(await keysIn(memory, '')).toEqual(['k'])
    expect(sleptMs).toEqual(Array.from({ length: 7 }, () => 50))
  })

  test('is not for what will not pass', async () => {
    const denied = new StoreDeniedError('s', 'k', 'no')
    const broken = new StoreUnavailableError('s', 'k', 'broken', { transient: false })
    for (const error of [denied, broken, new TypeError('a fault of ours')]) {
      const { store, sleptMs } = setUp([{ kind: 'fail-before', error }])
      await expect(store.put('k', text('x'))).rejects.toBe(error)
      expect(sleptMs).toEqual([])
    }
  })

  test('ends with the signal', async () => {
    const abort = new AbortController()
    const faulty = new FaultyStore(new MemoryStore(), { fault: () => failBefore })
    const store = new RetryingStore(faulty, { baseDelayMs: 60_000 })
    const reason = new Error('enough')
    setTimeout(() => abort.abort(reason), 5)
    await expect(store.stat('k', abort)).rejects.toBe(reason)
  })
})

describe('a conflict', () => {
  test('is never retried', async () => {
    const { store, memory, faulty } = setUp([])
    await memory.put('k', text('theirs'))
    await expect(store.create('k', text('ours'))).rejects.toThrow(BlobExistsError)
    await expect(store.replace('k', text('ours'), 'stale')).rejects.toThrow(BlobChangedError)
    expect(faulty.calls).toBe(2)
  })

  test('with our own create, whose answer was lost, is success', async () => {
    const { store, memory } = setUp([loseAnswer])
    const info = await store.create('k', text('ours'))
    expect(info.etag).toBe((await memory.stat('k'))?.etag)
  })

  test('with our own replace, whose answer was lost, is success', async () => {
    const { store, memory } = setUp([loseAnswer])
    const { etag } = await memory.put('k', text('before'))
    const info = await store.replace('k', text('ours'), etag)
    expect(info.etag).toBe((await memory.stat('k'))?.etag)
    expect((await contentOf(memory, 'k')).toString()).toBe('ours')
  })

  test('with someone else after a lost try stays a conflict', async () => {
    for (const theirs of ['them', 'theirs, longer']) {
      const { store, memory } = setUp([failBefore])
      await memory.put('k', text(theirs))
      await expect(store.create('k', text('ours'))).rejects.toThrow(BlobExistsError)
      const again = setUp([failBefore])
      await again.memory.put('k', text(theirs))
      await expect(again.store.replace('k', text('ours'), 'stale')).rejects.toThrow(BlobChangedError)
    }
  })

  test('that equals our bytes is a conflict when no try was lost', async () => {
    const { store, memory } = setUp([])
    await memory.put('k', text('same'))
    await expect(store.create('k', text('same'))).rejects.toThrow(BlobExistsError)
  })

  test('is not known as one when the blob cannot be read back', async () => {
    const denied = new StoreDeniedError('s', 'k', 'no')
    const { store } = setUp([loseAnswer, undefined, { kind: 'fail-before', error: denied }])
    await expect(store.create('k', text('ours'))).rejects.toBe(denied)
  })

  test('with a blob that is gone again is still one', async () => {
    const { store, memory } = setUp([failBefore])
    await expect(store.replace('k', text('ours'), 'stale')).rejects.toThrow(BlobChangedError)
    expect(await memory.stat('k')).toBeUndefined()
  })
})

describe('a body that breaks off', () => {
  const breakOff = (after: number): Fault => ({ kind: 'break-off', after })

  test('goes on where it was, also within a range', async () => {
    const body = randomBytes(1_000)
    const { store, memory, sleptMs } = setUp([breakOff(10), breakOff(20), failBefore, undefined])
    await memory.put('k', body)
    const content = await contentOf(store, 'k', { start: 100, end: 900 })
    expect(content.equals(body.subarray(100, 900))).toBe(true)
    expect(sleptMs).toEqual([50, 50, 100])
  })

  test('is given up after four failures without progress', async () => {
    const { store, memory } = setUp([breakOff(1), breakOff(0), breakOff(0), breakOff(0), undefined])
    await memory.put('k', text('hello'))
    await expect(contentOf(store, 'k')).rejects.toThrow(StoreUnavailableError)
  })

  test('is not continued with another blob', async () => {
    const { store, memory } = setUp([breakOff(2)])
    await memory.put('k', text('hello'))
    const { stream } = await store.get('k')
    await memory.put('k', text('HELLO'))
    await expect(stream.toArray()).rejects.toThrow(/written anew/)
  })

  test('is not continued when the blob is gone', async () => {
    const { store, memory } = setUp([breakOff(2)])
    await memory.put('k', text('hello'))
    const { stream } = await store.get('k')
    await memory.delete('k')
    await expect(stream.toArray()).rejects.toThrow(BlobNotFoundError)
  })

  test('after its last byte is whole', async () => {
    const { store, memory, faulty } = setUp([breakOff(5)])
    await memory.put('k', text('hello'))
    expect((await contentOf(store, 'k')).toString()).toBe('hello')
    expect(faulty.calls).toBe(1)
  })
})

test('a list that breaks off goes on after the last key', async () => {
  const broken: Fault = { kind: 'break-off', after: 2 }
  const { store, memory, sleptMs } = setUp([broken, failBefore, broken, undefined])
  for (const key of ['a', 'b', 'c', 'd', 'e']) await memory.put(key, text(key))
  expect(await keysIn(store, '')).toEqual(['a', 'b', 'c', 'd', 'e'])
  expect(sleptMs).toEqual([50, 100, 50])
})

describe('deleteMany', () => {
  test('tries again what failed, and says that a delete may take effect later', async () => {
    const { memory, store } = setUp([failBefore, loseAnswer])
    await memory.put('a', text('a'))
    expect(await store.deleteMany(['a', 'b'])).toEqual({ failed: [], isSettled: false })
    expect(await keysIn(memory, '')).toEqual([])
  })

  test('tells what it gave up, and does not try what is denied', async () => {
    const { memory, store, sleptMs } = setUp([failBefore, failBefore, failBefore, failBefore])
    await memory.put('a', text('a'))
    const given = await store.deleteMany(['a'])
    expect(given).toMatchObject({
      failed: [{ key: 'a', error: { code: 'STORE_UNAVAILABLE' } }],
      isSettled: false,
    })
    expect(sleptMs).toHaveLength(3)
    const denied = new StoreDeniedError('memory:', 'a', 'no')
    const refused = setUp([{ kind: 'fail-before', error: denied }])
    expect((await refused.store.deleteMany(['a'])).failed).toEqual([{ key: 'a', error: denied }])
    expect(refused.sleptMs).toEqual([])
  })

  test('asks again for those keys alone that failed', async () => {
    const asked: (readonly string[])[] = []
    const memory = new MemoryStore()
    memory.deleteMany = (keys) => {
      asked.push(keys)
      const error = new StoreUnavailableError('memory:', 'b', 'slow down', { transient: true })
      return Promise.resolve({
        failed: asked.length === 1 ? [{ key: 'b', error }] : [],
        isSettled: asked.length > 1,
      })
    }
    const store = new RetryingStore(memory, { sleep: async () => undefined })
    expect(await store.deleteMany(['a', 'b', 'c'])).toEqual({ failed: [], isSettled: false })
    expect(asked).toEqual([['a', 'b', 'c'], ['b']])
  })
})
