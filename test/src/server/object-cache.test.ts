import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { array, assert, asyncProperty, constantFrom, integer, nat, option, record, tuple } from 'fast-check'
import { expect, test } from 'vitest'
import type { BlobBody } from '../../../storage/blob-store.ts'
import { BlobNotFoundError } from '../../../storage/errors.ts'
import { MemoryStore } from '../../../storage/memory-store.ts'
import { believedMs, ObjectCache, type CacheOutcome } from '../../../src/server/object-cache.ts'
import { noise } from '../../support/tree-recipe.ts'

/** Counts what is asked of it, and can be made to wait. */
class CountingStore extends MemoryStore {
  readonly gets: string[] = []
  readonly stats: string[] = []
  gate: Promise<unknown> | undefined

  override async get(...args: Parameters<MemoryStore['get']>): Promise<BlobBody> {
    const range = args[1]?.range
    this.gets.push(range === undefined ? args[0] : `${args[0]}@${range.start}`)
    const body = super.get(...args)
    // Nobody may ever take it.
    body.then(({ stream }) => stream.on('error', () => undefined)).catch(() => undefined)
    await this.gate
    return body
  }

  override async stat(...args: Parameters<MemoryStore['stat']>): ReturnType<MemoryStore['stat']> {
    this.stats.push(args[0])
    return super.stat(...args)
  }
}

const mebibyte = 2 ** 20

function cacheOf(
  store: MemoryStore,
  { maxBytes = 16 * mebibyte, now = () => 0 }: { maxBytes?: number; now?: () => number } = {},
): { cache: ObjectCache; outcomes: CacheOutcome[] } {
  const outcomes: CacheOutcome[] = []
  const isImmutable = (key: string): boolean => key !== 'now'
  const onRead = (outcome: CacheOutcome): void => void outcomes.push(outcome)
  return { cache: new ObjectCache(store, { maxBytes, isImmutable, now, onRead }), outcomes }
}

async function contentOf({ stream }: BlobBody): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of stream as AsyncIterable<Buffer>) pieces.push(piece)
  return Buffer.concat(pieces)
}

const read = async (cache: ObjectCache, ...args: Parameters<ObjectCache['get']>): Promise<Buffer> =>
  contentOf(await cache.get(...args))

async function takeSome(stream: Readable, bytes: number): Promise<number> {
  let taken = 0
  while (taken < bytes) {
    const piece = stream.read() as Buffer | null
    if (piece === null) await once(stream, 'readable')
    else taken += piece.length
  }
  return taken
}

test('however many ask for one object at once, the store is asked once, and not again', async () => {
  const store = new CountingStore()
  const body = noise(1, 300_000)
  await store.put('a', body)
  const { cache, outcomes } = cacheOf(store)
  const all = await Promise.all(Array.from({ length: 500 }, async () => read(cache, 'a')))
  expect(all.every((got) => got.equals(body))).toBe(true)
  expect((await read(cache, 'a')).equals(body)).toBe(true)
  expect((await read(cache, 'a', { range: { start: 5, end: 9 } })).equals(body.subarray(5, 9))).toBe(true)
  expect(await cache.stat('a')).toEqual(await store.stat('a'))
  expect(store.stats).toEqual(['a'])
  await store.delete('a')
  expect((await cache.stat('a'))?.bytes).toBe(body.length)
  expect(await cache.stat('a', { anew: true })).toBeUndefined()
  expect(store.gets).toEqual(['a'])
  expect(outcomes.filter((outcome) => outcome === 'shared')).toHaveLength(499)
  expect(outcomes.slice(500)).toEqual(['memory', 'memory'])
  expect(cache.usedBytes).toBe(body.length)
})

test('a large object is read once for all who keep up, and held by a window only', async () => {
  const store = new CountingStore()
  const body = noise(2, 4 * mebibyte)
  await store.put('large', body)
  const maxBytes = 8 * mebibyte
  const { cache } = cacheOf(store, { maxBytes })
  let most = 0
  const bodies = await Promise.all(Array.from({ length: 50 }, async () => cache.get('large')))
  const all = bodies.map(async ({ stream }) => {
    let position = 0
    for await (const piece of stream as AsyncIterable<Buffer>) {
      expect(piece.equals(body.subarray(position, position + piece.length))).toBe(true)
      position += piece.length
      most = Math.max(most, cache.usedBytes)
    }
    return position
  })
  expect(new Set(await Promise.all(all))).toEqual(new Set([body.length]))
  expect(store.gets).toEqual(['large'])
  expect(most).toBe(maxBytes / 16)
  expect(cache.usedBytes).toBe(0)
})

