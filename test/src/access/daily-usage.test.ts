import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { DailyUsage } from '../../../src/access/daily-usage.ts'
import { usageKey } from '../../../src/access/usage-document.ts'
import { MemoryStore } from '../../../storage/memory-store.ts'
import { FaultyStore } from '../../support/faulty-store.ts'
import { bytesOf } from '../server/published-repository.ts'

const subject = 'token:a'
const midnight = Date.parse('2026-05-02T00:00:00Z')

let memory: MemoryStore
let clock: number
let failures: unknown[]
let opened: DailyUsage[]

beforeEach(() => {
  memory = new MemoryStore()
  clock = midnight - 3_600_000
  failures = []
  opened = []
})

afterEach(async () => {
  for (const usage of opened) await usage.close()
})

function open(store: MemoryStore | FaultyStore = memory, skew = 0): DailyUsage {
  const usage = new DailyUsage({
    store,
    now: () => clock,
    clock: () => new Date(clock + skew),
    flushMs: 15_000,
    onFailure: (error) => failures.push(error),
  })
  opened.push(usage)
  return usage
}

async function spend(usage: DailyUsage, bytes: number, perDay = 100): Promise<boolean> {
  await usage.prepare(subject)
  return usage.spend(subject, bytes, perDay)
}

describe('the bytes of a day', () => {
  test('are as many as may be, to the last one', async () => {
    const usage = open()
    expect(await spend(usage, 60)).toBe(true)
    expect(await spend(usage, 41)).toBe(false)
    expect(await spend(usage, 40)).toBe(true)
    expect(await spend(usage, 1)).toBe(false)
    expect(usage.secondsLeft).toBe(3600)
  })

  test('are others the next day', async () => {
    const usage = open()
    expect(await spend(usage, 100)).toBe(true)
    await usage.flush()
    clock = midnight
    expect(await spend(usage, 100)).toBe(true)
    expect(await spend(usage, 1)).toBe(false)
    await usage.flush()
    expect(JSON.parse((await bytesOf(memory, usageKey(subject))).toString())).toMatchObject({
      day: '2026-05-02',
      subject,
    })
  })

  test('are those of all processes, as of the last time that they were stored', async () => {
    const [one, other] = [open(), open()]
    expect(await spend(one, 60)).toBe(true)
    expect(await spend(other, 60)).toBe(true)
    await Promise.all([one.flush(), other.flush()])
    clock += 15_000
    expect(await spend(one, 1)).toBe(false)
    expect(await spend(other, 1)).toBe(false)
  })

  test('are remembered by a process that begins anew', async () => {
    const one = open()
    await spend(one, 90)
    await one.close()
    const other = open()
    expect(await spend(other, 11)).toBe(false)
    expect(await spend(other, 10)).toBe(true)
  })

  test('are remembered by a process that had forgotten them for a while', async () => {
    const usage = open()
    await spend(usage, 90)
    await usage.flush()
    clock += 600_000
    await usage.flush()
    expect(await spend(usage, 11)).toBe(false)
    expect(await spend(usage, 10)).toBe(true)
    await usage.flush()
    expect(await spend(open(), 1)).toBe(false)
  })

  test('are counted once, however often they are stored', async () => {
    const lossy = new FaultyStore(memory, {
      fault: ({ operation }) => (operation === 'create' ? { kind: 'lose-answer' } : undefined),
    })
    const usage = open(lossy)
    await spend(usage, 50)
    await usage.flush()
    expect(failures).toHaveLength(1)
    await usage.flush()
    expect(await spend(open(), 51)).toBe(false)
    expect(await spend(open(), 50)).toBe(true)
  })

  test('are stored when there are more of them, and else only read', async () => {
    let writes = 0
    const counting = new FaultyStore(memory, {
      onWrite: ({ moment }) => void (moment === 'after' && writes++),
    })
    const usage = open(counting)
    await usage.prepare(subject)
    expect(writes).toBe(0)
    await spend(usage, 10)
    for (let i = 0; i < 3; i++) {
      await usage.flush()
      clock += 15_000
      await usage.prepare(subject)
    }
    expect(writes).toBe(1)
  })

  test('are kept while the store is down', async () => {
    let isDown = false
    const store = new FaultyStore(memory, {
      fault: () => (isDown ? { kind: 'fail-before' } : undefined),
    })
    const usage = open(store)
    await spend(usage, 60)
    isDown = true
    await usage.flush()
    expect(failures).toHaveLength(1)
    expect(usage.spend(subject, 40, 100)).toBe(true)
    isDown = false
    await usage.flush()
    expect(await spend(open(), 1)).toBe(false)
  })

  test('are not known where the store does not answer, and then nobody is let in', async () => {
    const store = new FaultyStore(memory, { fault: () => ({ kind: 'fail-before' }) })
    await expect(open(store).prepare(subject)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  })

  test('of many processes that store at once are all counted', async () => {
    const all = Array.from({ length: 8 }, () => open())
    for (const usage of all) await spend(usage, 10)
    await Promise.all(all.map(async (usage) => usage.flush()))
    expect(failures).toEqual([])
    const late = open()
    expect(await spend(late, 21)).toBe(false)
    expect(await spend(late, 20)).toBe(true)
  })

  test('begin anew for all when they do for the first, and no clock that is years ahead ends them', async () => {
    const ahead = open(memory, 3_600_000)
    await spend(open(), 1)
    await spend(ahead, 70)
    await ahead.flush()
    const behind = open()
    expect(await spend(behind, 31)).toBe(false)
    expect(await spend(behind, 30)).toBe(true)
    const wrong = open(memory, 400 * 86_400_000)
    await spend(wrong, 100)
    await wrong.flush()
    expect(await spend(open(), 100)).toBe(true)
  })
})
