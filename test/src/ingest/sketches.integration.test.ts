import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import type { Entry, FileEntry } from '../../../manifests/entry.ts'
import { verifyRepository } from '../../../src/maintenance/verify-repository.ts'
import { findModule } from '../../../src/repository/find-module.ts'
import { sketchesKey } from '../../../src/repository/layout.ts'
import { readSketches } from '../../../src/repository/read-sketches.ts'
import { encodeSketchSet, type SketchedContent, type SketchSet } from '../../../src/similarity/sketch-set.ts'
import { sketchOf, type Sketch } from '../../../src/similarity/sketch.ts'
import { MeteredStore, type StoreCall } from '../../../storage/metered-store.ts'
import { bytesIn, contentsOf, keysIn, Publisher } from '../../support/publisher.ts'
import { noise, type TreeRecipe } from '../../support/tree-recipe.ts'
import { DirectoryTree } from '../../../src/tree/tree-source.ts'

const prefix = 'private/sketches/'
let publisher: Publisher

beforeEach(async () => {
  publisher = await Publisher.create()
  onTestFinished(() => publisher[Symbol.dispose]())
})

function build(tree: TreeRecipe): TreeRecipe {
  for (let i = 0; i < 30; i++) tree.file(`small/${i}`, noise(i % 25, 100 + 700 * (i % 25)))
  for (let i = 0; i < 5; i++)
    tree.file(`large/${i}`, noise(100 + (i % 4), i === 3 ? 1_500_000 : 70_000 + 1000 * (i % 4)))
  tree.file('a', noise(200, 600)).file('a-again', noise(200, 600)).file('large/plain', Buffer.alloc(100_000))
  tree.link('link', 'small').hardlink('again', 'large/0').file('empty', '').shell('truncate -s 3M hole')
  tree.finish()
  return tree
}

async function moduleOf(version: number, from = publisher) {
  return findModule(await (await from.repository()).release(version), 'base')
}

async function keyOf(version: number): Promise<string> {
  return sketchesKey((await moduleOf(version)).manifest.digest)
}

async function readSet(version: number): Promise<SketchSet> {
  const set = await readSketches(publisher.store, await moduleOf(version))
  if (set === undefined) throw new Error('no sketches')
  return set
}

async function entriesOf(version: number): Promise<Entry[]> {
  const { entries } = await (await publisher.repository()).manifest(await moduleOf(version))
  return (await Array.fromAsync(entries)).map(({ entry }) => entry)
}

/** What the sketches should be, from the manifest and the chunks. */
async function expectedSketches(version: number) {
  const repository = await publisher.repository()
  const { chunkTable, close } = await repository.manifest(await moduleOf(version))
  await close()
  const stream = Buffer.concat(await Promise.all(chunkTable.map((chunk) => repository.chunk(chunk))))
  const entries = await entriesOf(version)
  const isFirst = (entry: FileEntry, ordinal: number): boolean =>
    entries.findIndex((other) => other.type === 'file' && other.digest === entry.digest) === ordinal
  return entries.flatMap((entry, ordinal) => {
    if (entry.type !== 'file' || entry.size < 512 || !isFirst(entry, ordinal)) return []
    const { size, offset, digest } = entry
    const sketch = sketchOf(stream.subarray(offset, offset + size))
    return [{ ordinal, size, digestStart: digest.slice(7, 23), sketch: sketch && [...sketch] }]
  })
}

async function storedSketches(version: number) {
  return [...(await readSet(version))].map(({ ordinal, size, digestStart, sketch }) => ({
    ordinal,
    size,
    digestStart: Buffer.from(digestStart).toString('hex'),
    sketch: sketch && [...sketch],
  }))
}

async function callsOf(work: (store: MeteredStore) => Promise<unknown>): Promise<StoreCall[]> {
  const calls: StoreCall[] = []
  await work(new MeteredStore(publisher.store, (call) => calls.push(call)))
  return calls
}

/** Puts a sketch that no content has in the place of each that the release has. */
async function markSketches(version: number): Promise<void> {
  const marked: SketchedContent[] = []
  for (const { ordinal, size, digestStart } of await readSet(version)) {
    marked.push({ ordinal, size, digestStart, sketch: mark })
  }
  await publisher.store.put(
    await keyOf(version),
    zstdCompressSync(Buffer.concat([...encodeSketchSet(marked)])),
  )
}

const mark = Uint32Array.of(1, 2, 3, 4) as Sketch

