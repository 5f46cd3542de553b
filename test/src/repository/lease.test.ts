import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { endLeases, takeLease } from '../../../src/repository/lease.ts'
import { MemoryStore } from '../../../storage/memory-store.ts'
import { bytesIn, keysIn } from '../../support/publisher.ts'

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

const now = new Date('2026-01-02T03:04:05Z')

test('a lease is seen until a release as late as it is visible', async () => {
  const store = new MemoryStore()
  await using third = await takeLease(store, 3, now)
  await using twelfth = await takeLease(store, 12, now)
  expect([third.othersFound, twelfth.othersFound]).toEqual([false, true])
  await endLeases(store, 3)
  expect(await keysIn(store)).toEqual([twelfth.key])
  await endLeases(store, 12)
  expect(await keysIn(store)).toEqual([])
})

test('two attempts to publish one version have a lease each, with bodies that differ', async () => {
  const store = new MemoryStore()
  await using one = await takeLease(store, 3, now)
  await using other = await takeLease(store, 3, now)
  expect(await bytesIn(store, one.key)).not.toEqual(await bytesIn(store, other.key))
  await one.end()
  expect(await keysIn(store)).toEqual([other.key])
})

test('programs from before, which look for the version at the end of the name, end the right leases', async () => {
  const store = new MemoryStore()
  for (let index = 0; index < 50; index++) {
    await using lease = await takeLease(store, 7, now)
    expect(Number(/(\d+)\.json$/.exec(lease.key)?.[1])).toBe(7)
  }
})

test('a lease is renewed every minute, and says when it began by the clock of the store', async () => {
  const begun = Date.parse('2031-01-01T00:00:00Z')
  let storeTime = begun
  const store = new MemoryStore({ now: () => new Date(storeTime) })
  await using lease = await takeLease(store, 3, now)
  storeTime += 60_000
  await vi.advanceTimersByTimeAsync(60_000)
  expect((await store.stat(lease.key))?.modified.getTime()).toBe(storeTime)
  expect(JSON.parse((await bytesIn(store, lease.key)).toString())).toMatchObject({
    started: now.toISOString(),
    since: new Date(begun).toISOString(),
    version: 3,
  })
})

test('a lease that was ended is not brought back', async () => {
  const store = new MemoryStore()
  const lease = await takeLease(store, 3, now)
  await lease.end()
  await vi.advanceTimersByTimeAsync(600_000)
  expect(await keysIn(store)).toEqual([])
})
