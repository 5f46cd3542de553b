import { expect, test, vi } from 'vitest'
import { ensurePack } from '../../../src/delivery/ensure-pack.ts'
import type { ContentTask } from '../../../src/delivery/pack-messages.ts'
import { expectApplies } from '../../support/applied-pack.ts'
import { bytesIn, Publisher } from '../../support/publisher.ts'
import { firstTree, secondTree } from '../../support/release-trees.ts'
import { DirectoryTree } from '../../../src/tree/tree-source.ts'

// As it is when there are many gigabytes: nothing else about a batch depends on its size.
vi.mock('../../../src/delivery/pack-batches.ts', () => ({
  *batchesOf(contents: Iterable<ContentTask>): Generator<readonly ContentTask[]> {
    for (const content of contents) yield [content]
  },
}))

test('many batches give the same bytes with any number of threads', async () => {
  using publisher = await Publisher.create()
  const manifests = []
  for (const [version, make] of [firstTree, secondTree].entries()) {
    const { path: tree } = make(publisher.tree(String(version)))
    await publisher.publish(version + 1, [], {
      modules: [{ name: 'base', tree: new DirectoryTree(tree), includes: [] }],
    })
    const release = await (await publisher.repository()).release(version + 1)
    manifests.push(release.modules['base']?.manifest)
  }
  const [from, to] = manifests
  if (from === undefined || to === undefined) throw new Error('no manifests')
  const repository = await publisher.repository()
  const packs: Buffer[] = []
  for (const threads of [1, 3]) {
    const { key } = await ensurePack(publisher.store, { repository, from, to, threads })
    packs.push(await bytesIn(publisher.store, key))
    await publisher.store.delete(key)
  }
  const [one, three] = packs as [Buffer, Buffer]
  expect(three.equals(one)).toBe(true)
  const { header } = await expectApplies(repository, one, from, to)
  expect(header.groups.filter(({ fresh }) => fresh).length).toBeGreaterThan(10)
})
