import * as fc from 'fast-check'
import { beforeEach, expect, test } from 'vitest'
import { readReleaseReports, type ReleaseReports } from '../../../src/reports/release-reports.ts'
import { ReportCollector } from '../../../src/reports/report-collector.ts'
import { shardDigits, shardKey } from '../../../src/reports/shard-document.ts'
import type { UpdateReport } from '../../../src/reports/update-report.ts'
import type { BlobStore } from '../../../storage/blob-store.ts'
import { MemoryStore } from '../../../storage/memory-store.ts'
import { FaultyStore, seededFaults, type FaultPlan } from '../../support/faulty-store.ts'
import { keysOf } from '../server/published-repository.ts'

const day = 24 * 60
let store: MemoryStore
let minute: number
let wanted: ReadonlySet<number>
let failures: unknown[]

beforeEach(() => {
  store = new MemoryStore()
  minute = 1_000_000
  wanted = new Set([1, 2])
  failures = []
})

/** Stores nothing by itself. */
function collector(behind: BlobStore = store, releasesOf = async () => wanted): ReportCollector {
  return new ReportCollector({
    store: behind,
    flushMs: 2 ** 30,
    releasesOf,
    onFailure: (error) => failures.push(error),
    now: () => new Date(minute * 60_000),
  })
}

function report(machine: number, changes: Partial<UpdateReport> = {}): UpdateReport {
  const id = machine.toString(16).padStart(12, '0').padEnd(32, '0')
  return { channel: 'stable', id, from: 1, to: 2, phase: 'switch', outcome: 'ok', ...changes }
}

const failed = { phase: 'fetch', outcome: 'failed', code: 'X' } as const

/** In the shard of the digit 0. */
function near(machine: number): UpdateReport {
  return report(machine)
}

/** In the shard of any digit, as random ids are. */
function far(machine: number): UpdateReport {
  return report((machine * 2_814_749_767_109) % 2 ** 48)
}

async function hear(collecting: ReportCollector, ...reports: readonly UpdateReport[]): Promise<void> {
  for (const heard of reports) expect(collecting.note(heard)).toBe(true)
  await collecting.flush()
}

async function read(release = 2): Promise<ReleaseReports> {
  return readReleaseReports(store, 'stable', release)
}

async function counted(release?: number): Promise<number> {
  return (await read(release)).outcomes.reduce((sum, { machines }) => sum + machines.length, 0)
}

function faulty(plan: FaultPlan): FaultyStore {
  return new FaultyStore(store, plan)
}

test('makes no more objects of a channel than there are digits, however many reports, processes and releases', async () => {
  wanted = new Set(Array.from({ length: 40 }, (_, i) => i + 1))
  for (let process = 0; process < 3; process++) {
    const collecting = collector()
    // Back and forth among more releases than any that were ever kept in memory at once.
    for (let round = 0; round < 4; round++) {
      const reports = Array.from({ length: 200 }, (_, i) => ({ ...far(round * 200 + i), to: (i % 40) + 1 }))
      await hear(collecting, ...reports)
    }
    await collecting.close()
  }
  const expected = shardDigits.map((digit) => shardKey('stable', digit))
  expect(await keysOf(store, 'private/reports/')).toEqual(expected)
  expect(await counted(7)).toBe(20)
  expect(failures).toEqual([])
})

test('keeps so many machines of a release and no more, and those that are known still count', async () => {
  const collecting = collector()
  const most = 16_384
  await hear(collecting, ...Array.from({ length: most }, (_, i) => near(i)))
  await hear(collecting, near(most), near(most + 1), { ...near(0), phase: 'boot' })
  const { outcomes, beyond } = await read()
  expect(outcomes.map(({ phase, machines }) => [phase, machines.length])).toEqual([
    ['switch', most - 1],
    ['boot', 1],
  ])
  expect(beyond).toBe(2)
})

test('takes no more in than it may hold until something is stored', async () => {
  let isDown = true
  const collecting = collector(faulty({ fault: () => (isDown ? { kind: 'fail-before' } : undefined) }))
  const note = (machine: number): boolean => collecting.note(far(machine))
  for (let machine = 0; machine < 100_000; machine++) expect(note(machine)).toBe(true)
  await collecting.flush()
  expect(failures).toHaveLength(1)
  expect(note(100_000)).toBe(false)
  isDown = false
  await collecting.flush()
  expect(note(100_000)).toBe(true)
  await collecting.flush()
  expect(await counted()).toBe(100_001)
})

test('writes nothing when it hears what is stored already', async () => {
  await hear(collector(), near(1), near(2))
  const again = faulty({})
  await hear(collector(again), near(2), near(1))
  expect(again.calls).toBe(1)
})

const frontEnds = fc.array(fc.array(fc.nat(30), { maxLength: 12 }), { minLength: 2, maxLength: 4 })

