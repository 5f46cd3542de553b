import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import type { ChannelOutcome } from '../../../src/repository/change-channel.ts'
import type { ChannelChange } from '../../../src/repository/next-channel.ts'
import { promoteChannel } from '../../../src/repository/promote-channel.ts'
import { rollBackChannel } from '../../../src/repository/roll-back-channel.ts'
import { setChannel } from '../../../src/repository/set-channel.ts'
import { FaultyStore } from '../../support/faulty-store.ts'
import { contentsOf, Publisher } from '../../support/publisher.ts'

let publisher: Publisher
let start: Date

beforeEach(async () => {
  publisher = await Publisher.create()
  onTestFinished(() => publisher[Symbol.dispose]())
  start = new Date(Math.floor(publisher.now.getTime() / 1000) * 1000)
  publisher.tree('base').file('a', 'a')
  for (const version of [1, 2, 3]) await publisher.publish(version, ['base'])
})

/** `hours` after the publishes. */
async function set(
  change: Omit<ChannelChange, 'channel'>,
  channel = 'stable',
  hours = 0,
): Promise<ChannelOutcome> {
  return setChannel({ channel, ...change }, contextAt(hours))
}

function contextAt(hours: number) {
  const { store, keys } = publisher
  return { store, keys, now: new Date(start.getTime() + hours * 3_600_000) }
}

function at(hours: number): string {
  return new Date(start.getTime() + hours * 3_600_000).toISOString().replace('.000', '')
}

test('moves a channel there and back', async () => {
  expect(await set({ version: 1 })).toMatchObject({ changed: true, channel: { version: 1, previous: 3 } })
  expect(await set({ version: 3 })).toMatchObject({ changed: true, channel: { version: 3, previous: 1 } })
  expect(await (await publisher.repository()).channel('stable')).toMatchObject({ version: 3, previous: 1 })
})

test('what is left out stays as it is, and the seed stays while the release does', async () => {
  await set({ version: 2, rollout: { now: 100 }, waypoints: [2, 1, 2] })
  expect(await set({ rollout: { now: 2500 } }, 'stable', 1)).toMatchObject({
    channel: {
      waypoints: [1, 2],
      rollout: {
        seed: '2',
        steps: [
          { at: at(0), fraction: 100 },
          { at: at(1), fraction: 2500 },
        ],
      },
      version: 2,
      previous: 3,
    },
  })
  expect(await set({ halted: true })).toMatchObject({ channel: { halted: true, rollout: { seed: '2' } } })
  expect(await set({ version: 3 })).toMatchObject({
    channel: { halted: true, rollout: { seed: '3', steps: [{ fraction: 10_000 }] }, waypoints: [1, 2] },
  })
})

test('a halted channel stays halted until someone says otherwise', async () => {
  await set({ halted: true, reason: 'smoke' })
  expect(await set({ version: 1, rollout: { now: 5 } }, 'stable', 2)).toMatchObject({
    channel: { halted: true, halt: { at: at(2), reason: 'smoke' } },
  })
  const resumed = await set({ halted: false }, 'stable', 3)
  expect(resumed).toMatchObject({ channel: { halted: false, rollout: { steps: [{ fraction: 5 }] } } })
  expect(resumed.channel.halt).toBeUndefined()
})

test('a halt keeps its time and its reason, and takes another reason', async () => {
  await set({ halted: true, reason: 'smoke' })
  expect(await set({ halted: true }, 'stable', 1)).toMatchObject({ changed: false })
  expect(await set({ halted: true, reason: 'fire' }, 'stable', 2)).toMatchObject({
    channel: { halt: { at: at(0), reason: 'fire' } },
  })
})

test('what is like that already is not written', async () => {
  await set({ version: 2, rollout: { now: 100 } })
  const before = await contentsOf(publisher.store)
  expect(await set({ rollout: { now: 100 }, version: 2 }, 'stable', 5)).toMatchObject({ changed: false })
  expect(await contentsOf(publisher.store)).toEqual(before)
})

