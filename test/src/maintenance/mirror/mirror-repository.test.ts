import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { auditLog } from '../../../../src/maintenance/audit-log.ts'
import { readPresence } from '../../../../src/maintenance/mirror/presence.ts'
import { verifyRepository } from '../../../../src/maintenance/verify-repository.ts'
import { commit } from '../../../../src/repository/commit.ts'
import { fence, fencesOf } from '../../../../src/repository/fence.ts'
import { chunkKey, timestampKey } from '../../../../src/repository/layout.ts'
import { loadState } from '../../../../src/repository/repository-state.ts'
import type { BlobReader, BlobStore } from '../../../../storage/blob-store.ts'
import { MemoryStore } from '../../../../storage/memory-store.ts'
import { FaultyStore } from '../../../support/faulty-store.ts'
import { bytesIn, keysIn, Publisher } from '../../../support/publisher.ts'
import {
  bind,
  copyOf,
  mirror,
  publicOf,
  publishNext,
  publishThree,
  putEmptyPack,
  watch,
  wholeIn,
} from './mirror-world.ts'

/** As it was published, and to be left so. */
let publisher: Publisher
let destination: MemoryStore

beforeAll(async () => {
  publisher = await publishThree()
})
beforeEach(() => {
  destination = new MemoryStore()
})
afterAll(() => {
  publisher[Symbol.dispose]()
})

test('a mirror of everything is the same, byte for byte', async () => {
  const report = await mirror(publisher.store, destination)
  expect(report).toMatchObject({ changed: true, releases: 3, lost: [], copied: { packs: 1, manifests: 5 } })
  expect(await publicOf(destination)).toEqual(await publicOf(publisher.store))
  expect(await keysIn(destination, 'private/')).toEqual([])
  expect(await wholeIn(destination)).toEqual([10, 11, 12])
  expect((await auditLog(destination, {})).findings).toEqual([])
})

test('when there is nothing to do it takes a handful of requests, and writes nothing', async () => {
  await mirror(publisher.store, destination)
  const [from, to] = [watch(publisher.store), watch(destination)]
  expect(await mirror(from.store, to.store)).toMatchObject({ changed: false, releases: 3 })
  expect(from.calls.length).toBeLessThanOrEqual(4)
  expect(to.calls.length).toBeLessThanOrEqual(14)
  expect(to.calls.filter((call) => !/^(?:get|stat|list) /.test(call))).toEqual([])
})

test('the next run asks for nothing that the destination has', async () => {
  const source = await copyOf(publisher.store)
  await mirror(source, destination)
  const had = new Set(await keysIn(source))
  await publishNext(publisher, 13, { store: source })
  await putEmptyPack(publisher, 12, 13, source)
  const from = watch(source)
  const { copied } = await mirror(from.store, destination)
  expect(copied).toMatchObject({ manifests: 1, packs: 1, documents: 2 })
  const fetched = from.calls.filter((call) => call.startsWith('get ')).map((call) => call.slice(4))
  const again = fetched.filter((key) => had.has(key) && !/timestamp|root|checkpoint|targets\.json/.test(key))
  expect(again).toEqual([])
  expect(await publicOf(destination)).toEqual(await publicOf(source))
})

test('of a source that cannot be listed likely packs are asked for', async () => {
  const served = new Proxy(publisher.store, {
    get: (store, name) => (name === 'list' ? unlisted : bind(store, name)),
  })
  await mirror(served, destination, { canList: false })
  expect(await publicOf(destination)).toEqual(await publicOf(publisher.store))
})

function unlisted(): never {
  throw new Error('it cannot be listed')
}

