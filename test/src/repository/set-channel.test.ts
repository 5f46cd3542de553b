import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { setChannel, type ChannelChange } from '../../../src/repository/set-channel.ts'
import { FaultyStore } from '../../support/faulty-store.ts'
import { contentsOf, Publisher } from '../../support/publisher.ts'

let publisher: Publisher

beforeEach(async () => {
  publisher = await Publisher.create()
  onTestFinished(() => publisher[Symbol.dispose]())
  publisher.tree('base').file('a', 'a')
  for (const version of [1, 2, 3]) await publisher.publish(version, ['base'])
})

async function set(
  change: Omit<ChannelChange, 'channel'>,
  channel = 'stable',
): ReturnType<typeof setChannel> {
  const { store, keys, now } = publisher
  return setChannel({ channel, ...change }, { store, keys, now })
}

test('moves a channel there and back', async () => {
  expect(await set({ version: 1 })).toMatchObject({ changed: true, channel: { version: 1, previous: 3 } })
  expect(await set({ version: 3 })).toMatchObject({ changed: true, channel: { version: 3, previous: 1 } })
  expect(await (await publisher.repository()).channel('stable')).toMatchObject({ version: 3, previous: 1 })
})

test('what is left out stays as it is, and the seed stays while the release does', async () => {
  await set({ fraction: 100, waypoints: [2, 1, 2] })
  expect(await set({ fraction: 2500 })).toMatchObject({
    channel: { waypoints: [1, 2], rollout: { fraction: 2500, seed: '3' }, version: 3, previous: 2 },
  })
  expect(await set({ halted: true })).toMatchObject({
    channel: { halted: true, rollout: { fraction: 2500 } },
  })
  expect(await set({ version: 2 })).toMatchObject({
    channel: { halted: true, rollout: { fraction: 10_000, seed: '2' }, waypoints: [1, 2] },
  })
})

test('a halted channel stays halted until someone says otherwise', async () => {
  await set({ halted: true })
  expect(await set({ version: 1, fraction: 5 })).toMatchObject({ channel: { halted: true } })
  expect(await set({ halted: false })).toMatchObject({ channel: { halted: false, rollout: { fraction: 5 } } })
})

test('what is like that already is not written', async () => {
  await set({ fraction: 100 })
  const before = await contentsOf(publisher.store)
  expect(await set({ fraction: 100, version: 3 })).toMatchObject({ changed: false })
  expect(await contentsOf(publisher.store)).toEqual(before)
})

test('makes a channel, of a release that exists', async () => {
  await expect(set({}, 'beta')).rejects.toMatchObject({ code: 'CHANNEL_UNKNOWN' })
  await expect(set({ version: 9 }, 'beta')).rejects.toMatchObject({ code: 'RELEASE_UNKNOWN' })
  await expect(set({ waypoints: [9] })).rejects.toMatchObject({ code: 'RELEASE_UNKNOWN' })
  expect(await set({ version: 1 }, 'beta')).toMatchObject({ channel: { channel: 'beta', version: 1 } })
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
