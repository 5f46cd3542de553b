import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { formatInstant } from '../../../manifests/fields.ts'
import { MeteredStore, type StoreCall } from '../../../storage/metered-store.ts'
import { FaultyStore, type Fault } from '../../support/faulty-store.ts'
import { contentsOf, keysIn, Publisher } from '../../support/publisher.ts'
import { noise, type TreeRecipe } from '../../support/tree-recipe.ts'
import { DirectoryTree } from '../../../src/tree/tree-source.ts'

let publisher: Publisher

beforeEach(async () => {
  publisher = await Publisher.create()
  onTestFinished(() => publisher[Symbol.dispose]())
})

function build(tree: TreeRecipe): TreeRecipe {
  for (let i = 0; i < 40; i++) tree.file(`small/${i}`, noise(i, 20_000))
  for (let i = 0; i < 4; i++) tree.file(`large/${i}`, noise(100 + (i % 3), 700_000))
  tree.link('link', 'small').hardlink('again', 'large/0').file('empty', '').shell('truncate -s 3M hole')
  tree.finish()
  return tree
}

describe('the same tree', () => {
  test('gives the same bytes with one thread and with four', async () => {
    build(publisher.tree('base'))
    const contents = []
    for (const threads of [1, 4, 4]) {
      using other = await Publisher.create()
      const modules = [{ name: 'base', tree: new DirectoryTree(publisher.tree('base').path), includes: [] }]
      await other.publish(1, [], { modules }, { threads })
      const all = await contentsOf(other.store)
      contents.push(new Map([...all].filter(([key]) => /^(chunks|manifests)/.test(key))))
    }
    expect(contents[1]).toEqual(contents[0])
    expect(contents[2]).toEqual(contents[0])
    expect(contents[0]?.size).toBeGreaterThan(10)
  })

  test('with SOURCE_DATE_EPOCH gives the same release, whenever it is published and was built', async () => {
    const releases = []
    for (const day of [1, 2]) {
      using other = await Publisher.create()
      const tree = build(other.tree('base'))
      tree.shell(`find . -exec touch -h -d 2024-05-0${day} {} +`)
      const now = new Date(Date.now() + day * 1000)
      await other.publish(1, ['base'], {}, { now, sourceDateEpoch: 1_600_000_000 })
      const all = await contentsOf(other.store)
      releases.push(new Map([...all].filter(([key]) => /^(chunks|manifests|tuf\/targets)/.test(key))))
    }
    expect(releases[1]).toEqual(releases[0])
  })

  test('has an equal content once', async () => {
    build(publisher.tree('base'))
    const { contentBytes, chunks } = await publisher.publish(1, ['base'])
    expect(contentBytes).toBe(3 * 700_000 + 40 * 20_000)
    const { chunkTable } = await manifestOf(1, 'base')
    expect(chunkTable).toHaveLength(chunks)
    expect(new Set(chunkTable.map(({ digest }) => digest)).size).toBe(chunks)
  })
})

async function manifestOf(version: number, name: string) {
  const repository = await publisher.repository()
  const module = (await repository.release(version)).modules[name]
  if (module === undefined) throw new Error(`no module ${name}`)
  return repository.manifest(module)
}

describe('a release that is there already', () => {
  beforeEach(async () => {
    build(publisher.tree('base'))
    await publisher.publish(5, ['base'])
  })

  test('with the same content is done, and changes nothing', async () => {
    const before = await contentsOf(publisher.store)
    const later = new Date(Date.now() + 60_000)
    const again = await publisher.publish(5, ['base'], {}, { now: later })
    expect(again).toMatchObject({ changed: false, chunksUploaded: 0, storedBytes: 0 })
    expect(await contentsOf(publisher.store)).toEqual(before)
  })

  test('with the same content may still be given to another channel', async () => {
    expect(await publisher.publish(5, ['base'], { channel: 'beta' })).toMatchObject({ changed: true })
    expect((await publisher.repository()).channelNames()).toEqual(['beta', 'stable'])
    expect(await publisher.publish(5, ['base'], { channel: 'beta' })).toMatchObject({ changed: false })
  })

  test.each([
    ['content', {}],
    ['label', { label: 'another' }],
    ['requirement', { requires: 4 }],
  ])('with another %s is refused', async (what, request) => {
    if (what === 'content') publisher.tree('base').file('empty', 'not empty')
    const before = await contentsOf(publisher.store, 'tuf/')
    await expect(publisher.publish(5, ['base'], request)).rejects.toMatchObject({ code: 'VERSION_EXISTS' })
    expect(await contentsOf(publisher.store, 'tuf/')).toEqual(before)
  })

  test('and later than the one that is published is not published any more', async () => {
    await expect(publisher.publish(4, ['base'])).rejects.toMatchObject({
      code: 'VERSION_NOT_INCREASING',
      hint: 'publish it as version 6 or later',
    })
  })
})