test('a slow reader holds up nobody, and gets the rest by a read of its own', async () => {
  const store = new CountingStore()
  const body = noise(3, 4 * mebibyte)
  await store.put('large', body)
  const { cache } = cacheOf(store, { maxBytes: 8 * mebibyte })
  const slow = await cache.get('large')
  const fast = read(cache, 'large')
  const begun = await takeSome(slow.stream, 1)
  expect((await fast).equals(body)).toBe(true)
  const rest = await contentOf(slow)
  expect(rest.equals(body.subarray(begun))).toBe(true)
  expect(store.gets[0]).toBe('large')
  expect(store.gets[1]).toMatch(/^large@\d+$/)
  expect(store.gets).toHaveLength(2)
  expect(cache.usedBytes).toBe(0)
})

test('a slow reader is cut off when the object became another one meanwhile', async () => {
  const store = new CountingStore()
  await store.put('large', noise(3, 4 * mebibyte))
  const { cache } = cacheOf(store, { maxBytes: 8 * mebibyte })
  const slow = await cache.get('large')
  const fast = read(cache, 'large')
  await takeSome(slow.stream, 1)
  await fast
  await store.put('large', noise(4, 4 * mebibyte))
  await expect(contentOf(slow)).rejects.toThrow(/replaced while it was read/)
})

test('what is longest unused goes first, and nothing that is being read', async () => {
  const store = new CountingStore()
  const size = mebibyte
  for (const key of ['a', 'b', 'c', ...Array.from({ length: 16 }, (_, i) => `k${i}`)]) {
    await store.put(key, noise(key.charCodeAt(0), size))
  }
  const { cache } = cacheOf(store, { maxBytes: 16 * mebibyte })
  await read(cache, 'a')
  await read(cache, 'b')
  const held = await cache.get('b')
  await takeSome(held.stream, 1)
  await read(cache, 'a')
  for (let i = 0; i < 15; i++) await read(cache, `k${i}`)
  expect(cache.usedBytes).toBeLessThanOrEqual(16 * mebibyte)
  store.gets.length = 0
  await contentOf(held)
  await read(cache, 'b')
  expect(store.gets).toEqual([])
  await read(cache, 'a')
  expect(store.gets).toEqual(['a'])
})

test('when all of memory is being read, more is passed on without being held', async () => {
  const store = new CountingStore()
  const { cache } = cacheOf(store, { maxBytes: 16 * 65_536 })
  const keys = Array.from({ length: 20 }, (_, i) => `k${i}`)
  for (const [i, key] of keys.entries()) await store.put(key, noise(i, 65_536))
  const bodies = await Promise.all(keys.map(async (key) => cache.get(key)))
  expect(cache.usedBytes).toBeLessThanOrEqual(16 * 65_536)
  for (const [i, body] of bodies.entries()) {
    expect((await contentOf(body)).equals(noise(i, 65_536))).toBe(true)
  }
  expect(cache.usedBytes).toBeLessThanOrEqual(16 * 65_536)
})

test('a read that everybody has left ends', async () => {
  const store = new CountingStore()
  await store.put('large', noise(3, 4 * mebibyte))
  const { cache } = cacheOf(store, { maxBytes: 8 * mebibyte })
  const body = await cache.get('large')
  await takeSome(body.stream, 1)
  body.stream.destroy()
  await once(body.stream, 'close')
  expect(cache.usedBytes).toBe(0)
  const waiting = new AbortController()
  store.gate = new Promise(() => undefined)
  const given = cache.get('large', { signal: waiting.signal })
  await turn()
  waiting.abort()
  await expect(given).rejects.toMatchObject({ name: 'AbortError' })
  store.gate = undefined
  expect(await read(cache, 'large')).toHaveLength(4 * mebibyte)
})

test('a reader that is gone is not waited for, whatever the store does', async () => {
  const store = new CountingStore()
  await store.put('large', noise(3, 4 * mebibyte))
  const { cache } = cacheOf(store, { maxBytes: 8 * mebibyte })
  const gone = new AbortController()
  const { stream } = await cache.get('large', { signal: gone.signal })
  await takeSome(stream, 1)
  gone.abort()
  await expect(once(stream, 'close')).rejects.toMatchObject({ name: 'AbortError' })
  expect(cache.usedBytes).toBe(0)
})

