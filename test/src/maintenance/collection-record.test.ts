import { expect, test } from 'vitest'
import {
  collectionRecordKey,
  noteCollection,
  readCollectionRecord,
} from '../../../src/maintenance/collection-record.ts'
import type { Tally } from '../../../src/maintenance/gc/tally.ts'
import { MemoryStore } from '../../../storage/memory-store.ts'

const tally = (objects: number): Tally => ({
  chunk: { objects, bytes: 10 * objects },
  manifest: { objects: 0, bytes: 0 },
  pack: { objects: 1, bytes: 5 },
  sketches: { objects: 0, bytes: 0 },
})
const [first, second] = [new Date('2026-11-24T01:00:00Z'), new Date('2026-11-25T01:00:00Z')]

test('collections add up, and the last one says when', async () => {
  const store = new MemoryStore()
  expect(await readCollectionRecord(store)).toBeUndefined()
  await noteCollection(store, tally(3), first)
  expect(await readCollectionRecord(store)).toEqual({ ended: first, removed: tally(3) })
  await noteCollection(store, tally(4), second)
  const record = await readCollectionRecord(store)
  expect(record?.ended).toEqual(second)
  expect(record?.removed.chunk).toEqual({ objects: 7, bytes: 70 })
  expect(record?.removed.pack).toEqual({ objects: 2, bytes: 10 })
})

test('collections that end together are both counted', async () => {
  const store = new MemoryStore()
  await Promise.all([1, 2, 3].map(async (objects) => noteCollection(store, tally(objects), first)))
  expect((await readCollectionRecord(store))?.removed.chunk.objects).toBe(6)
})

test('what cannot be read is told, and replaced by the next collection', async () => {
  const store = new MemoryStore()
  await store.put(collectionRecordKey, Buffer.from('{}'))
  await expect(readCollectionRecord(store)).rejects.toMatchObject({ code: 'FORMAT_INVALID' })
  await noteCollection(store, tally(1), first)
  expect((await readCollectionRecord(store))?.removed.chunk.objects).toBe(1)
})
