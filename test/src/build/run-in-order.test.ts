import { expect, test } from 'vitest'
import { runInOrder } from '../../../src/build/run-in-order.ts'

const tasks = [
  { name: 'a', needs: [] },
  { name: 'b', needs: ['a'] },
  { name: 'c', needs: [] },
  { name: 'd', needs: ['b', 'c'] },
]

test.each([1, 2, 9])('runs each task after those it needs, %i at once', async (limit) => {
  const done: string[] = []
  let running = 0
  let most = 0
  await runInOrder(tasks, limit, async ({ name, needs }) => {
    most = Math.max(most, ++running)
    expect(needs.filter((need) => !done.includes(need))).toEqual([])
    await new Promise(setImmediate)
    done.push(name)
    running--
  })
  expect(done.toSorted()).toEqual(['a', 'b', 'c', 'd'])
  expect(most).toBe(Math.min(limit, 2))
})

test('starts nothing after a failure, and lets what runs end', async () => {
  const done: string[] = []
  const run = async ({ name }: { readonly name: string }): Promise<void> => {
    if (name === 'a') throw new Error('a failed')
    await new Promise(setImmediate)
    done.push(name)
  }
  await expect(runInOrder(tasks, 2, run)).rejects.toThrow('a failed')
  expect(done).toEqual(['c'])
})
