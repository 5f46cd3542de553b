import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { mapInOrder } from '../src/map-in-order.ts'

class Work {
  running = 0
  most = 0
  readonly started: number[] = []

  async do(item: number): Promise<number> {
    this.started.push(item)
    this.most = Math.max(this.most, ++this.running)
    await sleep((Math.abs(item) * 7919) % 5)
    this.running--
    if (item < 0) throw new Error(`failed on ${item}`)
    return item * 10
  }
}

async function collect(items: Iterable<number>, limit: number, work: Work): Promise<number[]> {
  const results: number[] = []
  for await (const result of mapInOrder(items, limit, async (item) => work.do(item))) results.push(result)
  return results
}

test('keeps the order, and starts no more than the limit', async () => {
  const items = Array.from({ length: 50 }, (_, i) => i)
  const work = new Work()
  expect(await collect(items, 4, work)).toEqual(items.map((item) => item * 10))
  expect(work.most).toBe(4)
  expect(work.started).toEqual(items)
})

test('takes fewer items than the limit, and none', async () => {
  expect(await collect([3, 1], 8, new Work())).toEqual([30, 10])
  expect(await collect([], 8, new Work())).toEqual([])
})

test('takes items only when there is room for them', async () => {
  let taken = 0
  function* endless(): Generator<number> {
    for (;;) yield taken++
  }
  for await (const result of mapInOrder(endless(), 3, async (item) => Promise.resolve(item))) {
    expect(taken - result).toBeLessThanOrEqual(4)
    if (result === 20) break
  }
})

test('a failure comes in its turn, and nothing is started after it', async () => {
  const work = new Work()
  const results: number[] = []
  const run = async (): Promise<void> => {
    for await (const result of mapInOrder([1, 2, -3, 4, 5, 6, 7, 8], 3, async (item) => work.do(item)))
      results.push(result)
  }
  await expect(run()).rejects.toThrow('failed on -3')
  expect(results).toEqual([10, 20])
  expect(work.running).toBe(0)
  expect(work.started).not.toContain(7)
})

test('nothing is left running when the reader stops', async () => {
  const work = new Work()
  for await (const _ of mapInOrder([1, 2, 3, 4, 5, -6], 4, async (item) => work.do(item))) break
  expect(work.running).toBe(0)
})
