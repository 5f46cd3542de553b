import { Snapshot } from '@tufjs/models'
import { expect, onTestFinished, test } from 'vitest'
import { defaultLifetimes } from '../../../src/trust/lifetime.ts'
import { commonFields, signTimestamp } from '../../../src/repository/commit.ts'
import { checkpointKey, metadataKey, timestampKey } from '../../../src/repository/layout.ts'
import { refreshExpiry } from '../../../src/repository/refresh.ts'
import { signersFor } from '../../../src/repository/role-keys.ts'
import { decodeBundle } from '../../../src/transparency/entry-bundle.ts'
import { parseCheckpoint } from '../../../src/transparency/checkpoint.ts'
import { signMetadata } from '../../../src/trust/sign-metadata.ts'
import { FaultyStore } from '../../support/faulty-store.ts'
import { LoggedRepository } from '../../support/logged-repository.ts'
import { bytesIn, contentsOf, keysIn } from '../../support/publisher.ts'

async function newRepository(): Promise<LoggedRepository> {
  const repository = await LoggedRepository.create()
  onTestFinished(() => repository[Symbol.dispose]())
  return repository
}

async function entriesOf(repository: LoggedRepository): Promise<string[]> {
  const { size } = await repository.head()
  const bundle = decodeBundle(await bytesIn(repository.store, `log/tile/entries/000.p/${size}`), size)
  return (bundle ?? []).map((entry) => (JSON.parse(entry.toString()) as { path: string }).path)
}

async function checkpointSize(repository: LoggedRepository): Promise<number | undefined> {
  return parseCheckpoint(await bytesIn(repository.store, checkpointKey))?.head.size
}

async function expectSound(repository: LoggedRepository, otherSnapshots?: readonly number[]): Promise<void> {
  const report = await repository.audit()
  expect(report.findings).toEqual([])
  if (otherSnapshots !== undefined) expect(report.otherSnapshots).toEqual(otherSnapshots)
}

test('what becomes visible is in the log, in order, and its head is signed', async () => {
  const repository = await newRepository()
  await repository.commit([9, 10], 'ten')
  await repository.commit([], 'ten again')
  await repository.commit([11])
  expect(await entriesOf(repository)).toEqual([
    'releases/9.json',
    'releases/10.json',
    'channels/stable.json',
    'channels/stable.json',
    'releases/11.json',
  ])
  expect(await checkpointSize(repository)).toBe(5)
  expect((await repository.head()).origin).toMatch(/^vend-repository\/[0-9a-f]{64}$/)
  await expectSound(repository, [])
})

test('a commit that changes no document leaves the log as it is', async () => {
  const repository = await newRepository()
  await repository.commit([1], 'one')
  const before = await contentsOf(repository.store, 'log/')
  await refreshExpiry(repository.context())
  await repository.commit([], 'one')
  expect(await contentsOf(repository.store, 'log/')).toEqual(before)
  expect(await repository.head()).toMatchObject({ size: 2 })
  await expectSound(repository)
})

test('a log goes on over full tiles, and old heads stay prefixes', async () => {
  const repository = await newRepository()
  const counts = [3, 250, 2, 1, 1, 300]
  let version = 0
  for (const count of counts) {
    await repository.commit(Array.from({ length: count }, () => ++version))
  }
  expect(await repository.head()).toMatchObject({ size: 557 })
  const names = await keysIn(repository.store, 'log/tile/')
  expect(names).toContain('log/tile/0/001')
  expect(names).toContain('log/tile/1/000.p/2')
  await expectSound(repository, [])
})

test('a repository from before there were logs gets one, with all that it lists, by a refresh', async () => {
  const repository = await newRepository()
  await repository.commit([1, 2], 'two')
  await dropLog(repository)
  expect((await repository.audit()).findings).toMatchObject([{ what: 'the log' }])
  await refreshExpiry(repository.context())
  expect(await entriesOf(repository)).toEqual(['releases/1.json', 'releases/2.json', 'channels/stable.json'])
  await expectSound(repository)
})

