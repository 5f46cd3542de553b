import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { collectGarbage } from '../../../../src/maintenance/gc/collect-garbage.ts'
import { fence, fencesOf, maxFences } from '../../../../src/repository/fence.ts'
import { leasePrefix, sweepPrefix, timestampKey } from '../../../../src/repository/layout.ts'
import { takeLease } from '../../../../src/repository/lease.ts'
import { readSweeps, sweepLifeMs, writeSweep } from '../../../../src/repository/sweeps.ts'
import { StoreDeniedError } from '../../../../storage/errors.ts'
import { FaultyStore } from '../../../support/faulty-store.ts'
import { keysIn } from '../../../support/publisher.ts'
import { CollectedRepository, dayMs, hourMs, objectsIn } from './collected-repository.ts'

let repository: CollectedRepository

beforeEach(async () => {
  repository = await CollectedRepository.create()
  await repository.begin()
})

afterEach(() => repository[Symbol.dispose]())

describe('what a collection that died left', () => {
  test('of its sweep, stays until nothing of it can take effect', async () => {
    const garbage = await repository.leaveGarbage()
    repository.later(2 * dayMs)
    await writeSweep(repository.store, garbage)
    expect((await repository.collect()).openSweeps).toBe(1)
    expect(await keysIn(repository.store, sweepPrefix)).toHaveLength(1)
    repository.later(sweepLifeMs + 1)
    expect((await repository.collect()).deadSweeps).toBe(1)
    expect(await keysIn(repository.store, sweepPrefix)).toEqual([])
  })

  test('and leases of publishes that died go when what they stored is not young any more', async () => {
    await repository.leaveGarbage()
    const [lease = ''] = await keysIn(repository.store, leasePrefix)
    repository.later(dayMs - hourMs)
    await repository.collect()
    expect(await repository.has([lease])).toBe('all')
    repository.later(2 * hourMs)
    expect((await repository.collect()).deadLeases).toBe(1)
    expect(await repository.has([lease])).toBe('none')
  })
})

describe('a sweep', () => {
  test('is announced before the fence, and fenced before it deletes', async () => {
    await repository.leaveGarbage()
    repository.later(2 * dayMs)
    const steps: string[] = []
    const store = new FaultyStore(repository.store, {
      onWrite: ({ operation, key, moment }) => {
        if (moment === 'after') return
        if (key.startsWith(sweepPrefix) || key === timestampKey || key.startsWith('chunks/'))
          steps.push(`${operation} ${key.split('/', 2).join('/')}`)
      },
    })
    await repository.collect({ quarantineMs: 0, store })
    expect(steps.map((step) => step.replace(/chunks\/.*/, 'chunks'))).toEqual([
      'put private/sweeps',
      'replace tuf/metadata',
      'deleteMany chunks',
    ])
  })

  test('has as many slices as it takes, each with its fence', async () => {
    const garbage = await repository.leaveGarbage()
    repository.later(2 * dayMs)
    const report = await repository.collect({ quarantineMs: 0, sliceKeys: 2 })
    expect(report.fences).toBe(Math.ceil((garbage.length + 1) / 2))
    const { timestamp } = (await repository.publisher.repository()).state
    expect(fencesOf(timestamp.bytes)).toBe(report.fences)
    expect(await repository.has(garbage)).toBe('none')
  })

  test('waits for publishes that live, before it fences the next time', async () => {
    await repository.leaveGarbage()
    repository.later(2 * dayMs)
    let waits = 0
    const sleep = (): Promise<void> => Promise.resolve(void waits++)
    await using _lease = await takeLease(repository.store, 51, new Date())
    const { fences } = await repository.collect({ quarantineMs: 0, sliceKeys: 2, sleep })
    expect([waits, fences > 1]).toEqual([fences - 1, true])
  })

  test('stays announced, since its deletes may come late, or twice', async () => {
    const garbage = await repository.leaveGarbage()
    repository.later(2 * dayMs)
    const report = await repository.collect({ quarantineMs: 0 })
    expect(report.openSweeps).toBe(1)
    const [sweep] = await readSweeps(repository.store)
    expect(garbage.every((key) => sweep?.has(key))).toBe(true)
    repository.later(sweepLifeMs + 1)
    expect((await repository.collect()).deadSweeps).toBe(1)
    expect(await readSweeps(repository.store)).toEqual([])
  })

  test('that is denied says so, and tries again the next time', async () => {
    const garbage = await repository.leaveGarbage()
    repository.later(2 * dayMs)
    await repository.collect()
    repository.later(8 * dayMs)
    const error = new StoreDeniedError('memory:', 'x', 'no')
    const store = new FaultyStore(repository.store, {
      fault: ({ operation, key }) =>
        operation === 'deleteMany' && key.startsWith('chunks/') ? { kind: 'fail-before', error } : undefined,
    })
    const denied = await repository.collect({ store })
    expect([objectsIn(denied.swept), denied.failures]).toEqual([0, garbage.length + 1])
    expect(denied.failed[0]?.problem).toMatch(/no$/)
    repository.later(sweepLifeMs)
    expect(objectsIn((await repository.collect()).swept)).toBe(garbage.length + 1)
  })

  test('is refused, and leaves nobody waiting, when there were too many', async () => {
    await repository.leaveGarbage()
    repository.later(2 * dayMs)
    const { state } = await repository.publisher.repository()
    const bytes = Buffer.concat([state.timestamp.bytes, Buffer.alloc(maxFences - 1, '\n')])
    await repository.store.replace(timestampKey, bytes, state.timestampEtag)
    await fence(repository.store, (await repository.publisher.repository()).state)
    await expect(repository.collect({ quarantineMs: 0 })).rejects.toMatchObject({ code: 'FENCES_USED_UP' })
    expect(await keysIn(repository.store, sweepPrefix)).toEqual([])
  })

  test('that is interrupted leaves nobody waiting either', async () => {
    await repository.leaveGarbage()
    repository.later(2 * dayMs)
    const abort = new AbortController()
    const store = new FaultyStore(repository.store, {
      onWrite: ({ key, moment }) => {
        if (key.startsWith(sweepPrefix) && moment === 'after') abort.abort(new Error('enough'))
      },
    })
    const { keys, now } = repository.publisher
    const interrupted = collectGarbage(
      { store, keys, now, signal: abort.signal },
      { policy: { pins: [] }, graceMs: 0, quarantineMs: 0 },
    )
    await expect(interrupted).rejects.toThrow('enough')
    expect(await keysIn(repository.store, sweepPrefix)).toEqual([])
    expect(await repository.garbage()).not.toEqual([])
  })
})