describe('channels', () => {
  test('point to what was published, and remember what they pointed to', async () => {
    publisher.tree('base').file('a', 'a')
    await publisher.publish(1, ['base'], { rolloutFraction: 500 })
    await publisher.publish(3, ['base'])
    await publisher.publish(7, ['base'], { channel: undefined })
    const repository = await publisher.repository()
    expect(await repository.channel('stable')).toEqual({
      channel: 'stable',
      version: 3,
      previous: 1,
      waypoints: [],
      rollout: { seed: '3', steps: [{ at: formatInstant(publisher.now), fraction: 10_000 }] },
      halted: false,
    })
    expect(repository.releaseVersions()).toEqual([1, 3, 7])
  })
})

describe('modules', () => {
  test.each([
    [
      'a file in two',
      (tree: TreeRecipe) => tree.file('bin/tool', 'x'),
      /"\/bin\/tool" lies in the modules base and extra and is not/,
    ],
    ['a directory for a file', (tree: TreeRecipe) => tree.dir('bin/tool'), /not a directory in each/],
    ['a link for a directory', (tree: TreeRecipe) => tree.link('bin', 'usr/bin'), /"\/bin"/],
    ['a directory of another mode', (tree: TreeRecipe) => tree.dir('bin', 0o700), /another mode in each/],
  ])('%s is refused before anything is seen of it', async (_, add, message) => {
    publisher.tree('base').file('bin/tool', 'tool').finish()
    add(publisher.tree('extra')).finish()
    await expect(publisher.publish(1, ['base', 'extra'])).rejects.toMatchObject({
      code: 'MODULES_OVERLAP',
      message: expect.stringMatching(message) as string,
    })
    expect((await publisher.repository()).releaseVersions()).toEqual([])
  })

  test('may share directories, whatever their mtimes', async () => {
    publisher.tree('base').file('bin/tool', 'tool').shell('touch -d 2001-01-01 bin .')
    publisher.tree('extra').file('bin/other', 'other')
    await publisher.publish(1, ['base', 'extra'])
    expect(Object.keys((await (await publisher.repository()).release(1)).modules)).toEqual(['base', 'extra'])
  })

  test('may not include one that is not there', async () => {
    publisher.tree('base').file('a', 'a')
    const modules = [
      { name: 'base', tree: new DirectoryTree(publisher.tree('base').path), includes: ['nothing'] },
    ]
    await expect(publisher.publish(1, [], { modules })).rejects.toThrow(/there is no module "nothing"/)
  })
})

describe('what the store is asked', () => {
  async function calls(work: (metered: Publisher['store']) => Promise<unknown>): Promise<StoreCall[]> {
    const all: StoreCall[] = []
    await work(new MeteredStore(publisher.store, (call) => all.push(call)))
    return all
  }

  function chunkCalls(all: readonly StoreCall[]): string[] {
    return all.filter(({ key }) => key.startsWith('chunks')).map(({ operation }) => operation)
  }

  beforeEach(async () => {
    build(publisher.tree('base'))
    await publisher.publish(1, ['base'])
  })

  test('of chunks: a put for each new one, and nothing else', async () => {
    publisher.tree('base').file('large/new', noise(7, 90_000))
    const all = await calls(async (store) => publisher.publish(2, ['base'], {}, { store }))
    expect(new Set(chunkCalls(all))).toEqual(new Set(['put']))
    expect(chunkCalls(all).length).toBeLessThanOrEqual(2)
    expect(all.filter(({ operation }) => operation === 'list').map(({ key }) => key)).toEqual([
      'private/publishes/',
      'private/sweeps/',
      'private/publishes/',
    ])
    expect(await keysIn(publisher.store, 'private/publishes')).toEqual([])
  })

  test('of chunks: nothing, when nothing is new', async () => {
    expect(chunkCalls(await calls(async (store) => publisher.publish(2, ['base'], {}, { store })))).toEqual(
      [],
    )
  })

  test('after a publish that died: a list, and then no chunk twice', async () => {
    publisher.tree('base').file('large/new', noise(7, 3_000_000))
    const dying = new FaultyStore(publisher.store, {
      fault: ({ operation, key }) =>
        operation === 'put' && key.startsWith('manifests/')
          ? { kind: 'fail-before', error: new Error('the power is out') }
          : undefined,
    })
    await expect(publisher.publish(2, ['base'], {}, { store: dying })).rejects.toThrow('the power is out')
    expect(await keysIn(publisher.store, 'private/publishes')).toEqual([
      expect.stringMatching(/^private\/publishes\/[0-9a-f]{16}-2\.json$/),
    ])
    const all = await calls(async (store) => publisher.publish(2, ['base'], {}, { store }))
    expect(new Set(chunkCalls(all))).toEqual(new Set(['list']))
    expect(await keysIn(publisher.store, 'private/publishes')).toEqual([])
  })
})

