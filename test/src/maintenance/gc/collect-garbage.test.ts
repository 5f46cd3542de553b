import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { chunkKey, manifestKey, sketchesKey, timestampKey } from '../../../../src/repository/layout.ts'
import { leaseLifeMs, takeLease } from '../../../../src/repository/lease.ts'
import { digestOf } from '../../../../manifests/digest.ts'
import { FaultyStore } from '../../../support/faulty-store.ts'
import { bytesIn, contentsOf, keysIn } from '../../../support/publisher.ts'
import type { CollectionReport } from '../../../../src/maintenance/gc/collection-report.ts'
import { CollectedRepository, dayMs, isChunk, objectsIn, hourMs } from './collected-repository.ts'

let repository: CollectedRepository

beforeEach(async () => {
  repository = await CollectedRepository.create()
  await repository.begin()
})

afterEach(() => repository[Symbol.dispose]())

describe('what nothing names', () => {
  test('is condemned when it is old, and removed when it was that for long enough', async () => {
    const garbage = await repository.leaveGarbage()
    repository.later(2 * dayMs)
    const first = await repository.collect()
    expect(objectsIn(first.condemned)).toBe(garbage.length + 1)
    expect(first.condemned.chunk.bytes).toBeGreaterThan(300_000)
    expect(objectsIn(first.swept)).toBe(0)
    expect(await repository.has(garbage)).toBe('all')
    repository.later(6 * dayMs)
    const second = await repository.collect()
    expect([objectsIn(second.condemned), objectsIn(second.waiting)]).toEqual([0, garbage.length + 1])
    expect(second.run).toBeUndefined()
    repository.later(2 * dayMs)
    const third = await repository.collect()
    expect(objectsIn(third.swept)).toBe(garbage.length + 1)
    expect(await repository.has(garbage)).toBe('none')
    repository.later(hourMs)
    await repository.collect()
    expect(await keysIn(repository.store, 'private/')).toEqual([
      expect.stringMatching(/^private\/sketches\//) as string,
    ])
    await repository.expectWhole([1])
  })

  test('is left alone while it is young', async () => {
    const garbage = await repository.leaveGarbage()
    repository.later(dayMs - 1)
    const report = await repository.collect({ quarantineMs: 0 })
    expect(objectsIn(report.young)).toBe(garbage.length + 1)
    expect(await repository.has(garbage)).toBe('all')
    repository.later(2)
    await repository.collect({ quarantineMs: 0 })
    expect(await repository.has(garbage)).toBe('none')
  })

  test('is left alone when it was stored since a publish began that lives', async () => {
    const { store } = repository
    await using lease = await takeLease(store, 51, new Date())
    const garbage = await repository.leaveGarbage()
    repository.later(3 * dayMs)
    await lease.renew()
    const report = await repository.collect({ quarantineMs: 0 })
    expect([report.publishesUnderWay, objectsIn(report.young)]).toEqual([1, garbage.length + 1])
    expect(await repository.has(garbage)).toBe('all')
    repository.later(leaseLifeMs + 1)
    await repository.collect({ quarantineMs: 0 })
    expect(await repository.has(garbage)).toBe('none')
  })

  test('is removed though it was stored before a publish began that lives', async () => {
    const garbage = await repository.leaveGarbage()
    repository.later(leaseLifeMs + 1)
    await using _lease = await takeLease(repository.store, 51, new Date())
    await repository.collect({ quarantineMs: 0, graceMs: 0 })
    expect(await repository.has(garbage)).toBe('none')
  })

  test('is kept when a release names it again', async () => {
    const garbage = await repository.leaveGarbage()
    repository.later(2 * dayMs)
    await repository.collect()
    repository.growNever()
    await repository.publisher.publish(2, ['base'])
    repository.later(30 * dayMs)
    expect((await repository.collect()).swept.chunk.objects).toBe(0)
    expect(await repository.has(garbage.filter(isChunk))).toBe('all')
    await repository.expectWhole([1, 2])
  })

  test('is kept when a publish wins the race, and names it', async () => {
    await repository.leaveGarbage()
    repository.later(2 * dayMs)
    repository.growNever()
    const [fences, committed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const store = new FaultyStore(repository.store, {
      onWrite: async ({ operation, key, moment }) => {
        if (moment === 'after' || operation !== 'replace' || key !== timestampKey) return
        fences.resolve()
        await committed.promise
      },
    })
    let collecting: Promise<CollectionReport> | undefined
    await repository.publisher.publish(
      2,
      ['base'],
      {},
      {
        beforeVisible: async () => {
          collecting = repository.collect({ quarantineMs: 0, graceMs: 0, store })
          await fences.promise
        },
      },
    )
    committed.resolve()
    const report = await collecting
    expect(report?.swept.chunk.objects).toBe(0)
    await repository.expectWhole([1, 2])
  })

  test('of what nobody knows what it is, nothing is touched', async () => {
    const others = [
      'chunks/readme',
      `chunks/0000/${'1'.repeat(64)}.cacnk`,
      'manifests/x',
      'deltas/x/y.delta',
      'private/sketches/x.zst',
      'private/reports/stable/0.json',
      'private/tokens/x.json',
      'tuf/targets/releases/x.9.json',
      'something/else',
    ]
    for (const key of others) await repository.store.put(key, Buffer.from('x'))
    repository.later(2 * dayMs)
    await repository.collect({ quarantineMs: 0 })
    expect(await repository.has(others)).toBe('all')
  })
})

describe('a dry run', () => {
  test('says what would go, and changes nothing', async () => {
    await repository.publish(2, 3, 4)
    await repository.leaveGarbage()
    repository.publisher.now.setTime(Date.parse('2026-03-03T00:00:00Z'))
    repository.later(2 * dayMs)
    const before = await contentsOf(repository.store)
    const dry = await repository.collect({ keepLast: 1, dryRun: true })
    expect(await contentsOf(repository.store)).toEqual(before)
    const real = await repository.collect({ keepLast: 1 })
    expect({ ...dry, isDryRun: false, run: real.run }).toEqual(real)
    expect(dry.retired).toEqual([1, 2])
  })
})

describe('what is damaged', () => {
  test('keeps everything where it is, and every release on the list', async () => {
    await repository.publish(2, 3, 4)
    const [garbage] = await repository.leaveGarbage()
    const at = await repository.publisher.repository()
    const manifest = (await at.release(4)).modules['base']?.manifest.digest ?? digestOf(Buffer.alloc(0))
    await repository.store.delete(manifestKey(manifest))
    repository.later(2 * dayMs)
    const before = await contentsOf(repository.store)
    await expect(repository.collect({ keepLast: 1, quarantineMs: 0 })).rejects.toMatchObject({
      code: 'REPOSITORY_CORRUPT',
    })
    expect(await contentsOf(repository.store)).toEqual(before)
    expect(before.has(garbage ?? '')).toBe(true)
  })
})

test('a manifest that was changed to name other chunks is not believed', async () => {
  for (let file = 0; file < 3000; file++) repository.publisher.tree('base').file(`many/${file}`, 'x')
  await repository.publish(2)
  const at = await repository.publisher.repository()
  const { manifest } = (await at.release(2)).modules['base'] ?? { manifest: undefined }
  const key = manifestKey(manifest?.digest ?? digestOf(Buffer.alloc(0)))
  const plain = zstdDecompressSync(await bytesIn(repository.store, key)).toString()
  const [chunk = ''] = /"sha256:[0-9a-f]{64}"/.exec(plain) ?? []
  const other = `"sha256:${'0'.repeat(64)}"`
  await repository.store.put(key, zstdCompressSync(Buffer.from(plain.replace(chunk, other))))
  repository.later(2 * dayMs)
  await expect(repository.collect({ quarantineMs: 0 })).rejects.toMatchObject({ code: 'REPOSITORY_CORRUPT' })
})

test('sketches go with their manifests', async () => {
  await repository.publish(2, 3, 4)
  const at = await repository.publisher.repository()
  const digests = await Promise.all(
    [1, 4].map(
      async (version) =>
        (await at.release(version)).modules['base']?.manifest.digest ?? digestOf(Buffer.alloc(0)),
    ),
  )
  const keys = digests.map(sketchesKey)
  await repository.store.put(keys[0] ?? '', Buffer.from('x'))
  repository.later(2 * dayMs)
  await repository.collect({ keepLast: 1, quarantineMs: 0 })
  expect(await repository.has(keys.slice(0, 1))).toBe('none')
  expect(await repository.has(keys.slice(1))).toBe('all')
  expect(await repository.has([chunkKey(digests[0] ?? digestOf(Buffer.alloc(0)))])).toBe('none')
})