test('who asks while another looks in vain has it looked for again, once for all', async () => {
  const store = new CountingStore()
  const { cache } = cacheOf(store)
  const gate = Promise.withResolvers<void>()
  store.gate = gate.promise
  const first = cache.get('a')
  await turn()
  await store.put('a', Buffer.from('there'))
  const others = Array.from({ length: 100 }, async () => read(cache, 'a'))
  await turn()
  gate.resolve()
  await expect(first).rejects.toBeInstanceOf(BlobNotFoundError)
  expect(new Set((await Promise.all(others)).map(String))).toEqual(new Set(['there']))
  expect(store.gets).toEqual(['a', 'a'])
  await expect(read(cache, 'b')).rejects.toBeInstanceOf(BlobNotFoundError)
  expect(await cache.stat('b')).toBeUndefined()
})

test('what is replaced is read after it was asked for, by one read for all who ask at once', async () => {
  const store = new CountingStore()
  const { cache } = cacheOf(store)
  await store.put('now', Buffer.from('1'))
  const gate = Promise.withResolvers<void>()
  store.gate = gate.promise
  const first = read(cache, 'now')
  await turn()
  await store.put('now', Buffer.from('2'))
  const later = Array.from({ length: 300 }, async () => read(cache, 'now'))
  await turn()
  gate.resolve()
  expect(String(await first)).toBe('1')
  expect(new Set((await Promise.all(later)).map(String))).toEqual(new Set(['2']))
  expect(store.gets).toEqual(['now', 'now'])
  await store.put('now', Buffer.from('3'))
  expect(String(await read(cache, 'now'))).toBe('3')
  expect((await cache.stat('now'))?.etag).toBe((await store.stat('now'))?.etag)
  expect(await cache.stat('then')).toBeUndefined()
  expect(cache.usedBytes).toBe(0)
})

test('what was mended in the store is served so after ten minutes, and what was not is not read again', async () => {
  const store = new CountingStore()
  await store.put('a', Buffer.from('damaged'))
  await store.put('b', Buffer.from('right'))
  let time = 0
  const { cache } = cacheOf(store, { now: () => time })
  await read(cache, 'a')
  await read(cache, 'b')
  await store.put('a', Buffer.from('mended'))
  time = believedMs - 1
  expect(String(await read(cache, 'a'))).toBe('damaged')
  expect(store.stats).toEqual([])
  time = believedMs
  expect(String(await read(cache, 'a'))).toBe('mended')
  await Promise.all([read(cache, 'b'), read(cache, 'b')])
  expect(store.stats).toEqual(['a', 'b'])
  expect(store.gets).toEqual(['a', 'b', 'a'])
  await store.delete('b')
  time = 2 * believedMs
  await expect(read(cache, 'b')).rejects.toBeInstanceOf(BlobNotFoundError)
})

test('whatever is asked for in whatever order, everyone gets the right bytes within the bound', async () => {
  const request = record({
    key: nat(5),
    range: option(tuple(nat(200_000), integer({ min: 1, max: 200_000 })), { nil: undefined }),
    leavesAfter: option(nat(200_000), { nil: undefined }),
    pauses: nat(3),
  })
  const bodies = [0, 10, 5000, 40_000, 66_000, 150_000].map((size, i) => noise(i + 10, size))
  await assert(
    asyncProperty(
      array(request, { minLength: 1, maxLength: 25 }),
      constantFrom(100_000, 500_000, 3_000_000),
      async (requests, maxBytes) => {
        const store = new MemoryStore()
        for (const [i, body] of bodies.entries()) await store.put(`k${i}`, body)
        const { cache } = cacheOf(store, { maxBytes })
        await Promise.all(
          requests.map(async ({ key, range, leavesAfter = Infinity, pauses }) => {
            const whole = bodies[key] ?? Buffer.alloc(0)
            const [start, length] = range ?? [0, whole.length]
            if (range !== undefined && start >= whole.length) return
            const end = Math.min(start + length, whole.length)
            for (let i = 0; i < pauses; i++) await turn()
            const { stream } = await cache.get(`k${key}`, range && { range: { start, end } })
            let position = start
            for await (const piece of stream as AsyncIterable<Buffer>) {
              expect(piece.equals(whole.subarray(position, position + piece.length))).toBe(true)
              position += piece.length
              expect(cache.usedBytes).toBeLessThanOrEqual(maxBytes)
              if (position - start > leavesAfter) return
              for (let i = 0; i < pauses; i++) await turn()
            }
            expect(position).toBe(end)
          }),
        )
      },
    ),
    { numRuns: 60 },
  )
})
