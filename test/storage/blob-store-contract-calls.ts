import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { BlobStore, CallOptions } from '../../storage/blob-store.ts'
import { BlobExistsError, KeyInvalidError, RangeOutsideBlobError } from '../../storage/errors.ts'
import { byBytes, contentOf, keysIn, text } from './blob-content.ts'

export interface Subject {
  /** Empty. */
  readonly store: BlobStore
  readonly fileOf: (content: Uint8Array) => Promise<{ readonly path: string; readonly bytes: number }>
}

/** The part of the contract that speaks of bodies, ranges, keys and signals. */
export function describeCalls(subject: () => Subject): void {
  describe('bodies', () => {
    test('ranges are cut to the end, and must begin inside', async () => {
      const { store } = subject()
      const body = randomBytes(1000)
      await store.put('k', body)
      const cases: [number, number, number][] = [
        [0, 1, 1],
        [0, 1000, 1000],
        [999, 1000, 1],
        [10, 20, 10],
        [990, 5000, 10],
        [1, Number.POSITIVE_INFINITY, 999],
      ]
      for (const [start, end, bytes] of cases) {
        const { info, stream } = await store.get('k', { range: { start, end } })
        const content = Buffer.concat((await stream.toArray()) as Uint8Array[])
        expect(content.equals(body.subarray(start, end))).toBe(true)
        expect([content.byteLength, info.bytes]).toEqual([bytes, 1000])
      }
      for (const start of [1000, 1001, 9999]) {
        const refused = store.get('k', { range: { start, end: 10_000 } })
        await expect(refused).rejects.toMatchObject({ name: 'RangeOutsideBlobError', bytes: 1000 })
      }
      const nonsense = [
        [-1, 5],
        [5, 5],
        [6, 5],
        [0.5, 2],
        [0, Number.NaN],
      ].map(([start = 0, end = 0]) => ({ start, end }))
      for (const range of nonsense) await expect(store.get('k', { range })).rejects.toThrow(RangeError)
    })

    test('may be empty', async () => {
      const { store, fileOf } = subject()
      await store.put('bytes', new Uint8Array(0))
      await store.create('file', await fileOf(new Uint8Array(0)))
      for (const key of ['bytes', 'file']) {
        expect((await store.stat(key))?.bytes).toBe(0)
        expect((await contentOf(store, key)).byteLength).toBe(0)
        await expect(store.get(key, { range: { start: 0, end: 1 } })).rejects.toThrow(RangeOutsideBlobError)
      }
    })

    test('of 20 MiB, from bytes and from a file', async () => {
      const { store, fileOf } = subject()
      const body = randomBytes(20 * 1024 * 1024)
      const file = await fileOf(body)
      await store.put('put/bytes', body)
      await store.put('put/file', file)
      await store.create('create/bytes', body)
      await store.create('create/file', file)
      for await (const { key, bytes } of store.list('')) {
        expect(bytes).toBe(body.byteLength)
        expect((await contentOf(store, key)).equals(body)).toBe(true)
      }
      const range = { start: 9_000_000, end: 19_000_000 }
      const part = await contentOf(store, 'put/file', range)
      expect(part.equals(body.subarray(range.start, range.end))).toBe(true)
      await expect(store.create('put/file', file)).rejects.toThrow(BlobExistsError)
    })

    test('may be a view of a larger buffer, and belong to the caller again afterwards', async () => {
      const { store } = subject()
      const buffer = Buffer.from('0123456789')
      await store.put('k', buffer.subarray(3, 6))
      buffer.fill('x')
      expect((await contentOf(store, 'k')).toString()).toBe('345')
    })

    test('need not be read to the end', async () => {
      const { store } = subject()
      await store.put('k', randomBytes(2_000_000))
      for (let round = 0; round < 50; round += 1) (await store.get('k')).stream.destroy()
      const { stream } = await store.get('k')
      for await (const piece of stream) {
        expect((piece as Uint8Array).byteLength).toBeGreaterThan(0)
        break
      }
      expect((await contentOf(store, 'k')).byteLength).toBe(2_000_000)
    })
  })

  describe('keys', () => {
    test('of every legal kind are kept apart', async () => {
      const { store } = subject()
      const nested = `${'d/'.repeat(200)}${'e'.repeat(112)}`
      const odd = ['...', '.hidden', '..x', 'x..', 'a..b', '-', '_', '0', 'x'.repeat(255)]
      const legal = ['a', 'A', ...odd, nested, 'private/tmpx', 'private/a']
      for (const key of legal) await store.create(key, text(key))
      expect(await keysIn(store, '')).toEqual(legal.toSorted(byBytes))
      for (const key of legal) expect((await contentOf(store, key)).toString()).toBe(key)
    })

    test('outside the alphabet are refused', async () => {
      const { store } = subject()
      const bad = [
        '',
        '/',
        '/a',
        'a/',
        'a//b',
        '.',
        '..',
        'a/./b',
        'a/../b',
        '../a',
        'a b',
        'ä',
        'a\\b',
        'a%2fb',
      ]
      const reserved = ['private/tmp', 'private/tmp/x', 'private/locks/x']
      for (const key of [...bad, ...reserved, 'a\0b', 'a\n', 'x'.repeat(256), 'x/'.repeat(256) + 'x']) {
        await expect(store.stat(key)).rejects.toThrow(KeyInvalidError)
        await expect(store.get(key)).rejects.toThrow(KeyInvalidError)
        await expect(store.put(key, text('x'))).rejects.toThrow(KeyInvalidError)
        await expect(store.create(key, text('x'))).rejects.toThrow(KeyInvalidError)
        await expect(store.replace(key, text('x'), 'etag')).rejects.toThrow(KeyInvalidError)
        await expect(store.delete(key)).rejects.toThrow(KeyInvalidError)
      }
      for (const prefix of ['/', 'a//', '../', 'a b', './a']) {
        await expect(keysIn(store, prefix)).rejects.toThrow(KeyInvalidError)
      }
    })
  })

  describe('aborting', () => {
    test('before a call: nothing is done, and the reason is thrown', async () => {
      const { store } = subject()
      const { etag } = await store.put('k', text('old'))
      const reason = new Error('enough')
      const options: CallOptions = { signal: AbortSignal.abort(reason) }
      const calls = [
        store.stat('k', options),
        store.get('k', options),
        Array.fromAsync(store.list('', options)),
        store.put('k', text('new'), options),
        store.create('new', text('new'), options),
        store.replace('k', text('new'), etag, options),
        store.delete('k', options),
        store.deleteMany(['k'], options),
      ]
      for (const call of await Promise.allSettled(calls)) {
        expect(call).toMatchObject({ status: 'rejected', reason })
      }
      expect(await keysIn(store, '')).toEqual(['k'])
      expect((await contentOf(store, 'k')).toString()).toBe('old')
    })

    test('during a large write: all or nothing is stored', async () => {
      const { store, fileOf } = subject()
      const body = await fileOf(randomBytes(20 * 1024 * 1024))
      const reason = new Error('enough')
      for (const delayMs of [1, 4, 16]) {
        const abort = new AbortController()
        setTimeout(() => abort.abort(reason), delayMs)
        const outcome = await store.put('k', body, abort).catch((error: unknown) => error)
        const info = await store.stat('k')
        if (outcome === reason) expect([undefined, body.bytes]).toContain(info?.bytes)
        else expect(info?.bytes).toBe(body.bytes)
        await store.delete('k')
      }
    })

    test('during a read: the stream fails with the reason', async () => {
      const { store } = subject()
      await store.put('k', randomBytes(5_000_000))
      const reason = new Error('enough')
      const abort = new AbortController()
      const { stream } = await store.get('k', abort)
      const read = (async () => {
        for await (const _ of stream) abort.abort(reason)
      })()
      await expect(read).rejects.toBe(reason)
    })
  })
}
