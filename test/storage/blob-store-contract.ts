import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { BlobStore } from '../../storage/blob-store.ts'
import {
  BlobChangedError,
  BlobExistsError,
  BlobNotFoundError,
  BodyUnreadableError,
  KeyInvalidError,
  StoreUnavailableError,
} from '../../storage/errors.ts'
import { byBytes, contentOf, keysIn, text } from './blob-content.ts'
import { describeCalls } from './blob-store-contract-calls.ts'
import { modelCommands } from './blob-store-model.ts'

export interface OpenedStore {
  /** Empty. */
  readonly store: BlobStore
  readonly dispose: () => Promise<void>
}

export interface SuiteOptions {
  /** How many blobs the longest list has: more than one page where a store lists by pages. */
  readonly many?: number
}

/** Proves every sentence of the contract at the head of blob-store.ts. */
export function describeBlobStore(
  name: string,
  open: () => Promise<OpenedStore>,
  { many = 300 }: SuiteOptions = {},
): void {
  describe(`${name} keeps the contract of a blob store`, () => {
    let opened: OpenedStore
    let store: BlobStore
    let directory: string

    beforeEach(async () => {
      directory = await mkdtemp(join(tmpdir(), 'vend-contract-'))
      opened = await open()
      store = opened.store
    })
    afterEach(async () => {
      await opened.dispose()
      await rm(directory, { recursive: true })
    })

    const fileOf = async (content: Uint8Array) => {
      const path = join(directory, 'body')
      await writeFile(path, content)
      return { path, bytes: content.byteLength }
    }

    describe('1 atomic', () => {
      test('a reader sees one body whole while others are written', async () => {
        const bodyOf = (fill: number) => Buffer.alloc(100_000 + fill, fill)
        await store.put('pointer', bodyOf(0))
        const writing = { done: false }
        const write = async () => {
          for (let fill = 1; fill <= 20; fill += 1) await store.put('pointer', bodyOf(fill))
          writing.done = true
        }
        let reads = 0
        const read = async () => {
          while (!writing.done) {
            const content = await contentOf(store, 'pointer').catch(ignoreUnavailable)
            if (content === undefined) continue
            expect(content.equals(bodyOf(content[0] ?? -1))).toBe(true)
            reads += 1
          }
        }
        await Promise.all([write(), read(), read(), read()])
        expect(reads).toBeGreaterThan(0)
      })

      test('a reader who began before a write gets the old body or a failure, never a mixture', async () => {
        const old = randomBytes(3_000_000)
        await store.put('pointer', old)
        const { stream } = await store.get('pointer')
        await store.put('pointer', randomBytes(3_000_000))
        const seen = await stream.toArray().then(
          (pieces) => Buffer.concat(pieces as Uint8Array[]),
          () => undefined,
        )
        expect(seen === undefined || seen.equals(old)).toBe(true)
      })

      test('a write that fails leaves what was there', async () => {
        await store.put('old', text('old'))
        const tooShort = { ...(await fileOf(text('new'))), bytes: 9 }
        await expect(store.put('old', tooShort)).rejects.toThrow(BodyUnreadableError)
        await expect(store.put('new', tooShort)).rejects.toThrow(BodyUnreadableError)
        await expect(store.create('new', { path: '/does/not/exist', bytes: 9 })).rejects.toThrow(
          BodyUnreadableError,
        )
        expect((await contentOf(store, 'old')).toString()).toBe('old')
        expect(await keysIn(store, '')).toEqual(['old'])
      })
    })

    describe('3 read after write', () => {
      test('every read and list sees what was written, with the same description', async () => {
        const written = await store.put('a/b', text('hello'))
        const stat = await store.stat('a/b')
        const { info, stream } = await store.get('a/b')
        stream.destroy()
        const [listed] = await Array.fromAsync(store.list('a/'))
        expect(stat).toMatchObject({ key: 'a/b', bytes: 5, etag: written.etag })
        expect(info).toEqual(stat)
        expect({ ...listed, modified: undefined }).toEqual({ ...stat, modified: undefined })
        expect(written.etag).not.toMatch(/"|^$/)
        expect(Math.abs(written.modified.getTime() - (stat?.modified.getTime() ?? 0))).toBeLessThan(10_000)
      })

      test('many writers at once', async () => {
        const keys = Array.from({ length: 64 }, (_, index) => `d${index % 8}/${index}`)
        await Promise.all(
          keys.map(async (key) => {
            await store.put(key, text(key))
            expect((await contentOf(store, key)).toString()).toBe(key)
          }),
        )
        expect(await keysIn(store, '')).toEqual(keys.toSorted())
      })
    })

    test('4 put is idempotent, and the last writer wins', async () => {
      await store.put('k', text('one'))
      await store.put('k', text('one'))
      expect((await contentOf(store, 'k')).toString()).toBe('one')
      await store.put('k', text('two, longer'))
      await store.put('k', text('3'))
      expect((await contentOf(store, 'k')).toString()).toBe('3')
    })

    describe('5 create', () => {
      test('stores only where nothing lies', async () => {
        await store.create('k', text('first'))
        await expect(store.create('k', text('second'))).rejects.toThrow(BlobExistsError)
        await expect(store.create('k', await fileOf(text('third')))).rejects.toThrow(BlobExistsError)
        expect((await contentOf(store, 'k')).toString()).toBe('first')
        await store.delete('k')
        await store.create('k', text('fourth'))
        expect((await contentOf(store, 'k')).toString()).toBe('fourth')
      })

      test('of 32 that race exactly one succeeds, five times', async () => {
        for (let round = 0; round < 5; round += 1) {
          const key = `race/${round}`
          const winner = await onlyWinner(BlobExistsError, async (racer) => store.create(key, text(racer)))
          expect((await contentOf(store, key)).toString()).toBe(winner)
        }
      })
    })

    describe('6 replace', () => {
      test('stores only where the blob has the etag', async () => {
        const first = await store.put('k', text('first'))
        const second = await store.replace('k', text('second'), first.etag)
        expect((await store.stat('k'))?.etag).toBe(second.etag)
        await expect(store.replace('k', text('third'), first.etag)).rejects.toThrow(BlobChangedError)
        await store.delete('k')
        await expect(store.replace('k', text('fourth'), second.etag)).rejects.toThrow(BlobChangedError)
        expect(await store.stat('k')).toBeUndefined()
      })

      test('of 32 that race with one etag exactly one succeeds, five times', async () => {
        let { etag } = await store.put('k', text('start'))
        for (let round = 0; round < 5; round += 1) {
          const winner = await onlyWinner(BlobChangedError, async (racer) =>
            store.replace('k', text(`${round} ${racer}`), etag),
          )
          expect((await contentOf(store, 'k')).toString()).toBe(`${round} ${winner}`)
          etag = (await store.stat('k'))?.etag ?? ''
        }
      })

      test('no update is lost among writers that read, add and replace', async () => {
        await store.put('counter', text('0 by nobody'))
        const add = async (_: unknown, writer: number) => {
          for (let added = 0; added < 5;) {
            const read = await counted(store).catch(ignoreUnavailable)
            if (read === undefined) continue
            const body = text(`${read.count + 1} by ${writer}`)
            const done = await store.replace('counter', body, read.etag).catch(ignoreChanged)
            added += done === undefined ? 0 : 1
          }
        }
        await Promise.all(Array.from({ length: 6 }, add))
        expect((await counted(store)).count).toBe(30)
      })

      test('an etag never comes back for other bytes', async () => {
        const bodies = new Map<string, string>()
        const note = (etag: string, body: string) => {
          expect(bodies.get(etag) ?? body).toBe(body)
          bodies.set(etag, body)
        }
        for (let round = 0; round < 20; round += 1) {
          const letters = ['a', 'b', 'c', 'd'].map((letter) => letter + (10 + round))
          const [first = '', second = '', third = '', fourth = ''] = letters
          note((await store.put('k', text(first))).etag, first)
          const { etag } = await store.put('k', text(second))
          note(etag, second)
          note((await store.replace('k', text(third), etag)).etag, third)
          await store.delete('k')
          note((await store.create('k', text(fourth))).etag, fourth)
        }
        expect(bodies.size).toBe(80)
      })
    })

    describe('7 list', () => {
      test('yields keys in byte order, not in order of directories', async () => {
        const keys = ['a-b', 'a.b', 'a/b', 'a/b-c', 'a/b.d', 'a0', 'aB/x', 'a_', 'b/a/c', 'b/a-c', 'B', '-']
        for (const key of keys) await store.put(key, text(key))
        const sorted = keys.toSorted(byBytes)
        expect(await keysIn(store, '')).toEqual(sorted)
        for (const after of ['', '-', 'a', 'a-', 'a/', 'a/b', 'a/b-z', 'b/a', 'b/a-c', 'zz']) {
          expect(await keysIn(store, '', after)).toEqual(sorted.filter((key) => key > after))
        }
        for (const prefix of ['a', 'a/', 'a/b', 'a/b-', 'b/a', 'c', 'a/b/', 'a/b/c']) {
          expect(await keysIn(store, prefix)).toEqual(sorted.filter((key) => key.startsWith(prefix)))
          expect(await keysIn(store, prefix, 'a/b')).toEqual(
            sorted.filter((key) => key.startsWith(prefix) && key > 'a/b'),
          )
        }
      })

      test(`yields each of ${many} once, and can be left early`, async () => {
        const keys = Array.from({ length: many }, (_, index) => `many/${index % 7}/${index}`)
        await inTurns(32, keys, async (key) => {
          await store.put(key, text(key))
        })
        expect(await keysIn(store, 'many/')).toEqual(keys.toSorted(byBytes))
        const middle = keys.toSorted(byBytes)[Math.floor(many / 2)]
        expect(await keysIn(store, 'many/', middle)).toHaveLength(many - Math.floor(many / 2) - 1)
        for await (const { key } of store.list('many/')) {
          expect(key).toBe('many/0/0')
          break
        }
      })
    })

    test('8 delete of what is absent succeeds, also where others lie below', async () => {
      await store.delete('nothing')
      await store.delete('no/such/place')
      await store.put('a/b', text('x'))
      await store.delete('a')
      await store.delete('a/b/c')
      expect(await keysIn(store, '')).toEqual(['a/b'])
      await store.delete('a/b')
      expect(await keysIn(store, '')).toEqual([])
    })

    test('9 absent is an answer', async () => {
      expect(await keysIn(store, '')).toEqual([])
      await store.put('a/b', text('x'))
      for (const key of ['nothing', 'no/such/place', 'a', 'a/b/c']) {
        expect(await store.stat(key)).toBeUndefined()
        await expect(store.get(key)).rejects.toThrow(BlobNotFoundError)
      }
    })

    test(`10 deleteMany deletes every key, absent ones too, of ${many} and of none`, async () => {
      const keys = Array.from({ length: many }, (_, index) => `many/${index % 7}/${index}`)
      await inTurns(32, [...keys, 'many/kept'], async (key) => {
        await store.put(key, text(key))
      })
      await store.delete('many/0/0')
      expect((await store.deleteMany(keys)).failed).toEqual([])
      expect(await keysIn(store, '')).toEqual(['many/kept'])
      expect((await store.deleteMany([])).failed).toEqual([])
      await expect(store.deleteMany(['many/kept', 'no key'])).rejects.toThrow(KeyInvalidError)
      expect(await keysIn(store, '')).toEqual(['many/kept'])
    })

    describeCalls(() => ({ store, fileOf }))

    test('any sequence of calls answers as a map in memory would', async () => {
      let run = 0
      const property = fc.asyncProperty(modelCommands(), async (commands) => {
        run += 1
        const at = `run-${run}`
        await fc.asyncModelRun(
          () => ({ model: new Map<string, string>(), real: { store, at, writes: 0 } }),
          commands,
        )
      })
      await fc.assert(property, { numRuns: 15 })
    })
  })
}

async function counted(store: BlobStore): Promise<{ readonly count: number; readonly etag: string }> {
  const { info, stream } = await store.get('counter')
  const content = Buffer.concat((await stream.toArray()) as Uint8Array[])
  return { count: Number.parseInt(content.toString(), 10), etag: info.etag }
}

/** Lets 32 race, expects all but one to fail with the conflict, and returns the winner. */
async function onlyWinner(
  conflict: new (store: string, key: string) => Error,
  attempt: (racer: string) => Promise<unknown>,
): Promise<string> {
  const racers = Array.from({ length: 32 }, (_, index) => `racer ${index}`)
  const outcomes = await Promise.allSettled(racers.map(attempt))
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(conflict)
  }
  const winners = racers.filter((_, index) => outcomes[index]?.status === 'fulfilled')
  expect(winners).toHaveLength(1)
  return winners[0] ?? ''
}

async function inTurns<T>(atOnce: number, items: T[], work: (item: T) => Promise<void>): Promise<void> {
  const waiting = items.values()
  const workers = Array.from({ length: atOnce }, async () => {
    for (const item of waiting) await work(item)
  })
  await Promise.all(workers)
}

function ignoreChanged(error: unknown): undefined {
  if (!(error instanceof BlobChangedError)) throw error
}

function ignoreUnavailable(error: unknown): undefined {
  if (!(error instanceof StoreUnavailableError)) throw error
}
