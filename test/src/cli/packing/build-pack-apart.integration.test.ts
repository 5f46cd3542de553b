import { readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { MemoryStore } from '../../../../storage/memory-store.ts'
import { buildPackApart } from '../../../../src/cli/packing/build-pack-apart.ts'
import { ensurePack } from '../../../../src/delivery/ensure-pack.ts'
import type { PackEnd } from '../../../../src/delivery/pack-requests.ts'
import { packKey } from '../../../../src/repository/layout.ts'
import { loadState } from '../../../../src/repository/repository-state.ts'
import { Repository } from '../../../../src/repository/repository.ts'
import { FaultyStore, type FaultyCall, type Fault } from '../../../support/faulty-store.ts'
import { counterStream } from '../../../support/byte-recipes.ts'
import { bytesOf, keysOf, PublishedRepository } from '../../server/published-repository.ts'

const store = new MemoryStore()
let published: PublishedRepository
let repository: Repository
let [from, to]: PackEnd[] = []
let key: string

beforeAll(async () => {
  published = await PublishedRepository.create(store)
  const content = counterStream('build-pack-apart', 300_000)
  await published.publish(1, { base: [['lib/one', content]] })
  const changed = Buffer.concat([content.subarray(0, 150_000), Buffer.from('!'), content.subarray(150_000)])
  await published.publish(2, { base: [['lib/one', changed]] })
  repository = new Repository(store, await loadState(store))
  ;[from, to] = await Promise.all([1, 2].map(endOf))
  key = packKey(from?.digest, to?.digest ?? expect.fail())
})

afterAll(async () => published[Symbol.asyncDispose]())

async function endOf(version: number): Promise<PackEnd> {
  const { manifest, contentBytes } =
    (await repository.release(version)).modules['base'] ?? expect.fail('no module')
  return { ...manifest, contentBytes }
}

async function build(
  through: MemoryStore | FaultyStore,
  signal = new AbortController().signal,
): Promise<{ readonly bytes: number; readonly isNew: boolean }> {
  return buildPackApart(through, { threads: 1 })(from, to ?? expect.fail(), signal)
}

function failing(fault: (call: FaultyCall) => Fault | undefined): FaultyStore {
  return new FaultyStore(store, { fault })
}

async function scratchDirectories(): Promise<string[]> {
  return (await readdir(tmpdir())).filter((name) => name.startsWith('vend-packing-'))
}

test('a process makes the pack that this one would make', async () => {
  await ensurePack(store, { repository, from, to: to ?? expect.fail(), threads: 1 })
  const expected = await bytesOf(store, key)
  await store.delete(key)
  expect(await build(store)).toEqual({ bytes: expected.length, isNew: true })
  expect((await bytesOf(store, key)).equals(expected)).toBe(true)
  expect(await build(store)).toEqual({ bytes: expected.length, isNew: false })
})

test('what is missing in the store is told as it is', async () => {
  await store.delete(key)
  const manifest = (await keysOf(store, 'manifests/')).find((each) =>
    each.includes(to?.digest.slice(7) ?? '?'),
  )
  const bytes = await bytesOf(store, manifest ?? expect.fail())
  await store.delete(manifest ?? '')
  await expect(build(store)).rejects.toMatchObject({ code: 'REPOSITORY_CORRUPT' })
  await store.put(manifest ?? '', bytes)
})

test('a store that does not answer, and one that takes nothing, are told as they are', async () => {
  await store.delete(key)
  const silent = failing(({ key: asked }) =>
    asked.startsWith('chunks/') ? { kind: 'fail-before' } : undefined,
  )
  await expect(build(silent)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  const readOnly = failing(({ operation }) =>
    operation === 'put'
      ? { kind: 'fail-before', error: Object.assign(new Error('read-only'), { code: 'STORE_DENIED' }) }
      : undefined,
  )
  await expect(build(readOnly)).rejects.toMatchObject({ code: 'STORE_DENIED', message: 'read-only' })
})

test('an aborted build ends at once, and leaves nothing behind', async () => {
  const before = await scratchDirectories()
  const controller = new AbortController()
  const reached = Promise.withResolvers<void>()
  const stuck = failing(({ key: asked }) => {
    if (!asked.startsWith('manifests/')) return undefined
    reached.resolve()
    return { kind: 'delay', ms: 60_000 }
  })
  const building = build(stuck, controller.signal)
  await reached.promise
  expect((await scratchDirectories()).length).toBeGreaterThan(before.length)
  controller.abort(new Error('enough'))
  await expect(building).rejects.toThrow('enough')
  expect(await scratchDirectories()).toEqual(before)
  await expect(build(store, controller.signal)).rejects.toThrow('enough')
  expect(await store.stat(key)).toBeUndefined()
})
