import { expect, test } from 'vitest'
import { BaseRepository } from './base-repository.ts'
import { ReachabilityChecker } from './reachability-checker.ts'
import { StoreModel } from './store-model.ts'

const timestampKey = 'tuf/metadata/timestamp.json'

/** An empty repository, each write to which is checked. */
async function checked(): Promise<{ model: StoreModel; checker: ReachabilityChecker }> {
  using base = await BaseRepository.create()
  const model = new StoreModel(
    'store',
    () => 0,
    (change) => checker.check(change),
  )
  const checker = new ReachabilityChecker(model, () => ({ step: 1, operation: undefined }))
  const { [timestampKey]: timestamp, ...others } = Object.fromEntries(base.blobs)
  for (const [key, bytes] of Object.entries(others)) model.put(key, bytes)
  if (timestamp !== undefined) model.put(timestampKey, timestamp)
  return { model, checker }
}

test('what the timestamp leads to may not go, nor become another', async () => {
  const { model, checker } = await checked()
  const snapshot = 'tuf/metadata/1.snapshot.json'
  expect(checker.visible?.needed.has(snapshot)).toBe(true)
  expect(() => model.delete(snapshot)).toThrow('1.snapshot.json was deleted')
  expect(() => model.put('tuf/metadata/1.targets.json', Buffer.from('{}'))).toThrow(
    'overwritten with other bytes',
  )
})

test('a fence is one newline more, and no commit', async () => {
  const { model, checker } = await checked()
  const { bytes } = model.get(timestampKey)
  model.put(timestampKey, Buffer.concat([bytes, Buffer.from('\n')]))
  expect([checker.fences, checker.commits.length]).toEqual([1, 1])
  expect(() => model.put(timestampKey, bytes)).toThrow('an etag of the timestamp came back')
})

test('a timestamp whose snapshot is not there makes nothing visible', async () => {
  const { model } = await checked()
  const document = JSON.parse(model.get(timestampKey).bytes.toString()) as {
    signed: { version: number; meta: Record<string, { version: number }> }
  }
  document.signed.version = 2
  document.signed.meta['snapshot.json'] = { version: 2 }
  const next = Buffer.from(JSON.stringify(document))
  expect(() => model.put(timestampKey, next)).toThrow('2.snapshot.json is missing')
})
