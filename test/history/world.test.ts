import { expect, test } from 'vitest'
import { BlobExistsError, StoreUnavailableError } from '../../storage/errors.ts'
import { noFaults, usualFaults, type Chances } from './faults.ts'
import { ModelStore } from './model-store.ts'
import type { SimulatedProcess } from './simulated-process.ts'
import { StoreModel } from './store-model.ts'
import { World } from './world.ts'

const minute = 60_000
const maxRequestMs = 10 * minute

interface Stage {
  readonly world: World
  readonly model: StoreModel
  readonly written: { readonly key: string; readonly at: number }[]
}

function stage(seed: number, chances: Partial<Chances> = {}): Stage {
  const world = new World({
    seed,
    chances: { ...noFaults, ...chances },
    maxRequestMs,
    maxClockErrorMs: 60 * minute,
  })
  const written: { key: string; at: number }[] = []
  const model = new StoreModel(
    'store',
    () => world.now,
    ({ key }) => written.push({ key, at: world.now }),
  )
  return { world, model, written }
}

function open({ model }: Stage, process: SimulatedProcess): ModelStore {
  return new ModelStore(model, process, { pageKeys: 2 })
}

async function writeSome(store: ModelStore, process: SimulatedProcess, rounds = 20): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    await store.put(`${process.name}/${round}`, Buffer.from('x')).catch(() => undefined)
    await process.sleep(1000)
  }
}

test('the same seed gives the same history, another seed another one', async () => {
  const digestOf = async (seed: number): Promise<number> => {
    const all = stage(seed, usualFaults)
    for (const name of ['a', 'b', 'c']) {
      all.world.spawn(name, async (process) => writeSome(open(all, process), process), 1)
    }
    await all.world.run()
    return all.world.digest
  }
  const digests = await Promise.all([1, 2, 3].map(digestOf))
  expect(await Promise.all([1, 2, 3].map(digestOf))).toEqual(digests)
  expect(new Set(digests).size).toBe(3)
})

test('of two that create the same key one is told that it exists, whoever comes first', async () => {
  const winners = new Set<string>()
  for (let seed = 0; seed < 20; seed++) {
    const all = stage(seed)
    const told: string[] = []
    for (const name of ['a', 'b']) {
      all.world.spawn(name, async (process) => {
        await open(all, process)
          .create('key', Buffer.from(name))
          .then(
            () => winners.add(name),
            (error: unknown) => told.push((error as Error).name),
          )
      })
    }
    await all.world.run()
    expect(told).toEqual([BlobExistsError.name])
  }
  expect(winners).toEqual(new Set(['a', 'b']))
})

test('a request whose caller gave up takes effect within its time, or never', async () => {
  let [late, lost] = [0, 0]
  for (let seed = 0; seed < 60; seed++) {
    const all = stage(seed, { abandoned: 10_000 })
    let sentAt = 0
    all.world.spawn('a', async (process) => {
      sentAt = all.world.now
      const put = open(all, process).put('key', Buffer.from('x'))
      await expect(put).rejects.toThrow(StoreUnavailableError)
      expect(all.written).toEqual([])
      await process.sleep(60 * minute)
    })
    await all.world.run()
    if (all.written.length === 0) lost++
    for (const { at } of all.written) {
      late++
      expect(at).toBeLessThan(sentAt + maxRequestMs)
    }
  }
  expect(Math.min(late, lost)).toBeGreaterThan(0)
})

test('a request may be carried out once more after its answer, also by a process that has died', async () => {
  let again = 0
  for (let seed = 0; seed < 30; seed++) {
    const all = stage(seed, { repeated: 10_000 })
    all.world.spawn('a', async (process) => {
      const store = open(all, process)
      await store.put('key', Buffer.from('x'))
      await store.delete('key')
    })
    await all.world.run()
    if (all.model.blobs.has('key')) again++
  }
  expect(again).toBeGreaterThan(0)
})

test('a process that died hears nothing more, and is started again as often as it may', async () => {
  const all = stage(7, { crash: 2500 })
  const starts: string[] = []
  all.world.spawn(
    'a',
    async (process) => {
      starts.push(process.name)
      await writeSome(open(all, process), process, 1000)
    },
    4,
  )
  await all.world.run()
  expect(starts).toHaveLength(5)
  expect(all.world.counts.crashes).toBe(5)
})

test('a list is read page by page, each at a moment of its own', async () => {
  const seen = new Set<string>()
  for (let seed = 0; seed < 40; seed++) {
    const all = stage(seed)
    for (const key of ['k/1', 'k/2', 'k/3', 'k/4']) all.model.put(key, Buffer.from('x'))
    all.world.spawn('reader', async (process) => {
      const keys = await Array.fromAsync(open(all, process).list('k/'), ({ key }) => key)
      expect(keys).toEqual([...keys].sort())
      seen.add(keys.join(' '))
    })
    all.world.spawn('remover', async (process) => {
      const { failed } = await open(all, process).deleteMany(['k/1', 'k/4'])
      expect(failed).toEqual([])
    })
    await all.world.run()
  }
  // Both, none, and what was never there at any one moment.
  expect(seen).toContain('k/1 k/2 k/3 k/4')
  expect(seen).toContain('k/2 k/3')
  expect(seen).toContain('k/1 k/2 k/3')
})

test('nothing is deleted once the caller says that it is too late', async () => {
  const all = stage(1)
  for (const key of ['1', '2', '3', '4']) all.model.put(key, Buffer.from('x'))
  all.world.spawn('a', async (process) => {
    let requests = 0
    const mayStillSend = (): boolean => requests++ === 0
    const { failed, isSettled } = await open(all, process).deleteMany(['1', '2', '3', '4'], { mayStillSend })
    expect(failed.map(({ key }) => key)).toEqual(['3', '4'])
    expect(isSettled).toBe(true)
  })
  await all.world.run()
  expect([...all.model.blobs.keys()]).toEqual(['3', '4'])
})

test('a world in which somebody waits for nothing says so', async () => {
  const { world } = stage(1)
  world.spawn('a', async () => new Promise(() => undefined))
  await expect(world.run()).rejects.toThrow('wait for nothing: a')
})