describe('a part', () => {
  test.each([
    [
      { keepLast: 1, channels: ['beta'] },
      { releases: [10], modules: [] },
    ],
    [{ channels: ['beta'] }, { releases: [10, 12], modules: [] }],
    [{ modules: ['tools'] }, { releases: [], modules: ['base'] }],
    [
      { channels: ['stable'], modules: ['base'] },
      { releases: [11], modules: ['tools'] },
    ],
  ])('%j says what is absent, and verifies', async (selection, absent) => {
    const report = await mirror(publisher.store, destination, { selection })
    expect(report.state.absent).toEqual(absent)
    expect((await readPresence(destination)).absent).toEqual(absent)
    expect(await wholeIn(destination)).toEqual([10, 11, 12])
    const [whole, part] = [await keysIn(publisher.store), await keysIn(destination)]
    expect(part.length).toBeLessThan(whole.length)
    expect(part.filter((key) => key.startsWith('tuf/'))).toEqual(
      whole.filter((key) => key.startsWith('tuf/')),
    )
    expect((await auditLog(destination, {})).findings).toEqual([])
    expect(await mirror(publisher.store, destination, { selection })).toMatchObject({ changed: false })
  })

  test('without its record is damaged', async () => {
    await mirror(publisher.store, destination, { selection: { modules: ['tools'] } })
    await destination.delete('private/mirror.json')
    expect((await verifyRepository(destination, { now: new Date() })).damages).not.toEqual([])
  })

  test('that becomes wider gets the rest, fenced against collectors that knew the narrow one', async () => {
    await mirror(publisher.store, destination, { selection: { keepLast: 1, modules: ['tools'] } })
    const { timestampEtag } = await loadState(destination)
    await mirror(publisher.store, destination)
    const state = await loadState(destination)
    expect(state.timestampEtag).not.toBe(timestampEtag)
    expect(fencesOf(state.timestamp.bytes)).toBe(1)
    expect((await readPresence(destination)).isWhole).toBe(true)
    const before = await publicOf(publisher.store)
    expect({ ...(await publicOf(destination)), [timestampKey]: before[timestampKey] }).toEqual(before)
  })

  test('as a source gives what it has', async () => {
    await mirror(publisher.store, destination, { selection: { modules: ['tools'] } })
    const next = new MemoryStore()
    await mirror(destination, next)
    expect(await publicOf(next)).toEqual(await publicOf(destination))
    expect((await readPresence(next)).absent).toEqual({ modules: ['base'], releases: [] })
  })

  test('of what is not there is refused', async () => {
    await expect(
      mirror(publisher.store, destination, { selection: { modules: ['x'] } }),
    ).rejects.toMatchObject({
      code: 'MODULE_UNKNOWN',
    })
    await expect(
      mirror(publisher.store, destination, { selection: { channels: ['x'] } }),
    ).rejects.toMatchObject({ code: 'CHANNEL_UNKNOWN' })
    expect(await keysIn(destination)).toEqual([])
  })
})

describe('refused, with nothing changed:', () => {
  async function refuse(
    source: BlobStore,
    code: string,
    options: { trustedRoot?: Buffer } = {},
  ): Promise<void> {
    const before = await publicOf(destination)
    await expect(mirror(source, destination, options)).rejects.toMatchObject({ code })
    expect(await publicOf(destination)).toEqual(before)
  }

  test('another repository', async () => {
    using other = await Publisher.create()
    await mirror(other.store, destination)
    await refuse(publisher.store, 'ROOT_MISMATCH')
    destination = new MemoryStore()
    await refuse(publisher.store, 'ROOT_MISMATCH', {
      trustedRoot: await bytesIn(other.store, 'tuf/metadata/1.root.json'),
    })
  })

  test('an older state', async () => {
    const source = await copyOf(publisher.store)
    const older = await copyOf(source)
    await publishNext(publisher, 13, { store: source })
    await mirror(source, destination)
    await refuse(older, 'MIRROR_BACKWARDS')
  })

  test('another history of the same keys', async () => {
    const source = await copyOf(publisher.store)
    const fork = await copyOf(source)
    await publishNext(publisher, 13, { store: source })
    await mirror(source, destination)
    const context = { store: fork, keys: publisher.keys, now: publisher.now }
    await commit(context, await loadState(fork), { renewed: new Set(['channels']) })
    await refuse(fork, 'MIRROR_FORKED')
    for (const version of [14, 15]) await publisher.publish(version, ['tools'], {}, { store: fork })
    await refuse(fork, 'LOG_FORKED')
  })

  test('a source without a repository', async () => {
    await refuse(new MemoryStore(), 'REPOSITORY_MISSING')
  })
})

