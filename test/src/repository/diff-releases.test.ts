import { afterAll, beforeAll, expect, test } from 'vitest'
import { MemoryStore } from '../../../storage/memory-store.ts'
import { diffReleases, type DiffOptions, type Difference } from '../../../src/repository/diff-releases.ts'
import { loadState } from '../../../src/repository/repository-state.ts'
import { Repository } from '../../../src/repository/repository.ts'
import { treePathFromText } from '../../../manifests/tree-path.ts'
import { FaultyStore } from '../../support/faulty-store.ts'
import { PublishedRepository } from '../server/published-repository.ts'

const store = new MemoryStore()
const counting = new FaultyStore(store, {})
let published: PublishedRepository
let repository: Repository

beforeAll(async () => {
  published = await PublishedRepository.create(store)
  await published.publish(1, {
    base: [
      ['a', 'same'],
      ['b', 'before'],
      ['c', 'gone'],
      ['d', 'a file'],
    ],
    same: [['x', 'y']],
    removed: [['r', '']],
  })
  await published.publish(2, {
    added: [['n', 'new']],
    base: [
      ['a', 'same'],
      ['b', 'after!'],
      ['d', '-> a'],
      ['e', 'more'],
    ],
    same: [['x', 'y']],
  })
  repository = new Repository(counting, await loadState(store))
})

afterAll(async () => {
  await published[Symbol.asyncDispose]()
})

async function diff(from: number, to: number, options?: DiffOptions): Promise<Difference[]> {
  const releases = [await repository.release(from), await repository.release(to)] as const
  return Array.fromAsync(diffReleases(repository, ...releases, options))
}

const forwards = [
  { module: 'added', path: '', change: 'added', aspects: [], types: { to: 'directory' }, sizes: {} },
  { module: 'added', path: 'n', change: 'added', aspects: [], types: { to: 'file' }, sizes: { to: 3 } },
  {
    module: 'base',
    path: 'b',
    change: 'changed',
    aspects: ['digest'],
    types: { from: 'file', to: 'file' },
    sizes: { from: 6, to: 6 },
  },
  { module: 'base', path: 'c', change: 'removed', aspects: [], types: { from: 'file' }, sizes: { from: 4 } },
  {
    module: 'base',
    path: 'd',
    change: 'changed',
    aspects: ['type'],
    types: { from: 'file', to: 'symlink' },
    sizes: { from: 6 },
  },
  { module: 'base', path: 'e', change: 'added', aspects: [], types: { to: 'file' }, sizes: { to: 4 } },
  { module: 'removed', path: '', change: 'removed', aspects: [], types: { from: 'directory' }, sizes: {} },
  {
    module: 'removed',
    path: 'r',
    change: 'removed',
    aspects: [],
    types: { from: 'file' },
    sizes: { from: 0 },
  },
]

test('yields what differs, by module and path', async () => {
  expect(await diff(1, 2)).toEqual(forwards)
})

test('the other way round, sides are exchanged', async () => {
  const backwards = await diff(2, 1)
  expect(backwards.map(({ module, path }) => [module, path])).toEqual(
    forwards.map(({ module, path }) => [module, path]),
  )
  expect(backwards[1]).toMatchObject({ change: 'removed', types: { from: 'file' }, sizes: { from: 3 } })
})

test('does not read what is the same', async () => {
  const release = await repository.release(1)
  const before = counting.calls
  expect(await Array.fromAsync(diffReleases(repository, release, release))).toEqual([])
  expect(counting.calls).toBe(before)
})

test('goes on after any of its differences', async () => {
  for (const [i, after] of (await diff(1, 2)).entries()) {
    expect(await diff(1, 2, { after })).toEqual(forwards.slice(i + 1))
  }
  expect(await diff(1, 2, { after: { module: 'zzz', path: treePathFromText('') } })).toEqual([])
})

test('of one module', async () => {
  expect(await diff(1, 2, { module: 'base' })).toEqual(forwards.filter(({ module }) => module === 'base'))
  expect(await diff(1, 2, { module: 'same' })).toEqual([])
  await expect(diff(1, 2, { module: 'none' })).rejects.toMatchObject({ code: 'MODULE_UNKNOWN' })
})

test('may be left early, and is stopped by its signal', async () => {
  const releases = [await repository.release(1), await repository.release(2)] as const
  for await (const first of diffReleases(repository, ...releases)) {
    expect(first.module).toBe('added')
    break
  }
  const signal = AbortSignal.abort(new Error('enough'))
  await expect(diff(1, 2, { signal })).rejects.toThrow('enough')
})
