import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { fence, fencesOf, isSameCommit, maxFences, withoutFences } from '../../../src/repository/fence.ts'
import { timestampKey } from '../../../src/repository/layout.ts'
import { refreshExpiry } from '../../../src/repository/refresh.ts'
import { FaultyStore } from '../../support/faulty-store.ts'
import { LoggedRepository } from '../../support/logged-repository.ts'
import { bytesIn } from '../../support/publisher.ts'

let repository: LoggedRepository
beforeEach(async () => {
  repository = await LoggedRepository.create()
  await repository.commit([1], 'one')
})
afterEach(() => repository[Symbol.dispose]())

/** Somebody fences, or does whatever else, right before the timestamp is replaced for the `nth` time. */
function storeWith(act: (nth: number) => Promise<void>): FaultyStore {
  let replaces = 0
  return new FaultyStore(repository.store, {
    onWrite: async ({ operation, key, moment }) => {
      if (operation === 'replace' && key === timestampKey && moment === 'before') await act(++replaces)
    },
  })
}

async function fenceNow(): Promise<void> {
  expect(await fence(repository.store, await repository.state())).toBeDefined()
}

describe('a fence', () => {
  test('changes the etag, and nothing that is signed', async () => {
    const before = await repository.state()
    await fenceNow()
    const after = await repository.state()
    expect(after.timestampEtag).not.toBe(before.timestampEtag)
    expect({ ...after, timestamp: 0, timestampEtag: 0 }).toEqual({
      ...before,
      timestamp: 0,
      timestampEtag: 0,
    })
    expect(withoutFences(after.timestamp.bytes)).toEqual(withoutFences(before.timestamp.bytes))
    expect(isSameCommit(after.timestamp.bytes, before.timestamp.bytes)).toBe(true)
    expect([fencesOf(before.timestamp.bytes), fencesOf(after.timestamp.bytes)]).toEqual([0, 1])
  })

  test('never gives an etag twice', async () => {
    const etags = new Set<string>()
    for (let round = 0; round < 5; round++) {
      await fenceNow()
      etags.add((await repository.state()).timestampEtag)
      await refreshExpiry(repository.context())
      etags.add((await repository.state()).timestampEtag)
    }
    expect(etags.size).toBe(10)
  })

  test('is lost to whoever was first', async () => {
    const state = await repository.state()
    await repository.commit([2])
    expect(await fence(repository.store, state)).toBeUndefined()
  })

  test('is refused where there were too many since the last commit, which begins anew', async () => {
    const state = await repository.state()
    const bytes = Buffer.concat([state.timestamp.bytes, Buffer.alloc(maxFences - 1, '\n')])
    await repository.store.replace(timestampKey, bytes, state.timestampEtag)
    await fenceNow()
    await expect(fenceNow()).rejects.toMatchObject({ code: 'FENCES_USED_UP' })
    await refreshExpiry(repository.context())
    await fenceNow()
  })
})

describe('a commit that is fenced off', () => {
  test.each([1, 2, 5])('goes on, also when that happens %i times', async (times) => {
    const store = storeWith(async (nth) => (nth <= times ? fenceNow() : undefined))
    await repository.commit([2], 'two', { store })
    const state = await repository.state()
    expect(Object.keys(state.releases.metadata.signed.targets)).toEqual([
      'releases/1.json',
      'releases/2.json',
    ])
    expect(fencesOf(state.timestamp.bytes)).toBe(0)
    expect((await repository.audit()).findings).toEqual([])
  })

  test('asks each time whether all is still there, before it tries again', async () => {
    const events: string[] = []
    const store = storeWith(async (nth) => {
      events.push('replace')
      if (nth <= 2) await fenceNow()
    })
    const revalidate = (): Promise<void> => {
      events.push('revalidate')
      return Promise.resolve()
    }
    await repository.commit([2], undefined, { store, change: { revalidate } })
    expect(events).toEqual(['replace', 'revalidate', 'replace', 'revalidate', 'replace'])
  })

  test('is not made visible where that fails', async () => {
    const store = storeWith(fenceNow)
    const revalidate = (): Promise<void> => Promise.reject(new Error('gone'))
    await expect(repository.commit([2], undefined, { store, change: { revalidate } })).rejects.toThrow('gone')
    expect(Object.keys((await repository.state()).releases.metadata.signed.targets)).toEqual([
      'releases/1.json',
    ])
  })

  test('goes on where it is a refresh', async () => {
    const store = storeWith(async (nth) => (nth === 1 ? fenceNow() : undefined))
    const { state } = await refreshExpiry({ ...repository.context(), store })
    expect(fencesOf(state.timestamp.bytes)).toBe(0)
  })
})

