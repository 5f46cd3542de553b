import { expect, test } from 'vitest'
import { RateLimit } from '../../../../src/maintenance/mirror/rate-limit.ts'
import { ThrottledReader } from '../../../../src/maintenance/mirror/throttled-reader.ts'
import { MemoryStore } from '../../../../storage/memory-store.ts'

/** A clock that stands still but for those who sleep by it. */
function clockOf(): { now: () => number; sleep: (ms: number) => Promise<void> } {
  let ms = 0
  return {
    now: () => ms,
    sleep: async (asked) => {
      ms += asked
    },
  }
}

test('bytes pass at the rate, whoever asks, after a short burst', async () => {
  const clock = clockOf()
  const limit = new RateLimit(1000, clock)
  for (let i = 0; i < 100; i++) await limit.take(100)
  expect(clock.now()).toBeCloseTo(10_000 - 250, 0)
  await clock.sleep(60_000)
  const before = clock.now()
  await limit.take(1000)
  expect(clock.now() - before).toBeCloseTo(750, 0)
})

test('a store read through it gives the same bytes, slowly', async () => {
  const store = new MemoryStore()
  await store.put('key', Buffer.alloc(300_000, 'x'))
  const clock = clockOf()
  const reader = new ThrottledReader(store, new RateLimit(100_000, clock))
  const { info, stream } = await reader.get('key')
  expect(info.bytes).toBe(300_000)
  expect(Buffer.concat((await stream.toArray()) as Uint8Array[]).equals(Buffer.alloc(300_000, 'x'))).toBe(
    true,
  )
  expect(clock.now()).toBeCloseTo(2750, 0)
})