/** As if it had been made by a version that knew no log. */
async function dropLog(repository: LoggedRepository): Promise<void> {
  const { store, keys, now } = repository
  for (const key of await keysIn(store, 'log/')) await store.delete(key)
  const state = await repository.state()
  const version = state.snapshot.metadata.signed.version + 1
  for (let older = 1; older < version; older++) await store.delete(metadataKey('snapshot', older))
  const { meta } = state.snapshot.metadata.signed
  const fields = commonFields({ now }, defaultLifetimes.snapshot, version)
  const snapshot = await signMetadata(new Snapshot({ ...fields, meta }), signersFor(state, keys, 'snapshot'))
  await store.put(metadataKey('snapshot', version), snapshot.bytes)
  const next = state.timestamp.metadata.signed.version + 1
  const timestamp = await signTimestamp({ now }, snapshot, next, {
    signers: (role) => signersFor(state, keys, role),
    lifetimes: defaultLifetimes,
  })
  await store.put(timestampKey, timestamp.bytes)
}

test('a loser that won nothing has signed a head that no one is shown, and the audit says so', async () => {
  const repository = await newRepository()
  await repository.commit([1])
  const state = await repository.state()
  await repository.commit([2], 'winner')
  await expect(repository.commit([3], 'loser', { state })).rejects.toMatchObject({ code: 'PUBLISH_CONFLICT' })
  const lost = state.snapshot.metadata.signed.version + 2
  await repository.commit([4])
  await expectSound(repository, [lost])
})

test('a checkpoint that is gone, behind, forged or of another key is written again by a refresh', async () => {
  const repository = await newRepository()
  const { store } = repository
  await repository.commit([1])
  const old = await bytesIn(store, checkpointKey)
  await repository.commit([2])
  const right = await bytesIn(store, checkpointKey)
  const forged = Buffer.from(right.toString().replace('\n2\n', '\n9\n'))
  for (const bytes of [undefined, old, forged, Buffer.from('x')]) {
    if (bytes === undefined) await store.delete(checkpointKey)
    else await store.put(checkpointKey, bytes)
    expect((await repository.audit()).findings.map(({ what }) => what)).toEqual(['log/checkpoint'])
    await refreshExpiry(repository.context())
    expect(await bytesIn(store, checkpointKey)).toEqual(right)
  }
})

test('a slow publisher does not put an older checkpoint over a newer one', async () => {
  const repository = await newRepository()
  await repository.commit([1])
  let release: () => void = () => undefined
  const gate = new Promise<void>((resolve) => (release = resolve))
  const slow = new FaultyStore(repository.store, {
    onWrite: async ({ key, moment }) => {
      if (key.startsWith('log/tile') && moment === 'before') await gate
    },
  })
  const first = repository.commit([2], undefined, { store: slow })
  while ((await repository.head()).size < 2) await new Promise(setImmediate)
  await repository.commit([3])
  release()
  await first
  expect(await checkpointSize(repository)).toBe(3)
  await expectSound(repository)
})

test('a damaged end of the log is made again from the step before, and what is beyond that is named', async () => {
  const repository = await newRepository()
  for (let version = 1; version <= 5; version++) await repository.commit([version], `at ${version}`)
  const before = await contentsOf(repository.store, 'log/')
  await repository.store.put('log/tile/0/000.p/10', Buffer.alloc(320))
  await refreshExpiry(repository.context())
  expect(await contentsOf(repository.store, 'log/')).toEqual(before)
  for (const key of await keysIn(repository.store, 'log/tile/')) await repository.store.delete(key)
  await expect(repository.commit([6])).rejects.toMatchObject({
    code: 'REPOSITORY_CORRUPT',
    message: expect.stringContaining('log/tile/0/000.p/10 is missing') as unknown,
  })
})

test('a commit asks the store for few things of its log, however long it is', async () => {
  const repository = await newRepository()
  await repository.commit(Array.from({ length: 1000 }, (_, i) => i + 1))
  const calls: string[] = []
  const counting = new FaultyStore(repository.store, {
    fault: ({ operation, key }) => {
      if (key.startsWith('log/')) calls.push(`${operation} ${key}`)
      return undefined
    },
  })
  await repository.commit([1001], undefined, { store: counting })
  expect(calls).toEqual([
    'get log/tile/0/003.p/232',
    'get log/tile/1/000.p/3',
    'get log/tile/entries/003.p/232',
    'put log/tile/entries/003.p/233',
    'put log/tile/0/003.p/233',
    'put log/tile/1/000.p/3',
    'get log/checkpoint',
    'replace log/checkpoint',
  ])
})