describe('a conflict', () => {
  test('with a fence and a commit is one', async () => {
    const store = storeWith(async (nth) => {
      if (nth > 1) return
      await fenceNow()
      await repository.commit([3])
    })
    await expect(repository.commit([2], undefined, { store })).rejects.toMatchObject({
      code: 'PUBLISH_CONFLICT',
      message: expect.stringContaining('nothing of this publish is visible') as string,
    })
  })

  test('with a twin that made the same documents visible is none', async () => {
    const store = storeWith(async (nth) => (nth === 1 ? repository.commit([2], 'two') : undefined))
    await repository.commit([2], 'two', { store })
    expect((await repository.audit()).findings).toEqual([])
  })

  test('with one that made a part of them visible says which', async () => {
    const store = storeWith(async (nth) => (nth === 1 ? repository.commit([3, 2], 'two') : undefined))
    await expect(repository.commit([2, 4], 'two', { store })).rejects.toMatchObject({
      code: 'PUBLISH_CONFLICT',
      message: expect.stringMatching(
        /releases\/2\.json and channels\/stable\.json of this publish is visible/,
      ) as string,
    })
  })

  test('of two refreshes is none: both have signed anew', async () => {
    const store = storeWith(async (nth) => {
      if (nth === 1) await refreshExpiry(repository.context())
    })
    await refreshExpiry({ ...repository.context(), store })
  })

  test('of a refresh with who signed something else anew is one', async () => {
    const store = storeWith(async (nth) => {
      if (nth === 1) await repository.commit([7])
    })
    const all = refreshExpiry({ ...repository.context(), store }, { all: true })
    await expect(all).rejects.toMatchObject({ code: 'PUBLISH_CONFLICT' })
  })

  test('with others who built on this very commit, whose answer was lost, is none', async () => {
    let tries = 0
    const store = new FaultyStore(repository.store, {
      onWrite: async ({ operation, key, moment }) => {
        if (operation !== 'replace' || key !== timestampKey || moment === 'before') return
        await repository.commit([3], 'moved on')
        const retired = new Set(['releases/2.json'])
        await repository.commit([], undefined, { change: { retired } })
      },
    })
    const replace = store.replace.bind(store)
    store.replace = async (...call) => {
      const info = await replace(...call)
      return tries++ === 0 ? replace(...call) : info
    }
    await repository.commit([2], 'two', { store })
    expect((await repository.audit()).findings).toEqual([])
  })
})

test('a commit whose answer was lost, and which was fenced then, is none that failed', async () => {
  const store = new FaultyStore(repository.store, {
    onWrite: async ({ operation, key, moment }) => {
      if (operation !== 'replace' || key !== timestampKey || moment === 'before') return
      await fenceNow()
    },
  })
  let tries = 0
  const inner = store.replace.bind(store)
  store.replace = async (...call) => {
    const info = await inner(...call)
    if (tries++ === 0) return inner(...call)
    return info
  }
  await repository.commit([2], 'two', { store })
  expect((await bytesIn(repository.store, timestampKey)).at(-1)).toBe(0x0a)
  expect((await repository.audit()).findings).toEqual([])
})
