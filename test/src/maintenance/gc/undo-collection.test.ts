import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CollectedRepository, dayMs, isChunk, objectsIn } from './collected-repository.ts'

let repository: CollectedRepository

beforeEach(async () => {
  repository = await CollectedRepository.create()
  await repository.begin()
})

afterEach(() => repository[Symbol.dispose]())

describe('undo', () => {
  test('takes back the sentence, which begins anew then', async () => {
    const garbage = await repository.leaveGarbage()
    repository.later(2 * dayMs)
    const { run } = await repository.collect()
    expect(await repository.undo()).toEqual({ run, releases: [] })
    repository.later(8 * dayMs)
    const again = await repository.collect()
    expect([objectsIn(again.swept), objectsIn(again.condemned)]).toEqual([0, garbage.length + 1])
    expect(await repository.has(garbage)).toBe('all')
  })

  test('lists releases again that the run retired', async () => {
    await repository.publish(2, 3, 4)
    repository.later(2 * dayMs)
    const { run } = await repository.collect({ keepLast: 1 })
    await repository.expectWhole([3, 4])
    expect(await repository.undo(run)).toEqual({ run, releases: [1, 2] })
    await repository.expectWhole([1, 2, 3, 4])
    repository.later(30 * dayMs)
    await repository.collect()
    await repository.expectWhole([1, 2, 3, 4])
  })

  test('can do so for as long as the quarantine lasts, whatever was condemned before', async () => {
    const garbage = await repository.leaveGarbage()
    repository.later(2 * dayMs)
    await repository.collect()
    repository.growNever()
    await repository.publisher.publish(2, ['base'])
    repository.publisher.tree('base').remove('never')
    await repository.publish(3, 4, 5)
    repository.later(7 * dayMs)
    const { run } = await repository.collect({ keepLast: 1 })
    repository.later(6 * dayMs)
    await repository.collect()
    expect(await repository.has(garbage.filter(isChunk))).toBe('all')
    await repository.undo(run)
    await repository.expectWhole([1, 2, 3, 4, 5])
  })

  test('is refused when something of it is removed already', async () => {
    await repository.publish(2, 3, 4)
    repository.later(2 * dayMs)
    const { run } = await repository.collect({ keepLast: 1 })
    const chunk = (await repository.garbage()).find(isChunk)
    await repository.store.delete(chunk ?? '')
    await expect(repository.undo(run)).rejects.toMatchObject({ code: 'COLLECTION_SWEPT' })
    await repository.expectWhole([3, 4])
  })

  test('is over with the quarantine', async () => {
    await repository.publish(2, 3, 4)
    repository.later(2 * dayMs)
    const { run } = await repository.collect({ keepLast: 1 })
    repository.later(8 * dayMs)
    expect(objectsIn((await repository.collect()).swept)).toBeGreaterThan(0)
    await expect(repository.undo(run)).rejects.toMatchObject({ code: 'COLLECTION_UNKNOWN' })
    expect((await repository.collect({ keepLast: 1, quarantineMs: 0 })).run).toBeUndefined()
  })

  test('is refused where there is nothing to take back', async () => {
    await expect(repository.undo()).rejects.toMatchObject({ code: 'COLLECTION_UNKNOWN' })
    await expect(repository.undo('yesterday')).rejects.toMatchObject({ code: 'COLLECTION_UNKNOWN' })
  })
})
