import { Timestamp } from '@tufjs/models'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { TrustedRepository } from '../../../src/client/trusted-repository.ts'
import type { HttpFetcher } from '../../../src/client/http-fetcher.ts'
import { timestampKey } from '../../../src/repository/layout.ts'
import { expiryDates, refreshExpiry, type RefreshOutcome } from '../../../src/repository/refresh.ts'
import { setLifetimes } from '../../../src/repository/set-lifetimes.ts'
import { KeyRing } from '../../../src/trust/key-ring.ts'
import { roleNames, type RoleName } from '../../../src/trust/role.ts'
import { signMetadata } from '../../../src/trust/sign-metadata.ts'
import type { BlobStore } from '../../../storage/blob-store.ts'
import { FilesystemStore } from '../../../storage/filesystem-store.ts'
import { FaultyStore } from '../../support/faulty-store.ts'
import { contentsOf, keysIn, Publisher } from '../../support/publisher.ts'

const dayMs = 24 * 60 * 60 * 1000
let directory: string
let publisher: Publisher

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'vend-refresh-'))
  publisher = await Publisher.create(new FilesystemStore(join(directory, 'store')))
  publisher.tree('base').file('a', 'a')
  await publisher.publish(1, ['base'])
  onTestFinished(() => {
    publisher[Symbol.dispose]()
    rmSync(directory, { recursive: true })
  })
})

afterEach(() => {
  vi.useRealTimers()
})

function afterDays(days: number): Date {
  return new Date(publisher.now.getTime() + days * dayMs)
}

async function refresh(
  days: number,
  { all = false, keys = publisher.keys, store = publisher.store }: RefreshOptions = {},
): Promise<RefreshOutcome> {
  return refreshExpiry({ store, keys, now: afterDays(days) }, { all })
}

interface RefreshOptions {
  readonly all?: boolean
  readonly keys?: KeyRing
  readonly store?: BlobStore
}

/** A key directory with these keys of the publisher's. */
function keysOf(...roles: readonly RoleName[]): KeyRing {
  const path = mkdtempSync(join(directory, 'keys-'))
  const names = ['root.json', ...roles.map((role) => `${role}.pem`)]
  for (const name of names) cpSync(join(publisher.keys.directory, name), join(path, name))
  return new KeyRing(path)
}

/** What a machine knows of the release, when its clock shows that day. */
async function machineSees(trust: string, days: number): Promise<number | undefined> {
  vi.useFakeTimers({ toFake: ['Date'], now: afterDays(days) })
  const store = join(directory, 'store')
  const fetcher = {
    url: (path: string) => `http://repository.test/${path}`,
    fetch: async (path: string) => fileAt(join(store, path.replace('http://repository.test/', ''))),
    overMirrors: async (work: (mirror: HttpFetcher) => Promise<TrustedRepository>) => work(fetcher),
    otherMirrors: [],
  } as unknown as HttpFetcher
  try {
    const repository = await TrustedRepository.refresh(trust, fetcher)
    return (await repository.channel('stable'))?.version
  } finally {
    vi.useRealTimers()
  }
}

function fileAt(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch {
    return undefined
  }
}

function newMachine(name: string): string {
  const trust = join(directory, name)
  mkdirSync(trust)
  writeFileSync(join(trust, 'root.json'), readFileSync(publisher.keys.rootPath))
  return trust
}

test('a repository outlives its first year, for new machines and for those that slept', async () => {
  const [early, late] = [newMachine('early'), newMachine('late')]
  expect(await machineSees(early, 1)).toBe(1)
  await refresh(300, { all: true })
  await refresh(495)
  for (const trust of [early, late]) expect(await machineSees(trust, 500)).toBe(1)
  await refresh(600, { all: true })
  await publisher.publish(2, ['base'], {}, { now: afterDays(901) })
  for (const trust of [early, newMachine('new')]) expect(await machineSees(trust, 902)).toBe(2)
  expect((await publisher.repository()).state.root.metadata.signed.version).toBe(3)
})

