import { expect, test } from 'vitest'
import type { Channel } from '../../../manifests/channel.ts'
import { likelySources } from '../../../src/delivery/pack-sources.ts'
import type { Repository } from '../../../src/repository/repository.ts'

type Pointer = Pick<Channel, 'version' | 'previous' | 'waypoints'>

function repositoryOf(versions: number[], channels: Readonly<Record<string, Pointer>>): Repository {
  const repository: Partial<Repository> = {
    releaseVersions: () => versions,
    channelNames: () => Object.keys(channels),
    channel: (name) => Promise.resolve({ ...channels[name], channel: name } as Channel),
  }
  return repository as Repository
}

const repository = repositoryOf([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], {
  old: { version: 3, previous: 1, waypoints: [] },
  stable: { version: 10, previous: undefined, waypoints: [2] },
})

test.each([
  [11, [1, 2, 3, 8, 9, 10]],
  [10, [1, 2, 3, 7, 8, 9]],
  [5, [1, 2, 3, 4]],
  [2, [1]],
  [1, []],
])('machines that are to have release %i come from %j', async (version, sources) => {
  expect(await likelySources(repository, version)).toEqual(sources)
})

test('machines come from nothing where nothing was published', async () => {
  expect(await likelySources(repositoryOf([], {}), 1)).toEqual([])
})
