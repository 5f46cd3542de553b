import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { packKey } from '../../../../src/repository/layout.ts'
import { rollBackChannel } from '../../../../src/repository/roll-back-channel.ts'
import { setChannel } from '../../../../src/repository/set-channel.ts'
import { digestOf } from '../../../../manifests/digest.ts'
import { TrustError } from '../../../../src/trust/errors.ts'
import { keysIn } from '../../../support/publisher.ts'
import { noise } from '../../../support/tree-recipe.ts'
import { CollectedRepository, dayMs } from './collected-repository.ts'

let repository: CollectedRepository

beforeEach(async () => {
  repository = await CollectedRepository.create()
  await repository.begin()
})

afterEach(() => repository[Symbol.dispose]())

describe('releases', () => {
  test('all stay without another word', async () => {
    await repository.publish(2, 3, 4)
    const { retired, kept } = await repository.collect()
    expect([retired, kept.map(({ version }) => version)]).toEqual([[], [1, 2, 3, 4]])
  })

  test('are retired but for the last, the pinned, and those that channels name', async () => {
    await repository.publish(2, 3, 4, 5, 6, 7, 8, 9)
    const { store, keys, now } = repository.publisher
    const context = { store, keys, now }
    await setChannel({ channel: 'beta', version: 3, waypoints: [2] }, context)
    await setChannel({ channel: 'beta', version: 4 }, context)
    const { retired, kept } = await repository.collect({ keepLast: 1, pins: [6] })
    expect(retired).toEqual([1, 5, 7])
    expect(Object.fromEntries(kept.map(({ version, why }) => [version, why]))).toEqual({
      2: ['a waypoint of channel beta'],
      3: ['the release before of channel beta'],
      4: ['the release of channel beta'],
      6: ['pinned'],
      8: ['the release before of channel stable'],
      9: ['the latest', 'of the last 1', 'the release of channel stable'],
    })
    await repository.expectWhole([2, 3, 4, 6, 8, 9])
  })

  test('that machines were ordered to leave are kept for those that still have them', async () => {
    await repository.publish(2, 3, 4, 5)
    const { store, keys, now } = repository.publisher
    const context = { store, keys, now }
    for (const version of [5, 3, 1]) {
      if (version === 5) await setChannel({ channel: 'beta', version }, context)
      else await rollBackChannel({ channel: 'beta', to: version, reason: 'it is broken' }, context)
    }
    await repository.publish(6, 7)
    expect((await repository.collect({ keepLast: 1 })).kept).toMatchObject([
      { version: 1 },
      { version: 3, why: ['the release before of channel beta'] },
      { version: 5, why: ['left by a rollback of channel beta'] },
      { version: 6 },
      { version: 7 },
    ])
  })

  test('that a kept one requires are kept', async () => {
    await repository.publish(2, 3)
    await repository.publisher.publish(4, ['base'], { requires: 2 })
    await repository.publish(5)
    const { retired, kept } = await repository.collect({ keepLast: 1 })
    expect(retired).toEqual([1, 3])
    expect(kept[0]).toEqual({ version: 2, why: ['required by release 4'] })
  })

  test('that are retired stay in the log, and their versions never come back', async () => {
    await repository.publish(2, 3)
    const documents = await keysIn(repository.store, 'tuf/targets/releases/')
    await repository.collect({ keepLast: 1, quarantineMs: 0, graceMs: 0 })
    await repository.expectWhole([2, 3])
    expect(await keysIn(repository.store, 'tuf/targets/releases/')).toEqual(documents)
    await expect(repository.publisher.publish(1, ['base'])).rejects.toMatchObject({
      code: 'VERSION_NOT_INCREASING',
    })
  })

  test('of which the keys are not here stay, and that is said', async () => {
    await repository.publish(2, 3)
    const { store, now, keys } = repository.publisher
    keys.signers = (role) => {
      if (role === 'releases') throw Object.assign(new TrustError('KEY_MISSING', 'no key'))
      return []
    }
    const report = await repository.collect({ keepLast: 1 })
    expect(report.retired).toEqual([])
    expect(report.retiredNot).toMatch(/^the keys of releases, snapshot, timestamp are not in /)
    expect([store, now]).toBeDefined()
    await repository.expectWhole([1, 2, 3])
  })

  test('retired since a publish began do not keep it from its end', async () => {
    await repository.publish(2, 3)
    repository.publisher.tree('base').file('new', noise(4, 300_000))
    let collected = false
    await repository.publisher.publish(
      4,
      ['base'],
      {},
      {
        beforeVisible: async () => {
          if (collected) return
          collected = true
          await repository.collect({ keepLast: 1, quarantineMs: 0, graceMs: 0 })
        },
      },
    )
    await repository.expectWhole([2, 3, 4])
  })
})

describe('packs', () => {
  const body = Buffer.from('a pack')
  const pack = async (from: number | undefined, to: number): Promise<string> => {
    const at = await repository.publisher.repository()
    const manifestOf = async (version: number) =>
      (await at.release(version)).modules['base']?.manifest.digest ?? digestOf(body)
    const key = packKey(from === undefined ? undefined : await manifestOf(from), await manifestOf(to))
    await repository.store.put(key, body)
    return key
  }

  test('go when nobody wants what they make, and stay when somebody may still be where they begin', async () => {
    await repository.publish(2, 3, 4)
    const keys = [await pack(1, 2), await pack(1, 4), await pack(3, 4), await pack(undefined, 4)]
    repository.later(2 * dayMs)
    const first = await repository.collect({ keepLast: 1, quarantineMs: 0 })
    expect(first.swept.pack).toEqual({ objects: 1, bytes: body.length })
    expect(await keysIn(repository.store, 'packs/')).toEqual(keys.slice(1).sort())
    expect(first.lostPacks).toEqual([
      {
        key: keys[0],
        bytes: body.length,
        why: 'target-gone',
        module: 'base',
        from: [1],
        to: [2],
        channels: [],
      },
    ])
    const second = await repository.collect({ quarantineMs: 0, dropOldPacks: true })
    expect(await keysIn(repository.store, 'packs/')).toEqual(keys.slice(2).sort())
    expect(second.lostPacks).toMatchObject([
      { key: keys[1], why: 'basis-gone', from: [], to: [4], channels: ['stable'] },
    ])
  })

  test('that go are said of machines before they do', async () => {
    await repository.publish(2, 3, 4)
    const key = await pack(1, 4)
    repository.later(2 * dayMs)
    const { lostPacks } = await repository.collect({ keepLast: 1, dropOldPacks: true, dryRun: true })
    expect(lostPacks).toEqual([
      {
        key,
        bytes: body.length,
        why: 'basis-gone',
        module: 'base',
        from: [1],
        to: [4],
        channels: ['stable'],
      },
    ])
  })
})