describe('a publish', () => {
  test('keeps the sketch of each content, at its first entry', async () => {
    build(publisher.tree('base'))
    await publisher.publish(1, ['base'], {}, { threads: 3 })
    const expected = await expectedSketches(1)
    expect(expected.length).toBeGreaterThan(25)
    expect(expected.filter(({ sketch }) => sketch === undefined)).toHaveLength(1)
    expect(await storedSketches(1)).toEqual(expected)
  })

  test('keeps the same bytes whatever the threads, and whatever was published before', async () => {
    const tree = build(publisher.tree('base'))
    await publisher.publish(1, ['base'])
    appendFileSync(join(tree.path, 'large/3'), noise(300, 5000))
    tree.file('small/3', noise(301, 9000)).file('new', noise(302, 200_000))
    await publisher.publish(2, ['base'])
    expect(await storedSketches(2)).toEqual(await expectedSketches(2))
    const after = await contentsOf(publisher.store, await keyOf(2))
    for (const threads of [1, 4]) {
      using other = await Publisher.create()
      await other.publish(
        2,
        [],
        { modules: [{ name: 'base', tree: new DirectoryTree(tree.path), includes: [] }] },
        { threads },
      )
      expect(await contentsOf(other.store, prefix)).toEqual(after)
    }
  })

  test('sketches only what no earlier release of the module has', async () => {
    const tree = build(publisher.tree('base'))
    await publisher.publish(1, ['base'])
    await markSketches(1)
    tree.file('small/3', noise(301, 9000))
    // Begins with the chunks of the old one, and is another.
    appendFileSync(join(tree.path, 'large/3'), noise(300, 5000))
    await publisher.publish(2, ['base'])
    const expected = await expectedSketches(2)
    const made = (await storedSketches(2)).filter(({ sketch }) => sketch?.join() !== mark.join())
    const entries = await entriesOf(2)
    expect(made.map(({ ordinal }) => entries[ordinal]?.path)).toEqual(['large/3', 'small/3'])
    for (const one of made) expect(expected).toContainEqual(one)
  })

  test('of the same tree writes none, and asks for those of the release before alone', async () => {
    build(publisher.tree('base'))
    await publisher.publish(1, ['base'])
    const calls = await callsOf((store) => publisher.publish(2, ['base'], {}, { store }))
    const ofSketches = calls.filter(({ key }) => key.startsWith(prefix))
    expect(ofSketches.map(({ operation, key }) => [operation, key])).toEqual([['get', await keyOf(1)]])
  })

  test('stores them before the manifest that they belong to', async () => {
    build(publisher.tree('base'))
    const calls = await callsOf((store) => publisher.publish(1, ['base'], {}, { store }))
    const writes = calls.filter(({ operation }) => operation === 'put').map(({ key }) => key)
    const [sketches, manifest] = [prefix, 'manifests/'].map((start) =>
      writes.findIndex((key) => key.startsWith(start)),
    )
    expect(sketches).toBeGreaterThanOrEqual(0)
    expect(manifest).toBeGreaterThan(sketches ?? Infinity)
  })
})

describe('sketches that are', () => {
  beforeEach(async () => {
    build(publisher.tree('base'))
    await publisher.publish(1, ['base'])
  })

  const harms: [string, (blob: Buffer) => Uint8Array | undefined][] = [
    ['absent', () => undefined],
    ['cut off', (blob) => blob.subarray(0, -50)],
    ['changed in one bit', (blob) => blob.fill((blob[100] ?? 0) ^ 1, 100, 101)],
    ['no frame', () => Buffer.from('something else')],
    ['of another format', () => zstdCompressSync(Buffer.from('something else'))],
    ['endless', () => zstdCompressSync(Buffer.alloc(50 << 20))],
    ['not whole', (blob) => zstdCompressSync(zstdDecompressSync(blob).subarray(0, -4))],
  ]

  test.each(harms)('%s are made again by the next release, and are no damage', async (_, harm) => {
    const key = await keyOf(1)
    const good = await contentsOf(publisher.store, prefix)
    const harmed = harm(await bytesIn(publisher.store, key))
    if (harmed === undefined) await publisher.store.delete(key)
    else await publisher.store.put(key, harmed)
    expect(await readSketches(publisher.store, await moduleOf(1))).toBeUndefined()
    const { damages } = await verifyRepository(publisher.store, { now: publisher.now })
    expect(damages).toEqual([])
    publisher.tree('base').file('new', noise(400, 5000))
    await publisher.publish(2, ['base'])
    expect(await storedSketches(2)).toEqual(await expectedSketches(2))
    if (harmed !== undefined) {
      publisher.tree('base').shell('rm new').finish()
      await publisher.publish(1, ['base'], { mend: true })
      expect(await contentsOf(publisher.store, key)).toEqual(good)
    }
  })

  test('absent come back when the release is published again', async () => {
    const good = await contentsOf(publisher.store, prefix)
    await publisher.store.delete(await keyOf(1))
    expect(await publisher.publish(1, ['base'])).toMatchObject({ changed: false })
    expect(await contentsOf(publisher.store, prefix)).toEqual(good)
  })

  test('of a store that does not answer are an error', async () => {
    const failing = {
      name: 'failing',
      get: () =>
        Promise.reject(Object.assign(new Error('down'), { code: 'STORE_UNAVAILABLE', transient: true })),
    }
    const store = Object.assign(Object.create(publisher.store) as typeof publisher.store, failing)
    await expect(readSketches(store, await moduleOf(1))).rejects.toThrow('down')
    expect(await keysIn(publisher.store, prefix)).toHaveLength(1)
  })
})
