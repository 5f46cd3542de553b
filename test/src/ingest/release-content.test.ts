import { afterEach, beforeEach, expect, test } from 'vitest'
import { verifyRepository } from '../../../src/maintenance/verify-repository.ts'
import { fence } from '../../../src/repository/fence.ts'
import { chunkPrefix, sweepPrefix, timestampKey } from '../../../src/repository/layout.ts'
import { setChannel } from '../../../src/repository/set-channel.ts'
import { isDeadSweep, readSweeps, sweepLifeMs, writeSweep } from '../../../src/repository/sweeps.ts'
import { MemoryStore } from '../../../storage/memory-store.ts'
import { FaultyStore } from '../../support/faulty-store.ts'
import { keysIn, Publisher } from '../../support/publisher.ts'
import { noise } from '../../support/tree-recipe.ts'

// A collector of garbage at work beside a publish, at the moments that are worst for it. It holds for garbage what a
// publish that died has left, which is what the next one builds on.

let storeTime = Date.parse('2026-05-01T00:00:00Z')
let publisher: Publisher
let garbage: string[]

beforeEach(async () => {
  publisher = await Publisher.create(new MemoryStore({ now: () => new Date(storeTime) }))
  publisher.tree('base').file('a', 'a').file('large', noise(1, 700_000))
  await publisher.publish(1, ['base'])
  const before = await keysIn(publisher.store)
  publisher.tree('base').file('new', noise(2, 900_000)).file('b', 'b')
  const dying = new FaultyStore(publisher.store, {
    onWrite: ({ operation, moment }) => {
      if (operation === 'create' && moment === 'before') throw new Error('the power is out')
    },
  })
  await expect(publisher.publish(2, ['base'], {}, { store: dying })).rejects.toThrow('the power is out')
  const left = (await keysIn(publisher.store)).filter((key) => !before.includes(key))
  garbage = left.filter((key) => /^(?:chunks|manifests)\//.test(key))
  expect(garbage.length).toBeGreaterThan(4)
})

afterEach(() => publisher[Symbol.dispose]())

async function beginSweep(): Promise<string> {
  const key = await writeSweep(publisher.store, garbage)
  expect(await fence(publisher.store, (await publisher.repository()).state)).toBeDefined()
  return key
}

async function endSweep(key: string): Promise<void> {
  await publisher.store.deleteMany(garbage)
  await publisher.store.delete(key)
}

/** Where `act` is called before each replacement of the timestamp, counted from 1, and each look at a sweep. */
function watched(act: {
  readonly beforeCommit?: (nth: number) => Promise<void>
  readonly onSweepSeen?: (key: string) => Promise<void>
}): FaultyStore {
  let commits = 0
  const store = new FaultyStore(publisher.store, {
    onWrite: async ({ key, operation, moment }) => {
      if (key === timestampKey && operation === 'replace' && moment === 'before')
        await act.beforeCommit?.(++commits)
    },
  })
  const stat = store.stat.bind(store)
  store.stat = async (key, options) => {
    if (key.startsWith(sweepPrefix)) await act.onSweepSeen?.(key)
    return stat(key, options)
  }
  return store
}

async function expectWhole(): Promise<void> {
  const { damages } = await verifyRepository(publisher.store, {
    now: publisher.now,
    trustedRoot: publisher.keys.trustedRoot(),
  })
  expect(damages).toEqual([])
  expect((await publisher.repository()).releaseVersions()).toEqual([1, 2])
}

test('what a sweep is about to remove, from before the state was read, is awaited and stored anew', async () => {
  await beginSweep()
  let looks = 0
  const notes: string[] = []
  const store = watched({ onSweepSeen: async (key) => (++looks === 2 ? endSweep(key) : undefined) })
  await publisher.publish(2, ['base'], {}, { store, onNote: (note) => notes.push(note) })
  expect(looks).toBe(2)
  expect(notes).toEqual([expect.stringContaining('a garbage collection is removing')])
  await expectWhole()
})

test('what a sweep removed behind the back of a publish is stored anew once it is fenced off', async () => {
  const store = watched({
    beforeCommit: async (nth) => (nth === 1 ? endSweep(await beginSweep()) : undefined),
  })
  const { chunksUploaded } = await publisher.publish(2, ['base'], {}, { store })
  expect(chunksUploaded).toBeGreaterThan(1)
  await expectWhole()
})

test('a sweep that is still removing when it fences a publish off is awaited', async () => {
  const store = watched({
    beforeCommit: async (nth) => {
      if (nth === 1) await beginSweep()
    },
    onSweepSeen: endSweep,
  })
  await publisher.publish(2, ['base'], {}, { store })
  for (const { key } of await readSweeps(publisher.store)) await endSweep(key)
  await expectWhole()
})

test('sweep after sweep is outlived', async () => {
  const store = watched({
    beforeCommit: async (nth) => (nth <= 4 ? endSweep(await beginSweep()) : undefined),
  })
  await publisher.publish(2, ['base'], {}, { store })
  await expectWhole()
})

test('more chunks than are asked for one by one are looked for in a list', async () => {
  for (let file = 0; file < 300; file++) publisher.tree('base').file(`many/${file}`, noise(file + 9, 66_000))
  const store = watched({
    beforeCommit: async (nth) => (nth === 1 ? endSweep(await beginSweep()) : undefined),
  })
  await publisher.publish(2, ['base'], {}, { store })
  await expectWhole()
})

test('what other publishes put where a dead sweep was stays: it is not waited for', async () => {
  await beginSweep()
  storeTime += sweepLifeMs + 1
  const store = watched({ onSweepSeen: () => Promise.reject(new Error('was waited for')) })
  await publisher.publish(2, ['base'], {}, { store })
  await expectWhole()
})

test('a sweep whose document cannot be read may be of any key', async () => {
  const key = await beginSweep()
  await publisher.store.put(key, Buffer.from('nothing that says what'))
  const store = watched({ onSweepSeen: endSweep })
  await publisher.publish(2, ['base'], {}, { store })
  for (const left of await readSweeps(publisher.store)) await endSweep(left.key)
  await expectWhole()
})

test('the store is looked at in the only right order: the state, sweeps, what it has', async () => {
  const calls: string[] = []
  const store = new FaultyStore(publisher.store, {
    fault: ({ operation, key }) => void calls.push(`${operation} ${key}`),
  })
  await publisher.publish(2, ['base'], {}, { store })
  const [state, sweeps] = [calls.indexOf(`get ${timestampKey}`), calls.indexOf(`list ${sweepPrefix}`)]
  const content = calls.findIndex((call) => /^(?:list|stat|put|create) (?:chunks|manifests)\//.test(call))
  expect(calls).toContain(`list ${chunkPrefix}`)
  expect([-1, state, sweeps, content].toSorted((a, b) => a - b)).toEqual([-1, state, sweeps, content])
})

test('a tree that changes before it is stored anew is not published half and half', async () => {
  const store = watched({
    beforeCommit: async (nth) => {
      if (nth > 1) return
      await endSweep(await beginSweep())
      publisher.tree('base').file('b', 'changed')
    },
  })
  await expect(publisher.publish(2, ['base'], {}, { store })).rejects.toMatchObject({ code: 'TREE_CHANGED' })
  expect((await publisher.repository()).releaseVersions()).toEqual([1])
})

test('a channel that is moved relies on no chunk, and goes on behind a fence', async () => {
  const store = watched({
    beforeCommit: async (nth) => (nth === 1 ? endSweep(await beginSweep()) : undefined),
  })
  const { keys, now } = publisher
  const moved = await setChannel({ channel: 'beta', version: 1 }, { store, keys, now })
  expect(moved.changed).toBe(true)
})

test('a sweep says what it removes, and is dead when nothing of it can take effect any more', async () => {
  await writeSweep(publisher.store, garbage)
  const [sweep] = await readSweeps(publisher.store)
  if (sweep === undefined) throw new Error('no sweep')
  expect(garbage.every((key) => sweep.has(key))).toBe(true)
  expect([sweep.has(''), sweep.has(timestampKey)]).toEqual([false, false])
  expect(isDeadSweep(sweep, new Date(storeTime + sweepLifeMs))).toBe(false)
  expect(isDeadSweep(sweep, new Date(storeTime + sweepLifeMs + 1))).toBe(true)
  await expect(writeSweep(publisher.store, Array(10_001).fill('k'))).rejects.toThrow(RangeError)
})