test('without that it does not', async () => {
  await refresh(370)
  await expect(machineSees(newMachine('machine'), 371)).rejects.toMatchObject({ code: 'METADATA_STALE' })
  await refresh(372, { all: true })
  expect(await machineSees(newMachine('another'), 373)).toBe(1)
})

test('all roles are signed anew, and the trusted root stays the first', async () => {
  const first = publisher.keys.trustedRoot()
  const { renewed, expiring, state } = await refresh(300, { all: true })
  expect({ renewed, expiring }).toEqual({ renewed: roleNames, expiring: [] })
  for (const role of roleNames) {
    expect(new Date(state[role].metadata.signed.expires).getTime()).toBeGreaterThan(afterDays(306).getTime())
    expect(state[role].metadata.signed.version).toBeGreaterThan(1)
  }
  expect(publisher.keys.trustedRoot()).toEqual(first)
  expect(await keysIn(publisher.store, 'tuf/metadata/2.root')).toEqual(['tuf/metadata/2.root.json'])
})

test('releases and channels are signed anew when half of their life is over, where their keys are', async () => {
  expect((await refresh(3)).renewed).toEqual(['snapshot', 'timestamp'])
  const online = keysOf('snapshot', 'timestamp')
  expect((await refresh(4, { keys: online })).renewed).toEqual(['snapshot', 'timestamp'])
  const { renewed, expiring } = await refresh(4, { keys: keysOf('channels', 'snapshot', 'timestamp') })
  expect({ renewed, expiring }).toEqual({ renewed: ['channels', 'snapshot', 'timestamp'], expiring: [] })
  expect((await refresh(5)).renewed).toEqual(['snapshot', 'timestamp'])
  expect((await refresh(201)).renewed).toEqual(['releases', 'channels', 'snapshot', 'timestamp'])
  expect((await refresh(202)).renewed).toEqual(['snapshot', 'timestamp'])
})

test('without the key of channels, machines refuse what nobody has signed for its lifetime', async () => {
  const online = keysOf('snapshot', 'timestamp')
  const machine = newMachine('machine')
  const { expiring } = await refresh(6, { keys: online })
  expect(expiring.map(({ role, hasKey }) => [role, hasKey])).toEqual([['channels', false]])
  expect(await machineSees(machine, 6.5)).toBe(1)
  await refresh(8, { keys: online })
  await expect(machineSees(machine, 8)).rejects.toMatchObject({ code: 'METADATA_STALE' })
  await refresh(9)
  expect(await machineSees(machine, 9)).toBe(1)
})

test('what expires soon and was not renewed is told', async () => {
  const online = keysOf('channels', 'targets', 'snapshot', 'timestamp')
  expect((await refresh(304, { keys: online })).expiring).toEqual([])
  const { expiring } = await refresh(306, { keys: online })
  expect(expiring.map(({ role, hasKey }) => [role, hasKey])).toEqual([
    ['root', false],
    ['targets', true],
    ['releases', false],
  ])
})

test('another lifetime holds from the next signature on, and for those who sign later', async () => {
  const day = dayMs / 1000
  const lifetimes = { timestamp: day, channels: 2 * day, releases: 30 * day }
  await setLifetimes({ store: publisher.store, keys: publisher.keys, now: afterDays(0) }, lifetimes)
  const shortened = await refresh(0)
  expect(shortened.renewed).toEqual(['releases', 'channels', 'snapshot', 'timestamp'])
  const lifeOf = (role: RoleName, { state }: RefreshOutcome, days: number): number =>
    Math.round((expiryDates(state)[role].getTime() - afterDays(days).getTime()) / dayMs)
  const lives = (outcome: RefreshOutcome, days: number): number[] =>
    roleNames.map((role) => lifeOf(role, outcome, days))
  expect(lives(shortened, 0)).toEqual([365, 365, 30, 2, 14, 1])
  expect(lives(await refresh(200, { all: true }), 200)).toEqual([365, 365, 30, 2, 14, 1])
  const machine = newMachine('machine')
  expect(await machineSees(machine, 200.5)).toBe(1)
  await expect(machineSees(machine, 201.5)).rejects.toMatchObject({ code: 'METADATA_STALE' })
  await setLifetimes(
    { store: publisher.store, keys: publisher.keys, now: afterDays(201) },
    { channels: 30 * day },
  )
  expect(lifeOf('channels', await refresh(201), 201)).toBe(30)
})

