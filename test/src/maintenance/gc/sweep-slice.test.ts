import { afterEach, beforeEach, expect, test } from 'vitest'
import { sweepSlice, type SweptSlice } from '../../../../src/maintenance/gc/sweep-slice.ts'
import { fencesOf } from '../../../../src/repository/fence.ts'
import { sweepPrefix } from '../../../../src/repository/layout.ts'
import { readSweeps, sweepSendMs } from '../../../../src/repository/sweeps.ts'
import type { BlobStore } from '../../../../storage/blob-store.ts'
import { RetryingStore } from '../../../../storage/retrying-store.ts'
import { FaultyStore } from '../../../support/faulty-store.ts'
import { LoggedRepository } from '../../../support/logged-repository.ts'
import { keysIn } from '../../../support/publisher.ts'

let repository: LoggedRepository
let time = 0
const keys = Array.from({ length: 2500 }, (_, index) => `chunks/${String(index).padStart(4, '0')}`)

beforeEach(async () => {
  repository = await LoggedRepository.create()
  for (const key of keys) await repository.store.put(key, Buffer.from(key))
})
afterEach(() => repository[Symbol.dispose]())

/** What happens right before a write of that kind below that prefix. */
function storeWith(operation: string, prefix: string, act: (nth: number) => void | Promise<void>): BlobStore {
  let count = 0
  return new FaultyStore(repository.store, {
    onWrite: async (write) => {
      const isIt = write.operation === operation && write.key.startsWith(prefix) && write.moment === 'before'
      if (isIt) await act(++count)
    },
  })
}

async function sweep(store: BlobStore = repository.store): Promise<SweptSlice> {
  return sweepSlice(keys, {
    store,
    clock: () => time,
    loadState: () => repository.state(),
    stillGarbage: (some) => Promise.resolve(some),
  })
}

async function left(): Promise<number> {
  return (await keysIn(repository.store, 'chunks/')).length
}

test('all of it goes, and it stays known what went: a delete may come twice', async () => {
  expect(await sweep()).toEqual({ swept: keys, failed: [], tries: 1 })
  expect(await left()).toBe(0)
  const [document] = await readSweeps(repository.store)
  expect(keys.every((key) => document?.has(key))).toBe(true)
})

test('nothing is sent after the time that others count on, not even once more, and what was not is told', async () => {
  let tries = 0
  const slow = new FaultyStore(repository.store, {
    fault: ({ operation }) => {
      if (operation !== 'deleteMany') return undefined
      // This process stands still, and then its first try has failed.
      time += sweepSendMs
      return ++tries === 1 ? { kind: 'fail-before' } : undefined
    },
  })
  const { failed } = await sweep(new RetryingStore(slow, { sleep: async () => undefined }))
  expect([tries, failed.length, await left()]).toEqual([2, 2500, 2500])
  expect(failed[0]?.error.message).toMatch(/too late/)
})

test('it is announced anew, under another name, when it took long to find out what is needed', async () => {
  const documents = new Set<string>()
  const store = new FaultyStore(repository.store, {
    onWrite: ({ operation, key }) => {
      if (operation === 'put') documents.add(key)
    },
  })
  let isFirst = true
  const slice = await sweepSlice(keys, {
    store,
    clock: () => time,
    loadState: async () => {
      if (isFirst) time += sweepSendMs
      isFirst = false
      return repository.state()
    },
    stillGarbage: (some) => Promise.resolve(some),
  })
  expect([slice.tries, documents.size, await left()]).toEqual([2, 2, 0])
  expect(await keysIn(repository.store, sweepPrefix)).toEqual([[...documents][1]])
  expect(fencesOf((await repository.state()).timestamp.bytes)).toBe(1)
})

test('a fence that is lost is tried again on the state that won', async () => {
  const store = storeWith('replace', 'tuf/', async (nth) => (nth <= 2 ? repository.commit([nth]) : undefined))
  expect((await sweep(store)).tries).toBe(3)
  expect(await left()).toBe(0)
})
