import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { ensurePack } from '../../../src/delivery/ensure-pack.ts'
import type { ManifestRef } from '../../../src/delivery/plan-pack.ts'
import type { Repository } from '../../../src/repository/repository.ts'
import { bytesIn, Publisher } from '../../support/publisher.ts'
import { expectApplies } from '../../support/applied-pack.ts'
import { firstTree, secondTree } from '../../support/release-trees.ts'
import { DirectoryTree } from '../../../src/tree/tree-source.ts'

test('a delta found for one pack is used for another, and changes no byte of it', async () => {
  const publisher = await Publisher.create()
  const cache = mkdtempSync(join(tmpdir(), 'vend-cache-'))
  onTestFinished(() => {
    publisher[Symbol.dispose]()
    rmSync(cache, { recursive: true })
  })
  const repository = await publishThree(publisher)
  const [one, two, three] = await Promise.all([1, 2, 3].map((version) => manifestOf(repository, version)))
  if (one === undefined || two === undefined || three === undefined) throw new Error('three were published')

  const plain = await ensurePack(publisher.store, { repository, from: two, to: three })
  const expected = await bytesIn(publisher.store, plain.key)
  await publisher.store.delete(plain.key)

  await ensurePack(publisher.store, { repository, from: one, to: three, cache })
  const kept = readdirSync(cache)
  expect(kept.length).toBeGreaterThan(0)
  const before = kept.map((name) => statSync(join(cache, name)).mtimeMs)
  const second = await ensurePack(publisher.store, { repository, from: two, to: three, cache })

  expect(kept.map((name) => statSync(join(cache, name)).mtimeMs)).toEqual(before)
  expect(await bytesIn(publisher.store, second.key)).toEqual(expected)
  await expectApplies(repository, expected, two, three)
})

/** The second differs from the first in a file that the third does not have. */
async function publishThree(publisher: Publisher): Promise<Repository> {
  firstTree(publisher.tree('one'))
  await publisher.publish(1, [], { modules: [module(publisher, 'one')] })
  firstTree(publisher.tree('two'))
  publisher.tree('two').file('only-here', 'only in the second\n')
  await publisher.publish(2, [], { modules: [module(publisher, 'two')] })
  secondTree(publisher.tree('three'))
  await publisher.publish(3, [], { modules: [module(publisher, 'three')] })
  return publisher.repository()
}

function module(publisher: Publisher, tree: string) {
  return { name: 'base', tree: new DirectoryTree(publisher.tree(tree).path), includes: [] }
}

async function manifestOf(repository: Repository, version: number): Promise<ManifestRef | undefined> {
  const { modules } = await repository.release(version)
  return modules['base']?.manifest
}
