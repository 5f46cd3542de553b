import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { createRepository } from '../../../src/repository/create-repository.ts'
import { loadState } from '../../../src/repository/repository-state.ts'
import { KeyRing } from '../../../src/trust/key-ring.ts'
import { MemoryStore } from '../../../storage/memory-store.ts'
import { FaultyStore } from '../../support/faulty-store.ts'
import { contentsOf, keysIn } from '../../support/publisher.ts'

let directory: string
let keys: KeyRing
const now = new Date()

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'vend-create-'))
  keys = new KeyRing(join(directory, 'keys'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
})

test('makes keys and an empty repository that verifies', async () => {
  const store = new MemoryStore()
  expect(await createRepository({ store, keys, now })).toBe(true)
  const state = await loadState(store, { trustedRoot: keys.trustedRoot() })
  expect(Object.keys(state.releases.metadata.signed.targets)).toEqual([])
  expect(readdirSync(keys.directory).sort()).toEqual([
    'channels.pem',
    'releases.pem',
    'root.json',
    'root.pem',
    'snapshot.pem',
    'targets.pem',
    'timestamp.pem',
  ])
  expect(statSync(join(keys.directory, 'root.pem')).mode & 0o777).toBe(0o600)
  expect(statSync(keys.directory).mode & 0o777).toBe(0o700)
})

test('made again, it is left as it is', async () => {
  const store = new MemoryStore()
  await createRepository({ store, keys, now })
  const before = await contentsOf(store)
  expect(await createRepository({ store, keys, now: new Date(now.getTime() + 5000) })).toBe(false)
  expect(await contentsOf(store)).toEqual(before)
})

test('a repository of other keys is not touched', async () => {
  const store = new MemoryStore()
  await createRepository({ store, keys, now })
  const before = await contentsOf(store)
  for (const other of [new KeyRing(join(directory, 'none')), new KeyRing(join(directory, 'other'))]) {
    if (other.directory.endsWith('other'))
      await createRepository({ store: new MemoryStore(), keys: other, now })
    await expect(createRepository({ store, keys: other, now })).rejects.toMatchObject({
      code: 'REPOSITORY_EXISTS',
    })
  }
  expect(await contentsOf(store)).toEqual(before)
})

test('after a crash at any of its writes, it is completed by the same keys', async () => {
  let writes = 0
  await createRepository({
    store: new FaultyStore(new MemoryStore(), {
      onWrite: ({ moment }) => void (writes += Number(moment === 'after')),
    }),
    keys: new KeyRing(join(directory, 'count')),
    now,
  })
  expect(writes).toBeGreaterThan(5)
  for (let crash = 0; crash < writes; crash++) {
    for (const at of ['before', 'after'] as const) {
      const store = new MemoryStore()
      const ring = new KeyRing(join(directory, `keys-${crash}-${at}`))
      const dying = new FaultyStore(store, {
        onWrite: ({ index, moment }) => {
          if (index === crash && moment === at) throw new Error('dead')
        },
      })
      await expect(createRepository({ store: dying, keys: ring, now })).rejects.toThrow('dead')
      // As another process would.
      const again = new KeyRing(ring.directory)
      const wasDone = crash === writes - 1 && at === 'after'
      expect(await createRepository({ store, keys: again, now })).toBe(!wasDone)
      const state = await loadState(store, { trustedRoot: again.trustedRoot() })
      expect(state.timestamp.metadata.signed.version).toBe(1)
      expect(state.root.bytes.equals(readFileSync(again.rootPath))).toBe(true)
    }
  }
})

test('of two that make one repository with the same keys, one does', async () => {
  const store = new MemoryStore()
  keys.generateMissing()
  await createRepository({ store: new MemoryStore(), keys, now })
  const made = await Promise.all([
    createRepository({ store, keys, now }),
    createRepository({ store, keys: new KeyRing(keys.directory), now }),
  ])
  expect(made.filter(Boolean)).toHaveLength(1)
  await loadState(store, { trustedRoot: keys.trustedRoot() })
})

