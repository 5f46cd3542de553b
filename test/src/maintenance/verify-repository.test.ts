import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { MemoryStore } from '../../../storage/memory-store.ts'
import type { BlobStore } from '../../../storage/blob-store.ts'
import { StoreUnavailableError } from '../../../storage/errors.ts'
import { publishRelease } from '../../../src/ingest/publish-release.ts'
import { verifyRepository, type VerifyReport } from '../../../src/maintenance/verify-repository.ts'
import { createRepository } from '../../../src/repository/create-repository.ts'
import { KeyRing } from '../../../src/trust/key-ring.ts'
import { FaultyStore } from '../../support/faulty-store.ts'
import { DirectoryTree } from '../../../src/tree/tree-source.ts'

const directory = mkdtempSync(join(tmpdir(), 'vend-verify-'))
const keys = new KeyRing(join(directory, 'keys'))
const now = new Date('2026-01-01T00:00:00Z')
const original = new MemoryStore()
let store = new MemoryStore()

/** A release of two modules, then one in which only one of them differs. */
beforeAll(async () => {
  const script = 'mkdir -p a b; head -c 700000 /dev/urandom > a/large; echo 1 > a/small; echo 2 > b/other'
  execFileSync('bash', ['-euc', script], { cwd: directory })
  await createRepository({ store: original, keys, now })
  await publish(10)
  execFileSync('bash', ['-euc', 'echo 3 > b/other'], { cwd: directory })
  await publish(11)
})

afterAll(() => {
  rmSync(directory, { recursive: true, force: true })
})

beforeEach(async () => {
  store = new MemoryStore()
  for await (const { key } of original.list('')) await store.put(key, await bytesOf(original, key))
})

async function publish(version: number): Promise<void> {
  const modules = ['a', 'b'].map((name) => ({
    name,
    tree: new DirectoryTree(join(directory, name)),
    includes: [],
  }))
  await publishRelease({ version, channel: 'stable', modules }, { store: original, keys, now, threads: 1 })
}

async function bytesOf(from: BlobStore, key: string): Promise<Buffer> {
  const { stream } = await from.get(key)
  return Buffer.concat((await stream.toArray()) as Uint8Array[])
}

async function keysIn(prefix: string): Promise<string[]> {
  const found: string[] = []
  for await (const { key } of store.list(prefix)) found.push(key)
  return found
}

async function flipByte(key: string): Promise<void> {
  const bytes = await bytesOf(store, key)
  const middle = bytes.length >> 1
  bytes[middle] = (bytes[middle] ?? 0) ^ 0x10
  await store.put(key, bytes)
}

async function verify(of: BlobStore = store): Promise<VerifyReport> {
  return verifyRepository(of, { now, trustedRoot: keys.trustedRoot() })
}

test('a whole repository has no damage, and each thing in it is read once', async () => {
  const gets = new Map<string, number>()
  const counting = new FaultyStore(store, {
    fault: ({ operation, key }) => {
      if (operation === 'get') gets.set(key, (gets.get(key) ?? 0) + 1)
      return undefined
    },
  })
  const progress: number[] = []
  const report = await verifyRepository(counting, { now, onProgress: ({ bytes }) => progress.push(bytes) })
  expect(report).toMatchObject({ releases: 2, channels: 1, manifests: 3, damages: [], expired: [] })
  expect(report.chunks).toBe((await keysIn('chunks/')).length)
  expect(report.contentBytes).toBe(700_006)
  expect(progress.at(-1)).toBe(700_006)
  for (const key of [...(await keysIn('chunks/')), ...(await keysIn('manifests/'))])
    expect(gets.get(key)).toBe(1)
})

test('every chunk that is changed, cut off or missing is found, with the paths it touches', async () => {
  const harms: readonly ((key: string) => Promise<unknown>)[] = [
    flipByte,
    (key) => store.delete(key),
    async (key) => store.put(key, (await bytesOf(store, key)).subarray(0, -1)),
    (key) => store.put(key, Buffer.alloc(0)),
  ]
  for (const key of await keysIn('chunks/')) {
    const whole = await bytesOf(store, key)
    for (const harm of harms) {
      await harm(key)
      const { damages } = await verify()
      expect(damages).toHaveLength(1)
      expect(damages[0]).toMatchObject({ kind: 'chunk' })
      expect(damages[0]?.touches.length).toBeGreaterThan(0)
      for (const { paths, pathCount } of damages[0]?.touches ?? []) {
        expect(paths).toHaveLength(pathCount ?? 0)
        expect(pathCount).toBe(1)
      }
      await store.put(key, whole)
    }
  }
})

