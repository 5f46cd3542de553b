import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { auditLog } from '../../../../src/maintenance/audit-log.ts'
import { ChunkStoreReader } from '../../../../src/maintenance/repair/chunk-store-reader.ts'
import { repairRepository, type RepairReport } from '../../../../src/maintenance/repair/repair-repository.ts'
import { refreshExpiry } from '../../../../src/repository/refresh.ts'
import { timestampKey } from '../../../../src/repository/layout.ts'
import type { BlobReader } from '../../../../storage/blob-store.ts'
import { FilesystemStore } from '../../../../storage/filesystem-store.ts'
import { StoreUnavailableError } from '../../../../storage/errors.ts'
import { MemoryStore } from '../../../../storage/memory-store.ts'
import { FaultyStore } from '../../../support/faulty-store.ts'
import { bytesIn, keysIn, Publisher } from '../../../support/publisher.ts'
import { copyOf, mirror, publicOf, publishNext, publishThree, wholeIn } from '../mirror/mirror-world.ts'

let publisher: Publisher
let original: Record<string, string>
let store: MemoryStore
let trustedRoot: Buffer

beforeAll(async () => {
  publisher = await publishThree()
  original = await publicOf(publisher.store)
  trustedRoot = await bytesIn(publisher.store, 'tuf/metadata/1.root.json')
})
beforeEach(async () => {
  store = await copyOf(publisher.store)
})
afterAll(() => {
  publisher[Symbol.dispose]()
})

async function repair(
  sources: readonly BlobReader[] = [publisher.store],
  options: { readonly trustedRoot?: Buffer; readonly onNote?: (note: string) => void } = {},
): Promise<RepairReport> {
  return repairRepository(store, sources, { now: new Date(), trustedRoot, ...options })
}

const harms: readonly (readonly [string, (key: string) => Promise<unknown>])[] = [
  ['is gone', async (key) => store.delete(key)],
  ['is other bytes', async (key) => store.put(key, Buffer.from('other bytes'))],
  ['is cut off', async (key) => store.put(key, (await bytesIn(store, key)).subarray(0, -2))],
]

test('a whole repository is left as it is', async () => {
  const before = await store.stat(timestampKey)
  expect(await repair()).toMatchObject({ damages: [], mended: [] })
  expect(await store.stat(timestampKey)).toEqual(before)
})

/** Of what nothing that is visible, and no audit, depends on. */
const history = /^tuf\/metadata\/[123]\.(?:snapshot|releases|channels)\.json$/

test.each(harms)('each object that %s is put back', async (_, harm) => {
  for (const key of Object.keys(original).filter((one) => !history.test(one))) {
    await harm(key)
    const { damages, mended } = await repair()
    expect({ key, damages }).toEqual({ key, damages: [] })
    const isGonePack = key.startsWith('packs/') && mended.length === 0
    if (!isGonePack) expect(mended.map(({ what }) => what)).toContain(key)
    else await store.put(key, await bytesIn(publisher.store, key))
  }
  expect(await publicOf(store)).toEqual(original)
})

test('all of it but the trusted root is put back from a mirror', async () => {
  for (const key of await keysIn(store)) if (!history.test(key)) await store.delete(key)
  const { damages } = await repair()
  expect(damages).toEqual([])
  expect(await wholeIn(store)).toEqual([10, 11, 12])
  expect((await auditLog(store, {})).findings).toEqual([])
})

test('pieces come from whichever source has them, and a source that is down or lies is passed over', async () => {
  const chunks = await keysIn(store, 'chunks/')
  for (const key of chunks) await store.delete(key)
  const halves = [new MemoryStore(), new MemoryStore()]
  for (const [index, key] of chunks.entries()) {
    await halves[index % 2]?.put(key, await bytesIn(publisher.store, key))
    await halves[(index + 1) % 2]?.put(key, Buffer.from('a lie'))
  }
  const down = new FaultyStore(new MemoryStore(), {
    fault: ({ key }) => ({
      kind: 'fail-before',
      error: new StoreUnavailableError('down', key, 'is down', { transient: false }),
    }),
  })
  const notes: string[] = []
  const { damages, mended } = await repair([down, ...halves], { onNote: (note) => notes.push(note) })
  expect(damages).toEqual([])
  expect(mended).toHaveLength(chunks.length)
  expect(await publicOf(store)).toEqual(original)
  expect(notes.join()).toContain('is down')
})

