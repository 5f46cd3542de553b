import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { BoundedTasks } from '../src/bounded-tasks.ts'

/** A task that ends when it is told to. */
class Task {
  readonly #ends = Promise.withResolvers<void>()
  started = false

  readonly run = async (): Promise<void> => {
    this.started = true
    await this.#ends.promise
  }

  end(): void {
    this.#ends.resolve()
  }

  fail(error: Error): void {
    this.#ends.reject(error)
  }
}

async function aMoment(): Promise<void> {
  for (let i = 0; i < 5; i++) await setImmediate()
}

test('starts as many as the limit says, and the next when one has ended', async () => {
  const bounded = new BoundedTasks(2)
  const tasks = Array.from({ length: 5 }, () => new Task())
  const starting = tasks.map(async (task) => bounded.start(task.run))
  const started = (): number => tasks.filter((task) => task.started).length
  await aMoment()
  expect(started()).toBe(2)
  tasks[1]?.end()
  await aMoment()
  expect(started()).toBe(3)
  for (const task of tasks) task.end()
  await bounded.finish()
  expect(started()).toBe(5)
  await Promise.all(starting)
})

test('remembers the first failure, starts nothing after it, and lets the others end', async () => {
  const bounded = new BoundedTasks(2)
  const [failing, running, late] = [new Task(), new Task(), new Task()]
  await bounded.start(failing.run)
  await bounded.start(running.run)
  const waiting = bounded.start(late.run)
  const failure = new Error('the first')
  failing.fail(failure)
  await expect(waiting).rejects.toBe(failure)
  await expect(bounded.start(late.run)).rejects.toBe(failure)
  let finished = false
  const finishing = bounded.finish().finally(() => (finished = true))
  const settled = expect(finishing).rejects.toBe(failure)
  await aMoment()
  expect(finished).toBe(false)
  running.fail(new Error('the second'))
  await settled
  expect(late.started).toBe(false)
  await bounded.settle()
})

test('a failure that is not an error is passed on as it came', async () => {
  const bounded = new BoundedTasks(1)
  const odd: unknown = 'a string'
  await bounded.start(async () => {
    // oxlint-disable-next-line typescript/only-throw-error -- what a library may do
    throw odd
  })
  await expect(bounded.finish()).rejects.toBe('a string')
})

test('nothing to do is done', async () => {
  await new BoundedTasks(1).finish()
  await new BoundedTasks(1).settle()
})