test('a chunk that two releases share touches both', async () => {
  for (const key of await keysIn('chunks/')) await store.delete(key)
  const { damages } = await verify()
  const large = damages.filter(({ touches }) => touches.some(({ paths }) => paths?.includes('large')))
  expect(large.length).toBeGreaterThan(0)
  for (const { touches } of large) {
    expect(touches).toEqual([{ module: 'a', releases: [10, 11], paths: ['large'], pathCount: 1 }])
  }
  expect(damages).toHaveLength((await verify()).chunks)
})

test('every manifest that is damaged or missing is found, with its module and releases', async () => {
  for (const key of await keysIn('manifests/')) {
    const whole = await bytesOf(store, key)
    for (const harm of [flipByte, async (name: string): Promise<void> => store.delete(name)]) {
      await harm(key)
      const { damages } = await verify()
      expect(damages).toHaveLength(1)
      expect(damages[0]).toMatchObject({
        kind: 'manifest',
        touches: [{ module: expect.any(String) as string }],
      })
      await store.put(key, whole)
    }
  }
})

test('every document that is damaged or missing is found', async () => {
  for (const key of await keysIn('tuf/targets/')) {
    const isCurrent = !key.includes('stable') || (await isReferred(key))
    for (const harm of [flipByte, async (name: string): Promise<void> => store.delete(name)]) {
      const whole = await bytesOf(store, key)
      await harm(key)
      const kinds = (await verify()).damages.map(({ kind }) => kind)
      expect(kinds).toEqual(isCurrent ? [key.includes('stable') ? 'channel' : 'release'] : [])
      await store.put(key, whole)
    }
  }
})

/** The channel's earlier document stays where it is, and nothing refers to it. */
async function isReferred(key: string): Promise<boolean> {
  return (await bytesOf(store, key)).includes('"version":11')
}

test('damaged metadata is one damage, and nothing behind it is believed', async () => {
  const current = ['snapshot', 'releases', 'channels'].map((role) => `tuf/metadata/3.${role}.json`)
  for (const key of [...current, 'tuf/metadata/1.targets.json', 'tuf/metadata/timestamp.json']) {
    const whole = await bytesOf(store, key)
    const damaged = whole
      .toString()
      .replace(/"sig":"(.)/, (_, digit) => `"sig":"${digit === '0' ? '1' : '0'}`)
    await store.put(key, Buffer.from(damaged))
    expect((await verify()).damages.map(({ kind }) => kind)).toEqual(['metadata'])
    await store.put(key, whole)
  }
})

test('a repository of other keys, and none at all, are no damage', async () => {
  const trustedRoot = Buffer.from('{}')
  await expect(verifyRepository(store, { now, trustedRoot })).rejects.toMatchObject({ code: 'ROOT_MISMATCH' })
  await expect(verify(new MemoryStore())).rejects.toMatchObject({ code: 'REPOSITORY_MISSING' })
})

test('a store that cannot answer now is no damage, and one that has lost a blob for good is', async () => {
  const failing = (transient: boolean): FaultyStore =>
    new FaultyStore(store, {
      fault: ({ key }) => {
        const error = new StoreUnavailableError('store', key, 'i/o error', { transient })
        return key.startsWith('chunks/') ? { kind: 'fail-before', error } : undefined
      },
    })
  await expect(verify(failing(true))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  const { damages, chunks } = await verify(failing(false))
  expect(damages).toHaveLength(chunks)
})

test('expired metadata is told', async () => {
  const later = new Date('2026-01-10T00:00:00Z')
  const { expired, damages } = await verifyRepository(store, { now: later })
  expect({ expired, damages }).toEqual({ expired: ['channels', 'timestamp'], damages: [] })
})

test('an aborted verify ends with the reason', async () => {
  const reason = new Error('enough')
  await expect(verifyRepository(store, { now, signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
})
