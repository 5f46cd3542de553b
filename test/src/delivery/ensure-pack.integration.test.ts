import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { ensurePack, previewPack, type PackRequest } from '../../../src/delivery/ensure-pack.ts'
import type { PackProgress } from '../../../src/delivery/make-pack.ts'
import type { ManifestRef } from '../../../src/delivery/plan-pack.ts'
import { packKey } from '../../../src/repository/layout.ts'
import type { Repository } from '../../../src/repository/repository.ts'
import { FilesystemStore } from '../../../storage/filesystem-store.ts'
import { MemoryStore } from '../../../storage/memory-store.ts'
import { expectApplies } from '../../support/applied-pack.ts'
import { bytesIn, contentsOf, keysIn, Publisher } from '../../support/publisher.ts'
import { firstTree, secondTree } from '../../support/release-trees.ts'
import { DirectoryTree } from '../../../src/tree/tree-source.ts'

let publisher: Publisher
let scratch: string

beforeEach(async () => {
  publisher = await Publisher.create()
  scratch = mkdtempSync(join(tmpdir(), 'vend-scratch-'))
  vi.stubEnv('TMPDIR', scratch)
  onTestFinished(() => {
    vi.unstubAllEnvs()
    vi.useRealTimers()
    publisher[Symbol.dispose]()
    rmSync(scratch, { recursive: true })
  })
})

interface Pair {
  readonly repository: Repository
  readonly from: ManifestRef
  readonly to: ManifestRef
}

async function publishBoth(by: Publisher = publisher): Promise<Pair> {
  firstTree(by.tree('one'))
  await by.publish(1, [], {
    modules: [{ name: 'base', tree: new DirectoryTree(by.tree('one').path), includes: [] }],
  })
  secondTree(by.tree('two'))
  await by.publish(2, [], {
    modules: [{ name: 'base', tree: new DirectoryTree(by.tree('two').path), includes: [] }],
  })
  const repository = await by.repository()
  return { repository, from: await manifestOf(repository, 1), to: await manifestOf(repository, 2) }
}

async function manifestOf(repository: Repository, version: number): Promise<ManifestRef> {
  const { modules } = await repository.release(version)
  return modules['base']?.manifest as ManifestRef
}

describe('a pack', () => {
  test('is stored once, and gives back every content that is new', async () => {
    const pair = await publishBoth()
    const progress: PackProgress[] = []
    const built = await ensurePack(publisher.store, { ...pair, onProgress: (one) => progress.push(one) })
    expect(built).toMatchObject({ key: packKey(pair.from.digest, pair.to.digest), isNew: true })
    const pack = await bytesIn(publisher.store, built.key)
    expect(pack).toHaveLength(built.bytes)
    const reader = await expectApplies(pair.repository, pack, pair.from, pair.to)
    expect(reader.header.groups.length).toBeGreaterThan(1)
    expect(built.contents.filter(({ isPredicted }) => isPredicted).length).toBeGreaterThan(1)
    const { total } = progress.at(-1) as PackProgress
    expect(progress.at(-1)).toEqual({ phase: 'making', done: total, total })
    const before = await contentsOf(publisher.store)
    expect(await ensurePack(publisher.store, pair)).toMatchObject({
      key: built.key,
      bytes: built.bytes,
      isNew: false,
      contents: [],
    })
    expect(await contentsOf(publisher.store)).toEqual(before)
    expect(readdirSync(scratch)).toEqual([])
  })

  test('is far smaller than what it makes', async () => {
    const pair = await publishBoth()
    const { bytes, contents } = await previewPack(pair)
    const whole = contents.reduce((sum, { size }) => sum + size, 0)
    expect(bytes).toBeLessThan(whole / 10)
  })

  test('of a first install needs nothing', async () => {
    const { repository, to } = await publishBoth()
    const built = await ensurePack(publisher.store, { repository, from: undefined, to })
    expect(built.contents.every(({ bases }) => bases.length === 0)).toBe(true)
    expect(built.key).toBe(packKey(undefined, to.digest))
    await expectApplies(repository, await bytesIn(publisher.store, built.key), undefined, to)
  })

  test('leads back as well, and from a manifest to itself', async () => {
    const { repository, from, to } = await publishBoth()
    for (const pair of [
      { from: to, to: from },
      { from: to, to },
    ]) {
      const built = await ensurePack(publisher.store, { repository, ...pair })
      const pack = await bytesIn(publisher.store, built.key)
      await expectApplies(repository, pack, pair.from, pair.to)
    }
  })

  test('that is only looked at is not stored', async () => {
    const pair = await publishBoth()
    const before = await contentsOf(publisher.store)
    const seen = await previewPack(pair)
    expect(seen).toMatchObject({ isNew: true })
    expect(await contentsOf(publisher.store)).toEqual(before)
    expect(readdirSync(scratch)).toEqual([])
    expect(await ensurePack(publisher.store, pair)).toMatchObject({ bytes: seen.bytes })
  })
})

describe('the same two manifests', () => {
  test('give the same bytes with any number of threads, from any store, on any day', async () => {
    const packs: Buffer[] = []
    const build = async (request: PackRequest, store: Publisher['store']): Promise<void> => {
      const { key } = await ensurePack(store, request)
      packs.push(await bytesIn(store, key))
      await store.delete(key)
    }
    const pair = await publishBoth()
    for (const threads of [1, 3, 3]) await build({ ...pair, threads }, publisher.store)
    vi.useFakeTimers({ now: new Date('2031-05-06T07:08:09Z'), toFake: ['Date'] })
    await build({ ...pair, threads: 2 }, publisher.store)
    vi.useRealTimers()
    const copy = new FilesystemStore(join(scratch, 'store'))
    const other = new MemoryStore()
    for (const key of await keysIn(publisher.store)) {
      const bytes = await bytesIn(publisher.store, key)
      await copy.put(key, bytes)
      await other.put(key, bytes)
    }
    for (const store of [copy, other]) {
      await build({ ...pair, repository: await publisher.repository(store), threads: 2 }, store)
    }
    expect(packs).toHaveLength(6)
    for (const pack of packs) expect(pack.equals(packs[0] as Buffer)).toBe(true)
  })
})

describe('a build that is interrupted', () => {
  test.each(['reading', 'making'] as const)(
    'while %s stores nothing and leaves nothing behind',
    async (phase) => {
      const pair = await publishBoth()
      const before = await contentsOf(publisher.store)
      const abort = new AbortController()
      const onProgress = (progress: PackProgress): void => {
        if (progress.phase === phase) abort.abort(new Error('enough'))
      }
      const built = ensurePack(publisher.store, { ...pair, signal: abort.signal, onProgress })
      await expect(built).rejects.toThrow('enough')
      expect(await contentsOf(publisher.store)).toEqual(before)
      expect(readdirSync(scratch)).toEqual([])
    },
  )

  test('before it began does nothing', async () => {
    const pair = await publishBoth()
    const signal = AbortSignal.abort(new Error('too late'))
    await expect(ensurePack(publisher.store, { ...pair, signal })).rejects.toThrow('too late')
    expect(readdirSync(scratch)).toEqual([])
  })
})

test('a chunk that is damaged ends the build, which stores nothing', async () => {
  const pair = await publishBoth()
  const chunks = await keysIn(publisher.store, 'chunks/')
  for (const key of chunks) await publisher.store.put(key, Buffer.from('damage'))
  const before = await contentsOf(publisher.store)
  await expect(ensurePack(publisher.store, pair)).rejects.toThrow(/chunk/)
  expect(await contentsOf(publisher.store)).toEqual(before)
  expect(readdirSync(scratch)).toEqual([])
})
