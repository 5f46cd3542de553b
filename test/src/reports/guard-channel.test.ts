import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { MemoryStore } from '../../../storage/memory-store.ts'
import { guardChannel, type GuardOutcome, type GuardRequest } from '../../../src/reports/guard-channel.ts'
import { readChannelReports } from '../../../src/reports/channel-reports.ts'
import { shardKey } from '../../../src/reports/shard-document.ts'
import type { MachineOutcome } from '../../../src/reports/update-report.ts'
import { loadState } from '../../../src/repository/repository-state.ts'
import { Repository } from '../../../src/repository/repository.ts'
import { setChannel } from '../../../src/repository/set-channel.ts'
import { KeyRing } from '../../../src/trust/key-ring.ts'
import { hearReports } from '../../support/hear-reports.ts'
import { keysOf, PublishedRepository } from '../server/published-repository.ts'

const store = new MemoryStore()
const now = new Date('2030-01-01T12:00:00Z')
const thisMinute = now.getTime() / 60_000
const ok = { from: 1, phase: 'switch', outcome: 'ok' } as const
const failed = { from: 1, phase: 'fetch', outcome: 'failed', code: 'OBJECT_MISSING' } as const
let published: PublishedRepository

beforeAll(async () => {
  published = await PublishedRepository.create(store)
  for (const version of [1, 2]) await published.publish(version, { base: [['a', String(version)]] })
})

beforeEach(async () => {
  for (const key of await keysOf(store, 'private/reports/')) await store.delete(key)
  await setChannel({ channel: 'stable', halted: false }, { store, keys: published.keys, now: new Date() })
})

afterAll(async () => {
  await published[Symbol.asyncDispose]()
})

/** `machines` numbered from `first` on. */
async function hear(
  outcome: MachineOutcome,
  machines: number,
  { first = 0, minute = thisMinute - 60, release = 2 } = {},
): Promise<void> {
  const numbers = Array.from({ length: machines }, (_, i) => first + i)
  await hearReports(store, { channel: 'stable', release, machines: numbers, outcome, minute })
}

async function guard(changes: Partial<GuardRequest> = {}): Promise<GuardOutcome> {
  const limit = { maxRate: 0.02, confidence: 0.99, minFailures: 5, settleMinutes: 15 }
  const request = { channel: 'stable', ...limit, ignoredCodes: new Set<string>(), ...changes }
  return guardChannel(request, { store, keys: published.keys, now })
}

async function isHalted(): Promise<boolean> {
  return (await new Repository(store, await loadState(store)).channel('stable')).halted
}

test('halts a channel, once, and says why in the signed document', async () => {
  await hear(ok, 80)
  await hear(failed, 20, { first: 80 })
  const halted = await guard()
  expect(halted).toMatchObject({ verdict: 'bad', halts: true })
  expect(halted.channel).toMatchObject({
    version: 2,
    halted: true,
    halt: { reason: '20 of 100 machines failed (20 %); 2 % may' },
  })
  expect(await isHalted()).toBe(true)
  expect(await guard()).toMatchObject({ verdict: 'bad', halts: false })
})

test.each<[string, Partial<GuardRequest>, number, number, GuardOutcome['verdict']]>([
  ['nothing was heard', {}, 0, 0, 'undecided'],
  ['a few succeeded', {}, 20, 0, 'undecided'],
  ['many succeeded', {}, 2000, 5, 'fine'],
  ['about as many failed as may', {}, 980, 20, 'undecided'],
  ['too few failed', {}, 0, 4, 'undecided'],
  ['the limit is higher', { maxRate: 0.5 }, 80, 20, 'fine'],
  ['all that failed is ignored', { ignoredCodes: new Set(['OBJECT_MISSING']) }, 80, 20, 'undecided'],
  ['what failed has not settled', { settleMinutes: 60 }, 80, 20, 'undecided'],
])('does not where %s', async (_name, changes, succeeded, failures, verdict) => {
  await hear(ok, succeeded)
  await hear(failed, failures, { first: succeeded })
  expect(await guard(changes)).toMatchObject({ verdict, halts: false })
  expect(await isHalted()).toBe(false)
})

test('a guard that could not halt says so at once', async () => {
  const keys = new KeyRing('/nowhere')
  const limit = { maxRate: 0.02, confidence: 0.99, minFailures: 5, settleMinutes: 15 }
  const request = { channel: 'stable', ...limit, ignoredCodes: new Set<string>() }
  await expect(guardChannel(request, { store, keys, now })).rejects.toMatchObject({ code: 'KEY_MISSING' })
})

test('a machine that several front ends heard of counts once', async () => {
  await hear(ok, 100)
  for (let frontEnd = 0; frontEnd < 3; frontEnd++) await hear(failed, 2, { first: 100 })
  expect((await guard()).evidence).toEqual({ now: { failed: 2, succeeded: 100 }, settledFailures: 2 })
  await hear(ok, 2, { first: 100 })
  expect((await guard()).evidence).toEqual({ now: { failed: 0, succeeded: 102 }, settledFailures: 0 })
})

test('what was heard of another release says nothing of this one', async () => {
  await hear(failed, 50, { release: 1 })
  expect(await guard()).toMatchObject({ verdict: 'undecided', evidence: { now: { failed: 0 } } })
})

test('counts that are damaged are named', async () => {
  await hear(ok, 1)
  await store.put(shardKey('stable', 'b'), Buffer.from('{}'))
  await expect(guard()).rejects.toMatchObject({
    code: 'REPOSITORY_CORRUPT',
    message: expect.stringContaining('private/reports/stable/b.json') as unknown,
  })
})

test('the share that has moved is of all that ever reported of either release', async () => {
  await hear(ok, 40)
  await hear(failed, 10, { first: 40 })
  await hear(ok, 100, { release: 1 })
  const channel = await new Repository(store, await loadState(store)).channel('stable')
  expect(await readChannelReports(store, channel)).toMatchObject({ moved: 40, known: 100 })
})
