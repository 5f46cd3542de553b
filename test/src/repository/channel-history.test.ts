import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { digestFromHex } from '../../../manifests/digest.ts'
import { readChannelHistory } from '../../../src/repository/channel-history.ts'
import { metadataKey, targetKey } from '../../../src/repository/layout.ts'
import { setChannel } from '../../../src/repository/set-channel.ts'
import { bytesIn, Publisher } from '../../support/publisher.ts'

let publisher: Publisher

beforeEach(async () => {
  publisher = await Publisher.create()
  onTestFinished(() => publisher[Symbol.dispose]())
  publisher.tree('base').file('a', 'a')
  await publisher.publish(1, ['base'])
  await publisher.publish(2, ['base'], { channel: 'edge' })
  await publisher.publish(3, ['base'])
})

async function versions(name: string, limit = 100): Promise<number[]> {
  const history = readChannelHistory(await publisher.repository(), name, { limit })
  return (await Array.fromAsync(history)).map(({ channel }) => channel.version)
}

async function set(version: number): Promise<void> {
  const { store, keys, now } = publisher
  await setChannel({ channel: 'stable', version }, { store, keys, now })
}

test('lists the documents of one channel, newest first, each once', async () => {
  expect(await versions('stable')).toEqual([3, 1])
  expect(await versions('edge')).toEqual([2])
  expect(await versions('nightly')).toEqual([])
  await set(1)
  await set(2)
  expect(await versions('stable')).toEqual([2, 1, 3, 1])
  expect(await versions('stable', 2)).toEqual([2, 1])
})

test('names the metadata that first listed a document, and its time', async () => {
  const [newest, oldest] = await Array.fromAsync(
    readChannelHistory(await publisher.repository(), 'stable', { limit: 10 }),
  )
  // 1 is empty, and 3 is of the other channel.
  expect([newest?.metadata, oldest?.metadata]).toEqual([4, 2])
  const signedAt = Math.floor(publisher.now.getTime() / 1000) * 1000
  expect([newest, oldest].map((edition) => edition?.at.getTime())).toEqual([signedAt, signedAt])
})

test('passes over what is missing or damaged', async () => {
  await set(2)
  const { store } = publisher
  const listed = JSON.parse((await bytesIn(store, metadataKey('channels', 2))).toString('utf8')) as {
    signed: { targets: Record<string, { hashes: { sha256: string } }> }
  }
  const hex = listed.signed.targets['channels/stable.json']?.hashes.sha256 ?? ''
  await store.put(targetKey('channels/stable.json', digestFromHex(hex)), Buffer.from('{}'))
  expect(await versions('stable')).toEqual([2, 3])
  await store.put(metadataKey('channels', 3), Buffer.from('damaged'))
  await store.delete(metadataKey('channels', 4))
  expect(await versions('stable')).toEqual([2])
})

test('passes over what the keys of channels did not sign', async () => {
  const key = metadataKey('channels', 2)
  const { store } = publisher
  const metadata = JSON.parse((await bytesIn(store, key)).toString('utf8')) as { signed: { expires: string } }
  metadata.signed.expires = '2099-01-01T00:00:00Z'
  await store.put(key, Buffer.from(JSON.stringify(metadata)))
  const [, oldest] = await Array.fromAsync(
    readChannelHistory(await publisher.repository(), 'stable', { limit: 10 }),
  )
  // It is the next one that lists the document now.
  expect(oldest?.metadata).toBe(3)
})