test('chunks come from a chunk store of casync', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'vend-castr-'))
  try {
    for (const key of await keysIn(store, 'chunks/')) {
      const path = join(directory, key.slice('chunks/'.length))
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, await bytesIn(store, key))
      await store.delete(key)
    }
    const castr = new ChunkStoreReader(new FilesystemStore(directory))
    expect((await repair([castr])).damages).toEqual([])
    expect(await publicOf(store)).toEqual(original)
  } finally {
    rmSync(directory, { recursive: true })
  }
})

test('what no source has is told, and all else is mended', async () => {
  const [one = '', other = ''] = await keysIn(store, 'chunks/')
  for (const key of [one, other]) await store.delete(key)
  const source = await copyOf(publisher.store)
  await source.delete(one)
  const { damages, mended } = await repair([source])
  expect(damages).toMatchObject([{ kind: 'chunk', what: `chunk sha256:${one.slice(12, -6)}` }])
  expect(mended.map(({ what }) => what)).toEqual([other])
})

test('a damaged pack that no source has is deleted', async () => {
  const [key = ''] = await keysIn(store, 'packs/')
  await store.put(key, (await bytesIn(store, key)).subarray(0, 25))
  expect(await repair([new MemoryStore()])).toMatchObject({
    damages: [],
    mended: [{ what: key, from: undefined }],
  })
  expect(await store.stat(key)).toBeUndefined()
})

test('of a mirror of a part no more is mended than it has', async () => {
  const part = new MemoryStore()
  await mirror(publisher.store, part, { selection: { modules: ['tools'] } })
  const before = await publicOf(part)
  for (const key of await keysIn(part, 'chunks/')) await part.delete(key)
  const { damages } = await repairRepository(part, [publisher.store], { now: new Date(), trustedRoot })
  expect(damages).toEqual([])
  expect(await publicOf(part)).toEqual(before)
})

describe('nothing is made worse:', () => {
  test('a source of another repository is not believed', async () => {
    using other = await Publisher.create()
    await store.delete(timestampKey)
    const { damages, mended } = await repair([other.store])
    expect(damages).toMatchObject([{ kind: 'metadata' }])
    expect(mended).toEqual([])
    expect(await store.stat(timestampKey)).toBeUndefined()
    await expect(
      repair([other.store], { trustedRoot: await bytesIn(other.store, 'tuf/metadata/1.root.json') }),
    ).rejects.toMatchObject({ code: 'ROOT_MISMATCH' })
  })

  test('a timestamp that verifies is never replaced by that of a source, whether newer or older', async () => {
    const newer = await copyOf(publisher.store)
    await publishNext(publisher, 13, { store: newer })
    await store.delete('tuf/metadata/4.channels.json')
    const before = await bytesIn(store, timestampKey)
    expect((await repair([newer])).damages).toEqual([])
    expect((await bytesIn(store, timestampKey)).equals(before)).toBe(true)
    expect(await publicOf(store)).toEqual(original)
  })

  test('where the timestamp is lost, the newest of all sources takes its place', async () => {
    const newer = await copyOf(publisher.store)
    await refreshExpiry({ store: newer, keys: publisher.keys, now: publisher.now }, { onlyOnline: true })
    await store.put(timestampKey, Buffer.from('{}'))
    const notes: string[] = []
    expect((await repair([publisher.store, newer], { onNote: (note) => notes.push(note) })).damages).toEqual(
      [],
    )
    expect((await bytesIn(store, timestampKey)).equals(await bytesIn(newer, timestampKey))).toBe(true)
    expect(notes.join()).toContain('takes its place')
  })

  test('metadata that a source has forged is left out', async () => {
    const forged = await copyOf(publisher.store)
    for (const key of await keysIn(forged, 'tuf/')) {
      const text = (await bytesIn(forged, key)).toString()
      await forged.put(
        key,
        Buffer.from(text.replace(/"sig":"./, '"sig":"z').replace(/"version":\d+/, '"version":9')),
      )
    }
    for (const key of ['tuf/metadata/4.snapshot.json', 'tuf/metadata/1.targets.json']) {
      await store.delete(key)
      expect((await repair([forged])).damages).toMatchObject([{ kind: 'metadata' }])
      expect(await store.stat(key)).toBeUndefined()
      expect((await repair([forged, publisher.store])).damages).toEqual([])
    }
    expect(await publicOf(store)).toEqual(original)
  })

  test('a store without a repository and without a root to trust is no repository', async () => {
    store = new MemoryStore()
    await expect(repairRepository(store, [publisher.store], { now: new Date() })).rejects.toMatchObject({
      code: 'REPOSITORY_MISSING',
    })
  })
})