test('makes a channel, of a release that exists', async () => {
  await expect(set({}, 'beta')).rejects.toMatchObject({ code: 'CHANNEL_UNKNOWN' })
  await expect(set({ version: 9 }, 'beta')).rejects.toMatchObject({ code: 'RELEASE_UNKNOWN' })
  await expect(set({ waypoints: [9] })).rejects.toMatchObject({ code: 'RELEASE_UNKNOWN' })
  expect(await set({ version: 1 }, 'beta')).toMatchObject({ channel: { channel: 'beta', version: 1 } })
})

test('signs nothing that no machine would take', async () => {
  const before = await contentsOf(publisher.store)
  await expect(set({ halted: true, reason: '' })).rejects.toMatchObject({
    code: 'FORMAT_INVALID',
    place: 'halt.reason',
  })
  expect(await contentsOf(publisher.store)).toEqual(before)
})

describe('a rollout', () => {
  test('does not shrink for the same release, and says the way out', async () => {
    await set({ version: 2, rollout: { now: 1000, to: 5000, seconds: 7200 } })
    const refused = { code: 'ROLLOUT_WOULD_NARROW', hint: expect.stringContaining('channel halt') as string }
    await expect(set({ rollout: { now: 2999 } }, 'stable', 1)).rejects.toMatchObject(refused)
    await expect(set({ rollout: { to: 2000, seconds: 60 } }, 'stable', 1)).rejects.toMatchObject(refused)
    expect(await set({ rollout: { now: 3000 } }, 'stable', 1)).toMatchObject({
      channel: {
        rollout: {
          steps: [
            { at: at(0), fraction: 3000 },
            { at: at(1), fraction: 3000 },
          ],
        },
      },
    })
    expect(await set({ version: 3, rollout: { now: 10 } }, 'stable', 2)).toMatchObject({
      channel: { rollout: { seed: '3', steps: [{ at: at(2), fraction: 10 }] } },
    })
  })

  test('grows from what it is', async () => {
    await set({ version: 2, rollout: { now: 1000 } })
    expect(await set({ rollout: { to: 10_000, seconds: 3600 } }, 'stable', 5)).toMatchObject({
      channel: {
        rollout: {
          steps: [
            { at: at(0), fraction: 1000 },
            { at: at(5), fraction: 1000 },
            { at: at(6), fraction: 10_000 },
          ],
        },
      },
    })
  })

  test('stands still while the channel is halted', async () => {
    await set({ version: 2, rollout: { now: 0, to: 10_000, seconds: 4 * 3600 } })
    await set({ halted: true }, 'stable', 1)
    await expect(set({ rollout: { now: 2400 } }, 'stable', 30)).rejects.toMatchObject({
      code: 'ROLLOUT_WOULD_NARROW',
      message: expect.stringContaining('25 %') as string,
    })
    expect(await set({ halted: false }, 'stable', 31)).toMatchObject({
      channel: {
        rollout: {
          steps: [
            { at: at(0), fraction: 2500 },
            { at: at(31), fraction: 2500 },
            { at: at(34), fraction: 10_000 },
          ],
        },
      },
    })
  })
})

describe('a promotion', () => {
  async function promote(from: string, to: string): Promise<ChannelOutcome> {
    return promoteChannel({ from, to, rollout: { now: 100 } }, contextAt(1))
  }

  test('gives a channel the same document that another one has', async () => {
    await set({ version: 2 })
    await set({ version: 3 }, 'edge')
    const before = await contentsOf(publisher.store, 'tuf/targets/releases/')
    expect(await promote('edge', 'stable')).toMatchObject({
      changed: true,
      channel: { channel: 'stable', version: 3, previous: 2, rollout: { steps: [{ fraction: 100 }] } },
    })
    expect(await contentsOf(publisher.store, 'tuf/targets/releases/')).toEqual(before)
    expect(await promote('edge', 'stable')).toMatchObject({ changed: false })
  })

  test('makes the channel where there is none', async () => {
    expect(await promote('stable', 'slow')).toMatchObject({ channel: { channel: 'slow', version: 3 } })
  })

  test('is refused of what is halted, earlier, or not there', async () => {
    await set({ version: 2 }, 'edge')
    await expect(promote('edge', 'stable')).rejects.toMatchObject({ code: 'RELEASE_NOT_HIGHER' })
    await set({ halted: true })
    await expect(promote('stable', 'edge')).rejects.toMatchObject({ code: 'CHANNEL_HALTED' })
    await expect(promote('nightly', 'edge')).rejects.toMatchObject({ code: 'CHANNEL_UNKNOWN' })
  })
})

