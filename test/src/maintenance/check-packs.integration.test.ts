import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { ensurePack } from '../../../src/delivery/ensure-pack.ts'
import { checkPacks } from '../../../src/maintenance/check-packs.ts'
import type { Damage } from '../../../src/maintenance/damage.ts'
import { packKey } from '../../../src/repository/layout.ts'
import { bytesIn, Publisher } from '../../support/publisher.ts'
import { DirectoryTree } from '../../../src/tree/tree-source.ts'

let publisher: Publisher
let key: string
let pack: Buffer

beforeEach(async () => {
  publisher = await Publisher.create()
  onTestFinished(() => publisher[Symbol.dispose]())
  publisher
    .tree('one')
    .file('file', 'a file of some length, so that it compresses: aaaaaaaaaaaaaaaaaaaaaaaaaaaa')
    .finish()
  await publisher.publish(1, [], {
    modules: [{ name: 'base', tree: new DirectoryTree(publisher.tree('one').path), includes: [] }],
  })
  const repository = await publisher.repository()
  const to = (await repository.release(1)).modules['base']?.manifest
  if (to === undefined) throw new Error('base was published')
  ;({ key } = await ensurePack(publisher.store, { repository, from: undefined, to }))
  pack = await bytesIn(publisher.store, key)
})

async function check(): Promise<readonly Damage[]> {
  const damages: Damage[] = []
  expect(await checkPacks(publisher.store, damages, {})).toBe(1)
  return damages
}

test('a pack as it was made is whole', async () => {
  expect(await check()).toEqual([])
})

test('every byte of a pack that is changed is found, but for what only a machine can see', async () => {
  let unseen = 0
  for (let at = 0; at < pack.length; at++) {
    const changed = Buffer.from(pack)
    changed[at] = (changed[at] as number) ^ 0x01
    await publisher.store.put(key, changed)
    if ((await check()).length === 0) unseen++
  }
  // Streams too short to be compressed are stored as they are, and nothing in the pack vouches for their bytes.
  expect(unseen).toBeLessThan(pack.length / 2)
})

test('a pack that is cut off, or longer than it says, is named', async () => {
  for (const bytes of [pack.subarray(0, -1), pack.subarray(0, 10), Buffer.concat([pack, pack])]) {
    await publisher.store.put(key, bytes)
    expect(await check()).toEqual([expect.objectContaining({ kind: 'pack', what: key })])
  }
})

test('a pack under the key of another is named', async () => {
  await publisher.store.delete(key)
  const to = `sha256:${'1'.repeat(64)}` as const
  await publisher.store.put(packKey(undefined, to), pack)
  expect(await check()).toEqual([
    expect.objectContaining({ problem: expect.stringContaining('it is the pack') as string }),
  ])
})