test('any number of processes that store at once lose nothing of one another', async () => {
  await fc.assert(
    fc.asyncProperty(frontEnds, fc.nat(), async (heard, seed) => {
      store = new MemoryStore()
      failures = []
      const all = heard.map((machines, i) => {
        const faults = seededFaults(seed + i, { failBefore: 0.1, loseAnswer: 0.1, breakOff: 0.1 })
        // Away from its turn now and then, so that each calls in the midst of what another does.
        const turns = seededFaults(seed - i, { failBefore: 0.3 })
        const fault: FaultPlan['fault'] = (call) =>
          faults(call) ?? (turns(call) === undefined ? undefined : { kind: 'delay', ms: 0 })
        return { collecting: collector(faulty({ fault })), machines }
      })
      await Promise.all(
        all.map(async ({ collecting, machines }) => {
          for (const machine of machines) {
            collecting.note(near(machine))
            await collecting.flush()
          }
          // Until a flush has failed at nothing.
          for (let before = -1; before !== failures.length;) {
            before = failures.length
            await collecting.flush()
          }
        }),
      )
      expect(await counted()).toBe(new Set(heard.flat()).size)
    }),
    { numRuns: 60 },
  )
})

test('what a process that ends at any call has not stored is all that is lost', async () => {
  const before = [near(1), { ...near(2), ...failed }, { ...near(3), to: 1 }]
  let calls = 0
  for (let last = 0; last <= calls; last++) {
    for (const kind of ['fail-before', 'lose-answer'] as const) {
      store = new MemoryStore()
      await hear(collector(), ...before)
      failures = []
      const dying = faulty({ fault: ({ index }) => (index >= last ? { kind } : undefined) })
      await hear(collector(dying), near(2), near(4), near(5))
      const isStored = failures.length === 0
      calls = Math.max(calls, dying.calls)
      const { outcomes } = await read()
      expect(outcomes.some(({ machines }) => machines.includes(1))).toBe(true)
      expect(await counted(1)).toBe(1)
      if (isStored) expect(await counted()).toBe(4)
      // Those machines speak again, to another process.
      await hear(collector(), near(2), near(4), near(5))
      expect((await read()).outcomes.map(({ machines }) => machines)).toEqual([[1, 2, 4, 5]])
    }
  }
  expect(calls).toBe(2)
})

test('what could not be stored is put together with what is heard meanwhile', async () => {
  let isDown = true
  const collecting = collector(faulty({ fault: () => (isDown ? { kind: 'fail-before' } : undefined) }))
  await hear(collecting, { ...near(1), ...failed }, near(2))
  isDown = false
  await hear(collecting, near(1), near(3))
  expect((await read()).outcomes).toMatchObject([{ outcome: 'ok', machines: [1, 2, 3] }])
  expect(failures).toHaveLength(1)
})

test('damaged counts are told of, and hold up no others', async () => {
  await store.put(shardKey('stable', '0'), Buffer.from('{}'))
  const collecting = collector()
  await hear(collecting, near(1), report(2 ** 47))
  expect(failures).toMatchObject([{ code: 'REPOSITORY_CORRUPT' }])
  await store.delete(shardKey('stable', '0'))
  await collecting.flush()
  expect(await counted()).toBe(2)
})

test('gives up on a store that says of each of its own writes that it was another’s', async () => {
  await hear(collector(), near(1))
  const busy = faulty({})
  busy.get = async (key) => {
    const body = await store.get(key)
    return { ...body, info: { ...body.info, etag: 'of before' } }
  }
  await hear(collector(busy), near(2))
  expect(failures).toMatchObject([{ code: 'BLOB_CHANGED' }])
  expect(busy.calls).toBe(32)
})

test('lets go of a release a day after machines that are not sent there any more spoke of it last', async () => {
  await hear(collector(), { ...near(1), to: 1 }, near(2))
  wanted = new Set([2, 3])
  minute += day - 1
  await hear(collector(), { ...near(3), to: 3 })
  expect(await counted(1)).toBe(1)
  minute += 1
  await hear(collector(), { ...near(4), to: 3 })
  expect(await counted(1)).toBe(0)
  // However long ago that was, of what machines are still sent to.
  expect([await counted(2), await counted(3)]).toEqual([1, 2])
})

test('lets go of nothing while it cannot know where machines are sent', async () => {
  await hear(collector(), { ...near(1), to: 1 })
  minute += 10 * day
  const blind = collector(store, async () => Promise.reject(new Error('no repository')))
  await hear(blind, near(2))
  expect([await counted(1), await counted(2)]).toEqual([1, 1])
})

test('a front end that is behind lets go of nothing that others hear of again', async () => {
  await hear(collector(), { ...near(1), to: 1 })
  minute += 10 * day
  const behind = collector(store, async () => new Set([2]))
  // Back at release 1: the machine says nothing that was not stored already.
  await hear(collector(), { ...near(1), to: 1 })
  await hear(behind, near(2))
  expect(await counted(1)).toBe(1)
  // Also where that is stored between what the other reads and what it writes.
  minute += 10 * day
  let isFirst = true
  const late = faulty({
    onWrite: async () => {
      if (isFirst) await hear(collector(), { ...near(1), to: 1 })
      isFirst = false
    },
  })
  await hear(
    collector(late, async () => new Set([2])),
    near(3),
  )
  expect([await counted(1), await counted(2)]).toEqual([1, 2])
})