test('keys that cannot be read are named, and nothing is stored', async () => {
  keys.generateMissing()
  writeFileSync(join(keys.directory, 'root.pem'), 'not a key')
  const store = new MemoryStore()
  await expect(createRepository({ store, keys, now })).rejects.toMatchObject({ code: 'KEY_UNREADABLE' })
  expect(await keysIn(store)).toEqual([])
})

const wish = {
  shares: { root: { threshold: 2, keys: 3 }, channels: { threshold: 2, keys: 2 } },
  lifetimes: { channels: 86_400 },
}

interface Made {
  readonly root: number | undefined
  readonly channels: number | undefined
  readonly days: number
}

async function describeMade(store: MemoryStore): Promise<Made> {
  const { root, targets, channels } = await loadState(store)
  const lifeMs = Date.parse(channels.metadata.signed.expires) - now.getTime()
  return {
    root: root.metadata.signed.roles['root']?.threshold,
    channels: targets.metadata.signed.delegations?.roles?.['channels']?.threshold,
    days: Math.round(lifeMs / 86_400_000),
  }
}

test('makes as many keys, and signatures for as long, as it is told', async () => {
  const store = new MemoryStore()
  await createRepository({ store, keys, now }, wish)
  expect(await describeMade(store)).toEqual({ root: 2, channels: 2, days: 1 })
  expect(readdirSync(keys.directory)).not.toContain('init-begun')
})

test('after a crash at any of its writes, other options are refused and the same complete it', async () => {
  for (let crash = 0; ; crash++) {
    const store = new MemoryStore()
    const ring = new KeyRing(join(directory, `keys-${crash}`))
    const dying = new FaultyStore(store, {
      onWrite: ({ index, moment }) => {
        if (index === crash && moment === 'before') throw new Error('dead')
      },
    })
    const isDead = await createRepository({ store: dying, keys: ring, now }, wish).then(
      () => false,
      () => true,
    )
    if (!isDead) {
      expect(crash).toBeGreaterThan(5)
      return
    }
    const before = await contentsOf(store)
    for (const other of [{}, { ...wish, lifetimes: {} }, { ...wish, shares: { root: wish.shares.root } }]) {
      const again = createRepository({ store, keys: new KeyRing(ring.directory), now }, other)
      await expect(again).rejects.toMatchObject({
        code: 'INIT_UNCLEAR',
        message: expect.stringContaining(
          '"vend init --threshold root=2/3 --threshold channels=2/2 --lifetime channels=86400s"',
        ) as string,
      })
    }
    expect(await contentsOf(store)).toEqual(before)
    expect(await createRepository({ store, keys: new KeyRing(ring.directory), now }, wish)).toBe(true)
    expect(await describeMade(store)).toEqual({ root: 2, channels: 2, days: 1 })
  }
})

test('several keys of a role that were made before: that one of them signs alone has to be said', async () => {
  keys.generateMissing({ root: 3 })
  const store = new MemoryStore()
  await expect(createRepository({ store, keys, now })).rejects.toMatchObject({ code: 'INIT_UNCLEAR' })
  expect(await keysIn(store)).toEqual([])
  const shares = { root: { threshold: 2, keys: 3 } }
  expect(await createRepository({ store, keys, now }, { shares })).toBe(true)
  expect((await describeMade(store)).root).toBe(2)
})

test('a root that is there already is not taken for one of other thresholds', async () => {
  const first = new MemoryStore()
  await createRepository({ store: first, keys, now })
  const shares = { root: { threshold: 2, keys: 2 } }
  const other = new MemoryStore()
  for (const store of [first, other]) {
    await expect(createRepository({ store, keys, now }, { shares })).rejects.toMatchObject({
      code: 'INIT_UNCLEAR',
    })
  }
  expect(await keysIn(other)).toEqual([])
})
