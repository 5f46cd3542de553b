import { mkdtemp, readdir, readFile, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { BlobBody, BlobInfo } from '../../../storage/blob-store.ts'
import { MemoryStore } from '../../../storage/memory-store.ts'
import { DirectoryTier } from '../../../src/server/object-cache-directory.ts'
import { openObjectCache } from '../../../src/server/object-cache-open.ts'
import { ObjectCache, type CacheOutcome } from '../../../src/server/object-cache.ts'
import { noise } from '../../support/tree-recipe.ts'
import { recordingLogger } from './served.ts'

let directory: string
let failures: unknown[]

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vend-cache-'))
  failures = []
})

afterEach(async () => rm(directory, { recursive: true, force: true }))

function tier(maxBytes = 1e6, storeName = 'memory:'): DirectoryTier {
  return new DirectoryTier({ directory, maxBytes, storeName, onFailure: (error) => failures.push(error) })
}

function infoOf(key: string, bytes: Uint8Array, etag = '1'): BlobInfo {
  return { key, bytes: bytes.length, etag, modified: new Date(1000) }
}

async function files(suffix = ''): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith(suffix))
    .map((entry) => join(entry.parentPath, entry.name))
}

async function heldBytes(): Promise<number> {
  const sizes = await Promise.all((await files()).map(async (path) => (await stat(path)).size))
  return sizes.reduce((sum, size) => sum + size, 0)
}

test('what one process wrote, another reads, and another store does not', async () => {
  const bytes = noise(1, 5000)
  await tier().write('a', infoOf('a', bytes), bytes)
  const read = await tier().read('a')
  expect(read?.info).toEqual(infoOf('a', bytes))
  expect(Buffer.from(read?.bytes ?? []).equals(bytes)).toBe(true)
  expect(await tier(1e6, 's3://other').read('a')).toBeUndefined()
  expect(await tier().read('b')).toBeUndefined()
  expect(failures).toEqual([])
})

test.each<[string, (path: string) => Promise<void>]>([
  ['cut', async (path) => truncate(path, 3000)],
  ['emptied', async (path) => truncate(path, 0)],
  [
    'of another length',
    async (path) => writeFile(path, Buffer.concat([await readFile(path), Buffer.from('x')])),
  ],
  [
    'of other bytes',
    async (path) => {
      const content = await readFile(path)
      content[2000] = (content[2000] ?? 0) ^ 1
      await writeFile(path, content)
    },
  ],
  ['zeros', async (path) => writeFile(path, Buffer.alloc((await stat(path)).size))],
])('a file that is %s is no object, and goes', async (_, damage) => {
  const bytes = noise(1, 5000)
  await tier().write('a', infoOf('a', bytes), bytes)
  const [path = ''] = await files()
  await damage(path)
  expect(await tier().read('a')).toBeUndefined()
  expect(await files()).toEqual([])
})

test('the files stay within the bound, and those longest of no use go first', async () => {
  const cache = tier(1_000_000)
  const bytes = noise(1, 15_000)
  for (let i = 0; i < 90; i++) {
    await cache.write(`k${i}`, infoOf(`k${i}`, bytes), bytes)
    const [newest] = await Promise.all(
      (await files()).map(async (path) => ({ path, info: await stat(path) })),
    )
    if (newest !== undefined && i === 0) await utimes(newest.path, new Date(0), new Date(0))
    expect(await heldBytes()).toBeLessThanOrEqual(1_000_000 + 100)
  }
  expect(await cache.read('k0')).toBeUndefined()
  expect((await files()).length).toBeGreaterThan(50)
})

test('what writers left that were killed is removed, and what is being written is not', async () => {
  const bytes = noise(1, 5000)
  await tier().write('a', infoOf('a', bytes), bytes)
  const [path = ''] = await files()
  await writeFile(`${path}.0123.tmp`, 'half')
  await writeFile(`${path}.4567.tmp`, 'half')
  const longAgo = new Date(Date.now() - 11 * 60_000)
  await utimes(`${path}.0123.tmp`, longAgo, longAgo)
  await tier().write('b', infoOf('b', bytes), bytes)
  expect(await files('.tmp')).toEqual([`${path}.4567.tmp`])
})

test('a directory that cannot be used is told of, and harms nobody', async () => {
  await writeFile(join(directory, 'file'), '')
  const broken = new DirectoryTier({
    directory: join(directory, 'file'),
    maxBytes: 1e6,
    storeName: 'memory:',
    onFailure: (error) => failures.push(error),
  })
  const bytes = noise(1, 5000)
  expect(await broken.read('a')).toBeUndefined()
  await broken.write('a', infoOf('a', bytes), bytes)
  expect(failures).toHaveLength(2)
})

test('the log has a directory that cannot be used once a minute, and requests are answered', async () => {
  await writeFile(join(directory, 'file'), '')
  const store = new MemoryStore()
  const { logger, lines } = recordingLogger()
  let time = 0
  const options = { maxBytes: 1e6, directory: { path: join(directory, 'file'), maxBytes: 1e6 } }
  const cache = openObjectCache(store, options, { logger, now: () => time })
  const told: number[] = []
  for (const [i, at] of [0, 1000, 59_999, 60_000].entries()) {
    time = at
    const key = `manifests/${String(i).repeat(64)}.ndjson.zst`
    await store.put(key, noise(i, 5000))
    expect((await contentOf(await cache.get(key))).equals(noise(i, 5000))).toBe(true)
    told.push(lines.length)
  }
  expect(told).toEqual([1, 1, 1, 2])
})

test('a cache that begins anew takes from the directory what the store still has', async () => {
  const store = new MemoryStore()
  const bytes = noise(1, 5000)
  await store.put('a', bytes)
  const outcomes: CacheOutcome[] = []
  const begin = (): ObjectCache =>
    new ObjectCache(store, {
      maxBytes: 1e6,
      isImmutable: () => true,
      directory: tier(),
      now: () => performance.now(),
      onRead: (outcome) => outcomes.push(outcome),
    })
  expect((await contentOf(await begin().get('a'))).equals(bytes)).toBe(true)
  await expect.poll(async () => files('.object')).toHaveLength(1)
  expect((await contentOf(await begin().get('a'))).equals(bytes)).toBe(true)
  expect(outcomes).toEqual(['store', 'directory'])

  // Of long ago: the store is asked whether it is still so.
  const mended = noise(2, 5000)
  await store.put('a', mended)
  const [path = ''] = await files()
  await utimes(path, new Date(0), new Date(0))
  expect((await contentOf(await begin().get('a'))).equals(mended)).toBe(true)
  expect(outcomes.at(-1)).toBe('store')
  await expect.poll(async () => (await tier().read('a'))?.info.etag).toBe((await store.stat('a'))?.etag)
})

async function contentOf({ stream }: BlobBody): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of stream as AsyncIterable<Buffer>) pieces.push(piece)
  return Buffer.concat(pieces)
}