describe('a publish that another one overtakes', () => {
  test('is refused, and nothing of it is visible; run again, it goes through', async () => {
    publisher.tree('base').file('a', 'a')
    publisher.tree('other').file('b', 'b')
    let overtaken = false
    const slow = new FaultyStore(publisher.store, {
      onWrite: async ({ operation, moment }) => {
        if (operation !== 'replace' || moment === 'after' || overtaken) return
        overtaken = true
        await publisher.publish(2, ['other'])
      },
    })
    await expect(publisher.publish(3, ['base'], {}, { store: slow })).rejects.toMatchObject({
      code: 'PUBLISH_CONFLICT',
    })
    expect((await publisher.repository()).releaseVersions()).toEqual([2])
    expect(await publisher.publish(3, ['base'], {}, { store: slow })).toMatchObject({ changed: true })
    const repository = await publisher.repository()
    expect(repository.releaseVersions()).toEqual([2, 3])
    expect(await repository.channel('stable')).toMatchObject({ version: 3, previous: 2 })
  })

  test('whose answer was lost is found done', async () => {
    publisher.tree('base').file('a', 'a')
    const answers: Fault[] = [{ kind: 'lose-answer' }]
    const lossy = new FaultyStore(publisher.store, {
      fault: ({ operation }) => (operation === 'replace' ? answers.pop() : undefined),
    })
    await expect(publisher.publish(1, ['base'], {}, { store: lossy })).rejects.toMatchObject({
      name: 'StoreUnavailableError',
    })
    expect(await publisher.publish(1, ['base'], {}, { store: lossy })).toMatchObject({ changed: false })
  })
})

test('passes over the numbers that a dead publish has used', async () => {
  publisher.tree('base').file('a', 'a')
  for (let deaths = 0; deaths < 3; deaths++) {
    const dying = new FaultyStore(publisher.store, {
      fault: ({ operation }) =>
        operation === 'replace' ? { kind: 'fail-before', error: new Error('dead') } : undefined,
    })
    await expect(publisher.publish(1, ['base'], {}, { store: dying })).rejects.toThrow('dead')
  }
  await publisher.publish(1, ['base'])
  const { state } = await publisher.repository()
  expect(state.releases.metadata.signed.version).toBe(5)
  expect(state.snapshot.metadata.signed.version).toBe(5)
  expect(state.timestamp.metadata.signed.version).toBe(2)
})

test('keys that are not the repository’s sign nothing', async () => {
  publisher.tree('base').file('a', 'a')
  using other = await Publisher.create()
  other.keys.keepTrustedRoot(publisher.keys.trustedRoot() ?? new Uint8Array())
  const before = await contentsOf(publisher.store)
  const { keys } = other
  await expect(publisher.publish(1, ['base'], {}, { keys })).rejects.toMatchObject({ code: 'KEY_WRONG' })
  expect(await contentsOf(publisher.store)).toEqual(before)
})

test('whoever aborts a publish leaves nothing that can be seen, and can go on', async () => {
  build(publisher.tree('base'))
  const stop = new AbortController()
  const onProgress = (): void => stop.abort()
  const aborted = publisher.publish(1, ['base'], {}, { signal: stop.signal, onProgress })
  await expect(aborted).rejects.toMatchObject({ name: 'AbortError' })
  expect((await publisher.repository()).releaseVersions()).toEqual([])
  expect(await publisher.publish(1, ['base'])).toMatchObject({ changed: true })
})

test('a store that fails ends the publish with its error', async () => {
  build(publisher.tree('base'))
  for (const failing of ['chunks/', 'manifests/', 'tuf/targets/', 'tuf/metadata/']) {
    const error = new Error(`no ${failing}`)
    const store = new FaultyStore(publisher.store, {
      fault: ({ operation, key }) =>
        key.startsWith(failing) && (operation === 'put' || operation === 'create')
          ? { kind: 'fail-before', error }
          : undefined,
    })
    await expect(publisher.publish(1, ['base'], {}, { store })).rejects.toBe(error)
  }
  expect(await publisher.publish(1, ['base'])).toMatchObject({ changed: true })
})
