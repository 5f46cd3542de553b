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
