import { expect } from 'vitest'
import { collectGarbage, type CollectionOptions } from '../../../../src/maintenance/gc/collect-garbage.ts'
import type { CollectionReport } from '../../../../src/maintenance/gc/collection-report.ts'
import { undoCollection, type UndoneCollection } from '../../../../src/maintenance/gc/undo-collection.ts'
import { verifyRepository } from '../../../../src/maintenance/verify-repository.ts'
import { chunkKey, manifestKey } from '../../../../src/repository/layout.ts'
import type { BlobStore } from '../../../../storage/blob-store.ts'
import { MemoryStore } from '../../../../storage/memory-store.ts'
import { keysIn, Publisher } from '../../../support/publisher.ts'
import { noise } from '../../../support/tree-recipe.ts'

export const hourMs = 3_600_000
export const dayMs = 24 * hourMs

type Options = Partial<Omit<CollectionOptions, 'policy'>> & {
  readonly keepLast?: number
  readonly pins?: readonly number[]
  readonly store?: BlobStore
}

/** A repository in memory, whose clock stands still until it is moved, and its collector. */
export class CollectedRepository implements Disposable {
  readonly publisher: Publisher
  readonly #clock: { time: number }

  private constructor(publisher: Publisher, clock: { time: number }) {
    this.publisher = publisher
    this.#clock = clock
  }

  static async create(): Promise<CollectedRepository> {
    const clock = { time: Date.parse('2026-03-01T00:00:00Z') }
    const store = new MemoryStore({ now: () => new Date(clock.time) })
    return new CollectedRepository(await Publisher.create(store), clock)
  }

  get store(): BlobStore {
    return this.publisher.store
  }

  /** The store's clock; nobody else's counts. */
  later(ms: number): void {
    this.#clock.time += ms
  }

  /** Default: a day of grace, a week of quarantine, and every release stays. */
  async collect({
    keepLast,
    pins = [],
    store = this.store,
    ...options
  }: Options = {}): Promise<CollectionReport> {
    const { keys, now } = this.publisher
    return collectGarbage(
      { store, keys, now },
      {
        policy: { keepLast, pins },
        graceMs: dayMs,
        quarantineMs: 7 * dayMs,
        sleep: () => Promise.resolve(),
        ...options,
      },
    )
  }

  async undo(run?: string): Promise<UndoneCollection> {
    const { store, keys, now } = this.publisher
    return undoCollection({ store, keys, now }, run)
  }

  /** What no release names, by a simpler way of finding that out than the collector's. */
  async garbage(): Promise<string[]> {
    const repository = await this.publisher.repository()
    const needed = new Set<string>()
    for (const version of repository.releaseVersions()) {
      const { modules } = await repository.release(version)
      for (const module of Object.values(modules)) {
        needed.add(manifestKey(module.manifest.digest))
        const { chunkTable, close } = await repository.manifest(module)
        for (const { digest } of chunkTable) needed.add(chunkKey(digest))
        await close()
      }
    }
    const stored = [...(await keysIn(this.store, 'chunks/')), ...(await keysIn(this.store, 'manifests/'))]
    return stored.filter((key) => !needed.has(key))
  }

  async expectWhole(versions?: readonly number[]): Promise<void> {
    const { keys, now } = this.publisher
    const { damages } = await verifyRepository(this.store, { now, trustedRoot: keys.trustedRoot() })
    expect(damages).toEqual([])
    if (versions !== undefined) {
      expect((await this.publisher.repository()).releaseVersions()).toEqual(versions)
    }
  }

  /** As a publish that died right before its commit leaves it; what nothing names of it. */
  async die(version: number): Promise<readonly string[]> {
    const dying = new Error('the power is out')
    const died = this.publisher.publish(version, ['base'], {}, { beforeVisible: () => Promise.reject(dying) })
    await expect(died).rejects.toThrow(dying)
    return this.garbage()
  }

  /** A first release with contents that all later ones keep. */
  async begin(): Promise<void> {
    this.publisher.tree('base').file('kept', noise(1, 300_000)).file('a', 'a')
    await this.publisher.publish(1, ['base'])
  }

  /** Releases, each with a content that the others do not have. */
  async publish(...versions: readonly number[]): Promise<void> {
    for (const version of versions) {
      this.publisher.tree('base').file('new', noise(version, 200_000))
      await this.publisher.publish(version, ['base'])
    }
  }

  /** What a publish that died has left: some chunks, a manifest; sketches and a lease besides. */
  async leaveGarbage(): Promise<readonly string[]> {
    this.growNever()
    const garbage = await this.die(50)
    this.publisher.tree('base').remove('never')
    expect(garbage.length).toBeGreaterThan(3)
    return garbage
  }

  /** Takes into the tree what `leaveGarbage` has left. */
  growNever(): void {
    this.publisher.tree('base').file('never', noise(99, 400_000))
  }

  /** Whether the keys are there: all, none or some. */
  async has(keys: readonly string[]): Promise<'all' | 'none' | 'some'> {
    const found = await Promise.all(keys.map((key) => this.store.stat(key)))
    if (found.every((info) => info === undefined)) return 'none'
    return found.includes(undefined) ? 'some' : 'all'
  }

  [Symbol.dispose](): void {
    this.publisher[Symbol.dispose]()
  }
}

export function objectsIn(tally: CollectionReport['swept']): number {
  return Object.values(tally).reduce((sum, { objects }) => sum + objects, 0)
}

/** The manifest of a tree that was changed and changed back is another one. */
export function isChunk(key: string): boolean {
  return key.startsWith('chunks/')
}