test('the lifetimes of the root take its key, those of channels the key of targets, and nothing is stored without', async () => {
  const keys = keysOf('channels', 'snapshot', 'timestamp')
  const before = await contentsOf(publisher.store)
  for (const lifetimes of [{ timestamp: 86_400 }, { channels: 86_400 }]) {
    const context = { store: publisher.store, keys, now: publisher.now }
    await expect(setLifetimes(context, lifetimes)).rejects.toMatchObject({ code: 'KEY_MISSING' })
  }
  expect(await contentsOf(publisher.store)).toEqual(before)
})

test('who has the online keys cannot lengthen what those sign who come after', async () => {
  const { state } = await publisher.repository()
  const { signed } = state.timestamp.metadata
  const forged = new Timestamp({
    version: signed.version + 1,
    specVersion: signed.specVersion,
    expires: afterDays(5000)
      .toISOString()
      .replace(/\.\d+Z$/, 'Z'),
    snapshotMeta: signed.snapshotMeta,
    unrecognizedFields: { lifetimeSeconds: 366 * 86_400 },
  })
  const { bytes } = await signMetadata(forged, publisher.keys.signers('timestamp'))
  await publisher.store.put(timestampKey, bytes)
  const after = await refresh(0)
  expect(expiryDates(after.state).timestamp.getTime()).toBeLessThanOrEqual(afterDays(7).getTime())
})

test('a key that is none of the repository’s keeps nothing else from being renewed', async () => {
  const keys = keysOf('snapshot', 'timestamp')
  writeFileSync(join(keys.directory, 'channels.pem'), 'not a key')
  cpSync(join(keys.directory, 'snapshot.pem'), join(keys.directory, 'releases.pem'))
  expect((await refresh(310, { keys })).renewed).toEqual(['snapshot', 'timestamp'])
})

test.each(roleNames)(
  'all roles cannot be signed without the key of %s, and nothing is stored',
  async (gone) => {
    const keys = keysOf(...roleNames.filter((role) => role !== gone))
    const before = await contentsOf(publisher.store)
    await expect(refresh(1, { keys, all: true })).rejects.toMatchObject({ code: 'KEY_MISSING' })
    expect(await contentsOf(publisher.store)).toEqual(before)
  },
)

test('of two that sign the next root, one is told so, and no root is replaced', async () => {
  let overtaken = false
  const store = new FaultyStore(publisher.store, {
    onWrite: async ({ key, moment }) => {
      if (!key.endsWith('2.root.json') || moment === 'after' || overtaken) return
      overtaken = true
      await refresh(2, { all: true })
    },
  })
  await expect(refresh(1, { all: true, store })).rejects.toMatchObject({ code: 'PUBLISH_CONFLICT' })
  const { root } = (await publisher.repository()).state
  expect(root.metadata.signed).toMatchObject({ version: 2 })
  expect(new Date(root.metadata.signed.expires).getTime()).toBeGreaterThan(afterDays(366).getTime())
})

test('one that died after its root is run again', async () => {
  const store = new FaultyStore(publisher.store, {
    onWrite: ({ key, moment }) => {
      if (key.endsWith('2.root.json') && moment === 'after') throw new Error('dead')
    },
  })
  await expect(refresh(1, { all: true, store })).rejects.toThrow('dead')
  expect(await machineSees(newMachine('between'), 2)).toBe(1)
  await refresh(3, { all: true })
  expect(await machineSees(newMachine('later'), 4)).toBe(1)
  expect((await publisher.repository()).state.root.metadata.signed.version).toBe(3)
})