describe('a rollback', () => {
  async function rollBack(to: number, hours: number): Promise<ChannelOutcome> {
    return rollBackChannel({ channel: 'stable', to, reason: 'smoke' }, contextAt(hours))
  }

  test('orders back all that may have come further, and lifts the halt', async () => {
    await set({ halted: true })
    const back = await rollBack(2, 1)
    expect(back).toMatchObject({
      changed: true,
      channel: { version: 2, previous: 3, halted: false, rollback: { from: 3, reason: 'smoke' } },
    })
    expect(await rollBack(1, 2)).toMatchObject({
      channel: { version: 1, previous: 2, rollback: { from: 3, reason: 'smoke' } },
    })
  })

  test('leaves the rollout of the earlier release as it was when the channel had it', async () => {
    await set({ version: 1 })
    await set({ version: 2, rollout: { now: 300 } })
    await set({ version: 3, rollout: { now: 100 } })
    expect(await rollBack(2, 9)).toMatchObject({
      channel: { version: 2, rollout: { seed: '2', steps: [{ at: at(0), fraction: 300 }] } },
    })
  })

  test('leaves a curve where it was signed to be, whatever the store says of times', async () => {
    await set({ version: 1 })
    await set({ version: 2, rollout: { now: 0, to: 10_000, seconds: 10 * 3600 } }, 'stable', 0)
    await set({ version: 3 }, 'stable', 5)
    const { channel } = await rollBack(2, 9)
    expect(channel.rollout).toEqual({ seed: '2', steps: [{ at: at(0), fraction: 5000 }] })
  })

  test('of a channel that was moved to an earlier release already', async () => {
    await set({ version: 2 })
    expect(await rollBack(2, 1)).toMatchObject({
      channel: { version: 2, previous: 3, rollback: { from: 3 } },
    })
  })

  test('is over with the next release, and not with a wider rollout', async () => {
    await rollBack(2, 1)
    expect(await set({ waypoints: [1] })).toMatchObject({ channel: { rollback: { from: 3 } } })
    expect((await set({ version: 3 })).channel.rollback).toBeUndefined()
  })

  test('leads to what is earlier, and there', async () => {
    await expect(rollBack(3, 1)).rejects.toMatchObject({ code: 'RELEASE_NOT_LOWER' })
    await set({ version: 1 }, 'other')
    const lost = { channel: 'nightly', to: 1, reason: 'smoke' }
    await expect(rollBackChannel(lost, contextAt(1))).rejects.toMatchObject({ code: 'CHANNEL_UNKNOWN' })
    await publisher.publish(9, ['base'])
    await expect(rollBack(8, 1)).rejects.toMatchObject({ code: 'RELEASE_UNKNOWN' })
  })
})

test('a rollback stays until the channel is where it came from', async () => {
  await rollBackChannel({ channel: 'stable', to: 1, reason: 'smoke' }, contextAt(0))
  const rollback = { from: 3, reason: 'smoke' }
  // A machine that was away at 3 goes to 2, as it would have gone to 1.
  expect(await set({ version: 2 }, 'stable', 1)).toMatchObject({ channel: { version: 2, rollback } })
  const { channel } = await set({ version: 3 }, 'stable', 2)
  expect(channel).not.toHaveProperty('rollback')
})

test('whoever is overtaken is told so', async () => {
  let overtaken = false
  const store = new FaultyStore(publisher.store, {
    onWrite: async ({ operation, moment }) => {
      if (operation !== 'replace' || moment === 'after' || overtaken) return
      overtaken = true
      await set({ halted: true })
    },
  })
  const { keys, now } = publisher
  const change = { channel: 'stable', version: 1 }
  await expect(setChannel(change, { store, keys, now })).rejects.toMatchObject({ code: 'PUBLISH_CONFLICT' })
  expect(await (await publisher.repository()).channel('stable')).toMatchObject({ version: 3, halted: true })
})
