import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { digestOf, type Digest } from '../../manifests/digest.ts'
import {
  publishRelease,
  type PublishContext,
  type PublishRequest,
  type PublishResult,
} from '../../src/ingest/publish-release.ts'
import { createRepository } from '../../src/repository/create-repository.ts'
import { loadState } from '../../src/repository/repository-state.ts'
import { Repository } from '../../src/repository/repository.ts'
import { KeyRing } from '../../src/trust/key-ring.ts'
import type { BlobStore } from '../../storage/blob-store.ts'
import { MemoryStore } from '../../storage/memory-store.ts'
import { TreeRecipe } from './tree-recipe.ts'
import { DirectoryTree } from '../../src/tree/tree-source.ts'

/** A repository in memory, its keys, and source trees; for tests of what lies in the store. */
export class Publisher implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'vend-publisher-'))
  readonly store: BlobStore
  readonly keys = new KeyRing(join(this.directory, 'keys'))
  readonly now = new Date()

  private constructor(store: BlobStore) {
    this.store = store
  }

  static async create(store: BlobStore = new MemoryStore()): Promise<Publisher> {
    const publisher = new Publisher(store)
    await createRepository({ store, keys: publisher.keys, now: publisher.now })
    return publisher
  }

  /** A source tree, to be changed at will. */
  tree(name: string): TreeRecipe {
    return new TreeRecipe(join(this.directory, 'trees', name))
  }

  /** Publishes the trees of these names as modules of the same names. */
  async publish(
    version: number,
    names: readonly string[],
    request: Partial<PublishRequest> = {},
    context: Partial<PublishContext> = {},
  ): Promise<PublishResult> {
    const modules = names.map((name) => ({
      name,
      tree: new DirectoryTree(this.tree(name).path),
      includes: [],
    }))
    return publishRelease(
      { version, channel: 'stable', modules, ...request },
      { store: this.store, keys: this.keys, now: this.now, threads: 1, ...context },
    )
  }

  async repository(store: BlobStore = this.store): Promise<Repository> {
    return new Repository(store, await loadState(store, { trustedRoot: this.keys.trustedRoot() }))
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true })
  }
}

export async function keysIn(store: BlobStore, prefix = ''): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of store.list(prefix)) keys.push(key)
  return keys
}

export async function bytesIn(store: BlobStore, key: string): Promise<Buffer> {
  return Buffer.concat((await (await store.get(key)).stream.toArray()) as Uint8Array[])
}

/** The digest of everything in a store, to be compared with what it holds later. */
export async function contentsOf(store: BlobStore, prefix = ''): Promise<ReadonlyMap<string, Digest>> {
  const contents = new Map<string, Digest>()
  for (const key of await keysIn(store, prefix)) contents.set(key, digestOf(await bytesIn(store, key)))
  return contents
}
