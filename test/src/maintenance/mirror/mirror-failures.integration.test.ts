import { Agent } from 'undici'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { HttpReader } from '../../../../src/maintenance/mirror/http-reader.ts'
import { mirrorRepository } from '../../../../src/maintenance/mirror/mirror-repository.ts'
import { RotatingRepository } from '../../../attacks/rotating-repository.ts'
import type { BlobReader, BlobStore } from '../../../../storage/blob-store.ts'
import { MemoryStore } from '../../../../storage/memory-store.ts'
import { FaultyStore } from '../../../support/faulty-store.ts'
import { bytesIn, type Publisher } from '../../../support/publisher.ts'
import { bind, copyOf, mirror, publicOf, publishNext, publishThree, wholeIn } from './mirror-world.ts'

let publisher: Publisher

beforeAll(async () => {
  publisher = await publishThree()
})
afterAll(() => {
  publisher[Symbol.dispose]()
})

describe('a source that serves', () => {
  /** Serves other bytes in the place of one object. */
  function lying(key: string, bytes: Buffer | undefined): BlobStore {
    const inner = publisher.store
    const lies = new MemoryStore()
    return new Proxy(inner, {
      get: (store, name) => {
        if (name !== 'get') return bind(store, name)
        const get: BlobReader['get'] = async (asked, options) => {
          if (asked !== key) return store.get(asked, options)
          if (bytes !== undefined) await lies.put(key, bytes)
          return lies.get(key, options)
        }
        return get
      },
    })
  }

  const flip = (bytes: Buffer): Buffer => {
    const flipped = Buffer.from(bytes)
    const middle = flipped.length >> 1
    flipped[middle] = (flipped[middle] ?? 0) ^ 1
    return flipped
  }

  test.each<[string, (bytes: Buffer) => Buffer | undefined]>([
    ['a flipped bit', flip],
    ['half of it', (bytes) => bytes.subarray(0, bytes.length >> 1)],
    ['more than it', (bytes) => Buffer.concat([bytes, bytes])],
    ['nothing', () => Buffer.alloc(0)],
    ['no object', () => undefined],
    ['endless zeros', () => Buffer.alloc(6_000_000)],
  ])('%s has none of it stored, whichever object it is', async (_, harm) => {
    const originals = await publicOf(publisher.store)
    for (const key of Object.keys(originals)) {
      const target = new MemoryStore()
      const failure = await mirror(lying(key, harm(await bytesIn(publisher.store, key))), target).catch(
        (error: unknown) => error,
      )
      const stored = await publicOf(target)
      expect(Object.entries(stored).filter(([name, digest]) => originals[name] !== digest)).toEqual([])
      // What the state does not vouch for may be left out; nothing else.
      if (failure instanceof Error) expect(await wholeIn(target)).toBeUndefined()
      else expect(await wholeIn(target)).toEqual([10, 11, 12])
    }
  })
})

test.each(['fail-before', 'lose-answer'] as const)(
  'ended at any of its writes (%s), it has left the old state or the new, and the next run goes on',
  async (kind) => {
    const source = await copyOf(publisher.store)
    const old = new MemoryStore()
    await mirror(source, old)
    await publishNext(publisher, 13, { store: source })
    const isWrite = new Set(['put', 'create', 'replace', 'delete'])
    const whole = await publicOf(source)
    for (let index = 0; ; index++) {
      const target = await copyOf(old)
      let writes = 0
      const crashing = new FaultyStore(target, {
        fault: ({ operation }) =>
          isWrite.has(operation) && writes++ === index ? { kind, error: new Error('the end') } : undefined,
      })
      const failure = await mirror(source, crashing).catch((error: unknown) => error)
      expect([[10, 11, 12].join(), [10, 11, 12, 13].join()]).toContain((await wholeIn(target))?.join())
      await mirror(source, target)
      expect(await publicOf(target)).toEqual(whole)
      if (!(failure instanceof Error)) break
      expect(index).toBeLessThan(60)
    }
  },
)

test('keys that change hands are followed, also from where a mirror died between roots and timestamp', async () => {
  await using rotating = await RotatingRepository.begin()
  await using opened = new AsyncDisposableStack()
  const agent = opened.adopt(new Agent(), async (one) => one.destroy())
  const reader = new HttpReader({ baseUrl: rotating.server.url, dispatcherOf: () => agent })
  const options = { now: (): Date => new Date(), trustedRoot: rotating.trustedRoot }
  const old = new MemoryStore()
  await rotating.publish(1)
  await mirrorRepository({ reader, canList: false }, old, options)
  await rotating.rotate()
  await rotating.rotate()
  await rotating.publish(2)
  const isWrite = new Set(['put', 'create', 'replace', 'delete'])
  for (let index = 0; ; index++) {
    const target = await copyOf(old)
    let writes = 0
    const crashing = new FaultyStore(target, {
      fault: ({ operation }) =>
        isWrite.has(operation) && writes++ === index
          ? { kind: 'fail-before', error: new Error('the end') }
          : undefined,
    })
    const failure = await mirrorRepository({ reader, canList: false }, crashing, options).catch(
      (error: unknown) => error,
    )
    await mirrorRepository({ reader, canList: false }, target, options)
    expect(await wholeIn(target)).toEqual([1, 2])
    expect(await target.stat('tuf/metadata/3.root.json')).toBeDefined()
    if (!(failure instanceof Error)) break
    expect(index).toBeLessThan(80)
  }
})
