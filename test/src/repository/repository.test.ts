import { zstdCompressSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { ChunkRef } from '../../../manifests/manifest.ts'
import type { ReleaseModule } from '../../../manifests/release.ts'
import { verifyRepository } from '../../../src/maintenance/verify-repository.ts'
import { commit } from '../../../src/repository/commit.ts'
import {
  chunkHexOf,
  chunkKey,
  leaseKey,
  manifestKey,
  metadataKey,
  targetKey,
  timestampKey,
} from '../../../src/repository/layout.ts'
import { loadState } from '../../../src/repository/repository-state.ts'
import type { Repository } from '../../../src/repository/repository.ts'
import { digestFromHex } from '../../../manifests/digest.ts'
import { MemoryStore } from '../../../storage/memory-store.ts'
import { bytesIn, contentsOf, keysIn, Publisher } from '../../support/publisher.ts'
import { noise } from '../../support/tree-recipe.ts'

let publisher: Publisher
const whole = new Map<string, Buffer>()
let repository: Repository
let module: ReleaseModule
let chunk: ChunkRef

beforeAll(async () => {
  publisher = await Publisher.create()
  const tree = publisher.tree('base')
  for (let i = 0; i < 300; i++) tree.file(`d/${i}`, noise(i, 300))
  await publisher.publish(1, ['base'])
  for (const key of await keysIn(publisher.store)) whole.set(key, await bytesIn(publisher.store, key))
  repository = await publisher.repository()
  module = (await repository.release(1)).modules['base'] ?? never()
  chunk = (await repository.manifest(module)).chunkTable[0] ?? never()
})
beforeEach(async () => {
  for (const [key, bytes] of whole) await publisher.store.put(key, bytes)
})
afterAll(() => publisher[Symbol.dispose]())

function never(): never {
  throw new Error('the release has no content')
}

async function readAll(): Promise<number> {
  let entries = 0
  for await (const _ of (await repository.manifest(module)).entries) entries++
  return entries
}

const damages: readonly (readonly [string, (bytes: Buffer) => Buffer])[] = [
  [
    'a flipped bit',
    (bytes) => Buffer.from(bytes.map((byte, i) => (i === bytes.length >> 1 ? byte ^ 16 : byte))),
  ],
  [
    'a flipped bit near its end',
    (bytes) => Buffer.from(bytes.map((byte, i) => (i === bytes.length - 5 ? byte ^ 1 : byte))),
  ],
  ['its end cut off', (bytes) => bytes.subarray(0, -3)],
  ['its second half cut off', (bytes) => bytes.subarray(0, bytes.length >> 1)],
  ['nothing in it', () => Buffer.alloc(0)],
  ['garbage in it', (bytes) => Buffer.alloc(bytes.length, 7)],
  ['a frame of something else in it', () => zstdCompressSync(Buffer.from('{}\n'.repeat(500)))],
  ['a byte too many', (bytes) => Buffer.concat([bytes, Buffer.from('x')])],
]

async function damage(key: string, change: (bytes: Buffer) => Buffer): Promise<void> {
  await publisher.store.put(key, change(whole.get(key) ?? never()))
}

function corrupt(key: string): object {
  return {
    code: 'REPOSITORY_CORRUPT',
    message: expect.stringContaining(key) as string,
    hint: expect.any(String) as string,
  }
}

test('reads what was published', async () => {
  expect(await readAll()).toBe(302)
  expect((await repository.chunk(chunk)).length).toBe(chunk.size)
})

describe.each(damages)('with %s', (_, change) => {
  test('a manifest is called damaged by its key', async () => {
    const key = manifestKey(module.manifest.digest)
    await damage(key, change)
    await expect(readAll()).rejects.toMatchObject(corrupt(key))
  })

  test('a chunk is called damaged by its key', async () => {
    const key = chunkKey(chunk.digest)
    await damage(key, change)
    await expect(repository.chunk(chunk)).rejects.toMatchObject(corrupt(key))
  })

  test('a release document is called damaged by its key', async () => {
    const key = (await keysIn(publisher.store, 'tuf/targets/releases/'))[0] ?? never()
    await damage(key, change)
    await expect(repository.release(1)).rejects.toMatchObject(corrupt(key))
  })

  test.each(['snapshot', 'targets', 'releases', 'channels'])('%s.json is not believed', async (role) => {
    const { version } = repository.state[role as 'snapshot'].metadata.signed
    await damage(metadataKey(role, version), change)
    await expect(loadState(publisher.store)).rejects.toMatchObject({
      code: 'METADATA_INVALID',
      message: expect.stringContaining(role) as string,
    })
  })

  test('the root and the timestamp are not believed', async () => {
    for (const key of [timestampKey, metadataKey('root', 1)]) {
      await damage(key, change)
      const loaded = loadState(publisher.store, { trustedRoot: publisher.keys.trustedRoot() })
      await expect(loaded).rejects.toMatchObject({
        code: expect.stringMatching(/METADATA_INVALID|ROOT_MISMATCH/) as string,
      })
      await publisher.store.put(key, whole.get(key) ?? never())
    }
  })
})

test('what is missing is named', async () => {
  const document = (await keysIn(publisher.store, 'tuf/targets/releases/'))[0] ?? never()
  const snapshot = metadataKey('snapshot', repository.state.snapshot.metadata.signed.version)
  const reads = [
    [manifestKey(module.manifest.digest), readAll],
    [chunkKey(chunk.digest), async () => repository.chunk(chunk)],
    [document, async () => repository.release(1)],
    [snapshot, async () => loadState(publisher.store)],
  ] as const
  for (const [key, read] of reads) {
    await publisher.store.delete(key)
    await expect(read()).rejects.toMatchObject({
      code: 'REPOSITORY_CORRUPT',
      message: expect.stringContaining(key) as string,
    })
  }
})

test('what never was is unknown', async () => {
  await expect(repository.release(2)).rejects.toMatchObject({
    code: 'RELEASE_UNKNOWN',
    hint: 'the latest release is 1',
  })
  await expect(repository.channel('beta')).rejects.toMatchObject({
    code: 'CHANNEL_UNKNOWN',
    hint: 'there are: stable',
  })
  expect(await repository.findChannel('beta')).toBeUndefined()
  await expect(loadState(new MemoryStore())).rejects.toMatchObject({ code: 'REPOSITORY_MISSING' })
})

test('names that every object has are no names', async () => {
  for (const name of ['__proto__', 'constructor', 'toString'])
    expect(await repository.findChannel(name)).toBeUndefined()
})

test('a reader that stops early leaves nothing behind', async () => {
  const { entries, close } = await repository.manifest(module)
  for await (const _ of entries) break
  await close()
  const { close: closeAtOnce } = await repository.manifest(module)
  await closeAtOnce()
})

test('a state is what it was, whatever is published later', async () => {
  const tree = publisher.tree('base')
  tree.file('d/0', 'changed')
  await publisher.publish(2, ['base'])
  expect(repository.releaseVersions()).toEqual([1])
  expect(await readAll()).toBe(302)
  expect((await publisher.repository()).releaseVersions()).toEqual([1, 2])
  for (const key of (await contentsOf(publisher.store)).keys())
    if (!whole.has(key)) await publisher.store.delete(key)
})

test('every key is one that says what it is', () => {
  const digest = digestFromHex('0123456789abcdef'.repeat(4))
  const hex = '0123456789abcdef'.repeat(4)
  expect(chunkKey(digest)).toBe(`chunks/0123/${hex}.cacnk`)
  expect(manifestKey(digest)).toBe(`manifests/${hex}.ndjson.zst`)
  expect(metadataKey('root', 3)).toBe('tuf/metadata/3.root.json')
  expect(targetKey('releases/10.json', digest)).toBe(`tuf/targets/releases/${hex}.10.json`)
  expect(leaseKey(10, 'ab3')).toBe('private/publishes/ab3-10.json')
  expect(chunkHexOf(chunkKey(digest))).toBe(hex)
  for (const other of [
    `chunks/0124/${hex}.cacnk`,
    `chunks/0123/${hex}.cacnk.tmp`,
    `x/chunks/0123/${hex}.cacnk`,
  ]) {
    expect(chunkHexOf(other)).toBeUndefined()
  }
})

test('a document under the name of another is damage', async () => {
  const { store, keys, now } = publisher
  const document = await bytesIn(store, [...whole.keys()].find((key) => key.includes('/releases/')) ?? '')
  const channel = await bytesIn(store, [...whole.keys()].find((key) => key.includes('/channels/')) ?? '')
  await commit({ store, keys, now }, await loadState(store), {
    releases: new Map([['releases/2.json', document]]),
    channels: new Map([['channels/beta.json', channel]]),
  })
  const mixed = await publisher.repository()
  const isDamage = { code: 'REPOSITORY_CORRUPT' }
  await expect(mixed.release(2)).rejects.toMatchObject(isDamage)
  await expect(mixed.release(2)).rejects.toThrow('the document of version 2 is that of version 1')
  for (const read of [mixed.channel('beta'), mixed.findChannel('beta')]) {
    await expect(read).rejects.toMatchObject(isDamage)
  }
  const { damages: found } = await verifyRepository(store, { now })
  expect(found.map(({ what }) => what)).toEqual(['release 2', 'channel beta'])
  expect(await mixed.release(1)).toMatchObject({ version: 1 })
})
