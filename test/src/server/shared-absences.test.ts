import { expect, test } from 'vitest'
import type { BlobBody } from '../../../storage/blob-store.ts'
import { BlobNotFoundError, StoreUnavailableError } from '../../../storage/errors.ts'
import { MemoryStore } from '../../../storage/memory-store.ts'
import { SharedAbsences } from '../../../src/server/shared-absences.ts'

const key = 'packs/a.pack'

/** Answers when it is told to. */
class SlowStore extends MemoryStore {
  looks = 0
  #turn = Promise.withResolvers<Error | undefined>()

  override async get(...args: Parameters<MemoryStore['get']>): Promise<BlobBody> {
    await this.#wait()
    return super.get(...args)
  }

  override async stat(...args: Parameters<MemoryStore['stat']>): ReturnType<MemoryStore['stat']> {
    await this.#wait()
    return super.stat(...args)
  }

  answer(failure?: Error): void {
    this.#turn.resolve(failure)
    this.#turn = Promise.withResolvers()
  }

  async #wait(): Promise<void> {
    this.looks++
    const failure = await this.#turn.promise
    if (failure !== undefined) throw failure
  }
}

test('a crowd that looks at once for what is not there costs one look', async () => {
  const store = new SlowStore()
  const shared = new SharedAbsences(store)
  const gets = Array.from({ length: 500 }, async () => shared.get(key))
  const stats = Array.from({ length: 10 }, async () => shared.stat(key))
  const outcomes = Promise.allSettled(gets)
  store.answer()
  for (const outcome of await outcomes) {
    expect(outcome).toMatchObject({ status: 'rejected', reason: expect.any(BlobNotFoundError) as unknown })
  }
  expect(await Promise.all(stats)).toEqual(Array.from({ length: 10 }))
  expect(store.looks).toBe(1)
})

test('what is there everyone reads', async () => {
  const store = new SlowStore()
  await store.put(key, Buffer.from('pack'))
  const shared = new SharedAbsences(store)
  const bodies = [shared.get(key), shared.get(key), shared.stat(key)]
  store.answer()
  await expect.poll(() => store.looks).toBe(3)
  store.answer()
  expect((await Promise.all(bodies)).every((found) => found !== undefined)).toBe(true)
  expect(store.looks).toBe(3)
})

test('an absence is forgotten with the look that found it', async () => {
  const store = new MemoryStore()
  const shared = new SharedAbsences(store)
  await expect(shared.get(key)).rejects.toThrow(BlobNotFoundError)
  await store.put(key, Buffer.from('pack'))
  expect((await shared.get(key)).info.bytes).toBe(4)
})

test('a look that failed tells nobody else anything', async () => {
  const store = new SlowStore()
  const shared = new SharedAbsences(store)
  const [first, second] = [shared.get(key), shared.get(key)]
  const settled = Promise.allSettled([first, second])
  store.answer(new StoreUnavailableError('memory:', key, 'is gone', { transient: true }))
  await expect(first).rejects.toThrow(StoreUnavailableError)
  await expect.poll(() => store.looks).toBe(2)
  store.answer()
  expect((await settled)[1]).toMatchObject({ reason: expect.any(BlobNotFoundError) as unknown })
})
