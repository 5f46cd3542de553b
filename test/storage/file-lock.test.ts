import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { FileLocks, LockTimeoutError } from '../../storage/file-lock.ts'

let directory: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vend-locks-'))
})
afterEach(async () => {
  await rm(directory, { recursive: true })
})

test('works under one name run one after another, in order, also of two owners', async () => {
  const [ours, theirs] = [new FileLocks(directory), new FileLocks(directory)]
  let running = 0
  const order: number[] = []
  const work = (index: number) => async () => {
    running += 1
    expect(running).toBe(1)
    await sleep(1)
    order.push(index)
    running -= 1
  }
  const indices = Array.from({ length: 20 }, (_, index) => index)
  await Promise.all(indices.map(async (index) => (index < 10 ? ours : theirs).withLock('a', work(index))))
  expect(order.filter((index) => index < 10)).toEqual(indices.slice(0, 10))
  expect(order).toHaveLength(20)
})

test('works under two names run together', async () => {
  const locks = new FileLocks(directory)
  const both = Promise.withResolvers<void>()
  await locks.withLock('a', async () => {
    await locks.withLock('b', async () => both.resolve())
    await both.promise
  })
})

test('a failed work frees the lock', async () => {
  const locks = new FileLocks(directory)
  const failed = locks.withLock('a', async () => Promise.reject(new Error('no')))
  await expect(failed).rejects.toThrow('no')
  expect(await locks.withLock('a', async () => 1)).toBe(1)
})

test('waiting ends with the signal, and lets nobody past those before', async () => {
  const locks = new FileLocks(directory)
  const release = Promise.withResolvers<void>()
  const held = locks.withLock('a', async () => release.promise)
  const abort = new AbortController()
  const impatient = locks.withLock('a', async () => 'impatient', abort.signal)
  let reached = false
  const patient = locks.withLock('a', async () => {
    reached = true
  })
  abort.abort(new Error('enough'))
  await expect(impatient).rejects.toThrow('enough')
  await sleep(10)
  expect(reached).toBe(false)
  release.resolve()
  await Promise.all([held, patient])
  expect(reached).toBe(true)
})

test('waiting for another owner ends with the signal or after the longest wait', async () => {
  const release = Promise.withResolvers<void>()
  const held = new FileLocks(directory).withLock('a', async () => release.promise)
  await sleep(5)
  const short = new FileLocks(directory, 30).withLock('a', async () => 1)
  await expect(short).rejects.toThrow(LockTimeoutError)
  const aborted = new FileLocks(directory).withLock('a', async () => 1, AbortSignal.timeout(10))
  await expect(aborted).rejects.toMatchObject({ name: 'TimeoutError' })
  release.resolve()
  await held
})
