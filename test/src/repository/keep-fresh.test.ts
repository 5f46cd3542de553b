import { cpSync, mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { keepFresh } from '../../../src/repository/keep-fresh.ts'
import { KeyRing } from '../../../src/trust/key-ring.ts'
import { roleNames, type RoleName } from '../../../src/trust/role.ts'
import type { BlobStore } from '../../../storage/blob-store.ts'
import { FaultyStore } from '../../support/faulty-store.ts'
import { contentsOf, Publisher } from '../../support/publisher.ts'

const dayMs = 24 * 60 * 60 * 1000
let publisher: Publisher

beforeEach(async () => {
  publisher = await Publisher.create()
  publisher.tree('base').file('a', 'a')
  await publisher.publish(1, ['base'])
  onTestFinished(() => {
    publisher[Symbol.dispose]()
  })
})

/** A key directory with these keys of the publisher's. */
function keysOf(...roles: readonly RoleName[]): KeyRing {
  const path = mkdtempSync(join(publisher.directory, 'some-'))
  for (const name of ['root.json', ...roles.map((role) => `${role}.pem`)])
    cpSync(join(publisher.keys.directory, name), join(path, name))
  return new KeyRing(path)
}

interface Looked {
  readonly refreshed: number
  readonly failures: readonly unknown[]
  readonly expiring: readonly (readonly RoleName[])[]
}

/** Looks so often, at clocks that show these days. */
async function look(
  days: readonly number[],
  keys: KeyRing,
  store: BlobStore = publisher.store,
): Promise<Looked> {
  const ending = new AbortController()
  let looks = 0
  let refreshed = 0
  const failures: unknown[] = []
  const expiring: (readonly RoleName[])[] = []
  await keepFresh({
    store,
    openKeys: () => {
      looks++
      if (looks > days.length) ending.abort()
      return keys
    },
    now: () => new Date(publisher.now.getTime() + (days[Math.min(looks, days.length) - 1] ?? 0) * dayMs),
    signal: ending.signal,
    intervalMs: 1,
    onRefreshed: () => refreshed++,
    onExpiring: (roles) => expiring.push(roles),
    onFailed: (error) => failures.push(error),
  })
  return { refreshed, failures, expiring }
}

const versions = async (): Promise<Record<string, number>> => {
  const { state } = await publisher.repository()
  return Object.fromEntries(roleNames.map((role) => [role, state[role].metadata.signed.version]))
}

test('signs snapshot and timestamp with these two keys, when half of a term is over and not before', async () => {
  const before = await versions()
  expect(await look([0, 1, 3], keysOf('snapshot', 'timestamp'))).toMatchObject({ refreshed: 0, failures: [] })
  expect(await versions()).toEqual(before)
  expect(await look([4, 4, 6, 8], keysOf('snapshot', 'timestamp'))).toMatchObject({
    refreshed: 2,
    failures: [],
  })
  const after = await versions()
  expect(after).toEqual({
    ...before,
    snapshot: (before['snapshot'] ?? 0) + 2,
    timestamp: (before['timestamp'] ?? 0) + 2,
  })
})

test('signs nothing else where it has all keys', async () => {
  const before = await versions()
  expect(await look([300], publisher.keys)).toMatchObject({ refreshed: 1, failures: [] })
  const { snapshot: _, timestamp: __, ...others } = await versions()
  expect(before).toMatchObject(others)
})

test('tells which roles others have to sign soon', async () => {
  const { expiring } = await look([0, 6], keysOf('snapshot', 'timestamp'))
  expect(expiring).toEqual([['channels']])
})

test('goes on after a failure, and says what it was', async () => {
  const lacking = await look([4, 4], keysOf('snapshot'))
  expect(lacking.failures).toEqual([
    expect.objectContaining({ code: 'KEY_MISSING' }),
    expect.objectContaining({ code: 'KEY_MISSING' }),
  ])
  let failed = 0
  const failing = new FaultyStore(publisher.store, {
    onWrite: () => {
      if (failed++ === 0) throw new Error('no store')
    },
  })
  expect(await look([4, 4], publisher.keys, failing)).toMatchObject({
    refreshed: 1,
    failures: [new Error('no store')],
  })
})

test('several at once end with a repository that reads, whose content is the same', async () => {
  const before = await contentsOf(publisher.store, 'tuf/targets/')
  const looks = [1, 2, 3].map(async () => look([4, 4], keysOf('snapshot', 'timestamp')))
  const results = await Promise.all(looks)
  for (const { failures } of results)
    for (const failure of failures) expect(failure).toMatchObject({ code: 'PUBLISH_CONFLICT' })
  expect(results.reduce((sum, { refreshed }) => sum + refreshed, 0)).toBeGreaterThanOrEqual(1)
  await publisher.repository()
  expect(await contentsOf(publisher.store, 'tuf/targets/')).toEqual(before)
})