describe('while others work', () => {
  test('a source that has dropped what was to be copied is looked at again', async () => {
    const source = await copyOf(publisher.store)
    const [before, after] = [await copyOf(source), source]
    const old = (await (await publisher.repository(source)).release(10)).modules['base']
    const context = { store: after, keys: publisher.keys, now: publisher.now }
    await commit(context, await loadState(after), { retired: new Set(['releases/10.json']) })
    if (old !== undefined) await after.delete(`manifests/${old.manifest.digest.slice(7)}.ndjson.zst`)
    let isAfter = false
    const moving = new Proxy(before, {
      get: (_, name) => {
        if (name !== 'get') return bind(isAfter ? after : before, name)
        const get: BlobReader['get'] = async (key, options) => {
          if (key.startsWith('manifests/')) isAfter = true
          return (isAfter ? after : before).get(key, options)
        }
        return get
      },
    })
    const notes: string[] = []
    await mirror(moving, destination, { onNote: (note) => notes.push(note) })
    expect(notes.join()).toContain('the source has published meanwhile')
    expect(await wholeIn(destination)).toEqual([11, 12])
  })

  test('a source that lacks what it vouches for, and stays so, is refused', async () => {
    const broken = await copyOf(publisher.store)
    const [key = ''] = await keysIn(broken, 'chunks/')
    await broken.delete(key)
    await expect(mirror(broken, destination)).rejects.toThrow(`${key} is missing`)
    expect(await wholeIn(destination)).toBeUndefined()
  })

  test('a collector that fenced the destination and removed a chunk has that stored again', async () => {
    const source = await copyOf(publisher.store)
    await mirror(source, destination)
    await publishNext(publisher, 13, { store: source })
    const added = (await keysIn(source, 'chunks/')).find((key) => !destinationHas.has(key))
    let isFenced = false
    const target = new FaultyStore(destination, {
      onWrite: async ({ moment, operation, key }) => {
        if (isFenced || moment !== 'before' || operation !== 'replace' || key !== timestampKey) return
        isFenced = true
        await fence(destination, await loadState(destination))
        await destination.delete(added ?? '')
      },
    })
    await mirror(source, target)
    expect([isFenced, added !== undefined]).toEqual([true, true])
    expect(await publicOf(destination)).toEqual(await publicOf(source))
  })

  const destinationHas = new Set<string>()
  beforeAll(async () => {
    for (const key of await keysIn(publisher.store, 'chunks/')) destinationHas.add(key)
  })

  test('two mirrors to one destination both come to its end', async () => {
    await Promise.all([mirror(publisher.store, destination), mirror(publisher.store, destination)])
    expect(await publicOf(destination)).toEqual(await publicOf(publisher.store))
  })
})

test('a log that the source has not written to its end is copied as far as it goes, and then to its end', async () => {
  const source = await copyOf(publisher.store)
  await mirror(source, destination)
  const before = await copyOf(source)
  await publishNext(publisher, 13, { store: source })
  const behind = await copyOf(source)
  for (const key of await keysIn(behind, 'log/')) {
    if ((await before.stat(key)) === undefined) await behind.delete(key)
  }
  await behind.put('log/checkpoint', await bytesIn(before, 'log/checkpoint'))
  const notes: string[] = []
  await mirror(behind, destination, { onNote: (note) => notes.push(note) })
  expect(notes.join()).toContain('is behind its signed head')
  expect(await wholeIn(destination)).toEqual([10, 11, 12, 13])
  expect(await mirror(source, destination)).toMatchObject({ changed: true })
  expect(await publicOf(destination)).toEqual(await publicOf(source))
})

test('history that the source has lost is told, and left out', async () => {
  const worn = await copyOf(publisher.store)
  await worn.delete('tuf/metadata/2.snapshot.json')
  await worn.delete('tuf/metadata/3.channels.json')
  const { lost } = await mirror(worn, destination)
  expect(lost).toEqual(['tuf/metadata/3.channels.json', 'tuf/metadata/2.snapshot.json'])
  expect(await wholeIn(destination)).toEqual([10, 11, 12])
})

test('a chunk in the destination is not asked for again where a mirror died', async () => {
  const [key = ''] = await keysIn(publisher.store, 'chunks/')
  await destination.put(key, await bytesIn(publisher.store, key))
  const from = watch(publisher.store)
  await mirror(from.store, destination)
  expect(from.calls).not.toContain(`get ${key}`)
  expect(chunkKey(`sha256:${key.slice(12, -6)}`)).toBe(key)
})

test('progress ends with all of the content, and a mirror that is aborted ends with the reason', async () => {
  const seen: string[] = []
  await mirror(publisher.store, destination, {
    onProgress: ({ bytes, totalBytes }) => seen.push(`${bytes === totalBytes}`),
  })
  expect(seen.at(-1)).toBe('true')
  const reason = new Error('enough')
  const options = { signal: AbortSignal.abort(reason) }
  await expect(mirror(publisher.store, new MemoryStore(), options)).rejects.toBe(reason)
})
