import { encodePackHeader } from '../../../../src/pack/pack-header.ts'
import type { MirrorOptions } from '../../../../src/maintenance/mirror/mirror-options.ts'
import { mirrorRepository } from '../../../../src/maintenance/mirror/mirror-repository.ts'
import type { MirrorReport } from '../../../../src/maintenance/mirror/mirror-run.ts'
import { verifyRepository } from '../../../../src/maintenance/verify-repository.ts'
import { packKey } from '../../../../src/repository/layout.ts'
import { loadState } from '../../../../src/repository/repository-state.ts'
import { Repository } from '../../../../src/repository/repository.ts'
import type { BlobStore } from '../../../../storage/blob-store.ts'
import { MemoryStore } from '../../../../storage/memory-store.ts'
import { FaultyStore } from '../../../support/faulty-store.ts'
import { bytesIn, contentsOf, keysIn, Publisher } from '../../../support/publisher.ts'
import { noise } from '../../../support/tree-recipe.ts'

/** A repository of three releases of two modules, `tools` the same in the first two; the channel beta is at 11. */
export async function publishThree(): Promise<Publisher> {
  const publisher = await Publisher.create()
  publisher.tree('base').file('a', noise(1, 600_000)).file('b', 'b')
  publisher.tree('tools').file('t', 'tools')
  await publishNext(publisher, 10)
  await publishNext(publisher, 11, { channel: 'beta' })
  publisher.tree('tools').file('t', 'newer tools')
  await publishNext(publisher, 12)
  await putEmptyPack(publisher, 11, 12)
  return publisher
}

/** As the release before, but for a file and a new one; into a copy of the repository, if one is given. */
export async function publishNext(
  publisher: Publisher,
  version: number,
  { channel = 'stable', store = publisher.store }: { channel?: string; store?: BlobStore } = {},
): Promise<void> {
  publisher.tree('base').file('version', String(version)).file(`new-${version}`, noise(version, 100_000))
  await publisher.publish(version, ['base', 'tools'], { channel }, { store })
}

/** A pack of the module `base` that is whole, and makes nothing. */
export async function putEmptyPack(
  publisher: Publisher,
  from: number,
  to: number,
  store: BlobStore = publisher.store,
): Promise<string> {
  const repository = await publisher.repository(store)
  const digestOf = async (version: number) =>
    (await repository.release(version)).modules['base']?.manifest.digest
  const [older, newer] = [await digestOf(from), await digestOf(to)]
  if (newer === undefined) throw new Error('base was published')
  const key = packKey(older, newer)
  await store.put(key, encodePackHeader({ kind: 'manifests', from: older, to: newer, groups: [] }))
  return key
}

export async function mirror(
  source: BlobStore,
  destination: BlobStore,
  options: Partial<MirrorOptions> & { readonly canList?: boolean } = {},
): Promise<MirrorReport> {
  const { canList = true, ...rest } = options
  return mirrorRepository({ reader: source, canList }, destination, { now: () => new Date(), ...rest })
}

export async function copyOf(store: BlobStore): Promise<MemoryStore> {
  const copy = new MemoryStore()
  for (const key of await keysIn(store)) await copy.put(key, await bytesIn(store, key))
  return copy
}

/** Without what is nobody's business but the store's own. */
export async function publicOf(store: BlobStore): Promise<Record<string, string>> {
  return Object.fromEntries([...(await contentsOf(store))].filter(([key]) => !key.startsWith('private/')))
}

export interface WatchedStore {
  readonly store: FaultyStore
  /** `get chunks/…` */
  readonly calls: string[]
}

export function watch(inner: BlobStore): WatchedStore {
  const calls: string[] = []
  const store = new FaultyStore(inner, {
    fault: ({ operation, key }) => {
      calls.push(`${operation} ${key}`)
      return undefined
    },
  })
  return { store, calls }
}

/** The versions that are visible and whole; undefined where nothing is visible. */
export async function wholeIn(store: BlobStore): Promise<readonly number[] | undefined> {
  if ((await store.stat('tuf/metadata/timestamp.json')) === undefined) return undefined
  const { damages } = await verifyRepository(store, { now: new Date() })
  if (damages.length > 0)
    throw new Error(damages.map(({ what, problem }) => `${what}: ${problem}`).join('\n'))
  return new Repository(store, await loadState(store)).releaseVersions()
}

/** A member of a store, for proxies that change others. */
export function bind(store: BlobStore, name: string | symbol): unknown {
  const value: unknown = Reflect.get(store, name)
  return typeof value === 'function' ? (value.bind(store) as unknown) : value
}
