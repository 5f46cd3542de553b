import { chunkKey, leaseKey, leasePrefix, manifestKey } from '../../src/repository/layout.ts'
import type { KeyRing } from '../../src/trust/key-ring.ts'
import type { BlobInfo, BlobStore } from '../../storage/blob-store.ts'
import { RetryingStore } from '../../storage/retrying-store.ts'
import type { BaseRepository } from './base-repository.ts'
import type { BrokenVariant } from './broken-variants.ts'
import type { HistoryPlan } from './draw-plan.ts'
import { ModelStore } from './model-store.ts'
import { outcomeOf, type Operation, type Outcome } from './operation.ts'
import { PassingStore } from './passing-store.ts'
import type { PreparedTree } from './prepared-tree.ts'
import { ReachabilityChecker } from './reachability-checker.ts'
import type { SimulatedProcess } from './simulated-process.ts'
import { StoreModel } from './store-model.ts'
import type { World } from './world.ts'

const longAgoMs = 30 * 24 * 3_600_000

/** A store with its checker, and what the processes that use it share. */
export class Stage {
  readonly model: StoreModel
  readonly checker: ReachabilityChecker
  readonly keys: KeyRing
  readonly operations: Operation[] = []
  /** Of every tree that may be published, by the digest of its manifest. */
  readonly trees: ReadonlyMap<string, PreparedTree>
  readonly #world: World
  readonly #plan: HistoryPlan
  readonly #broken: BrokenVariant | undefined

  constructor(
    name: string,
    world: World,
    plan: HistoryPlan,
    base: Pick<BaseRepository, 'keys'>,
    broken: BrokenVariant | undefined,
  ) {
    this.#world = world
    this.#plan = plan
    this.#broken = broken
    this.keys = base.keys
    this.trees = new Map(plan.trees.map((tree) => [tree.manifest.digest, tree]))
    this.model = new StoreModel(
      name,
      () => world.now,
      (change) => {
        try {
          this.checker.check(change)
        } catch (error) {
          // It is the world's to hear of, not the process's whose write it was.
          world.fail(error as Error)
        }
      },
    )
    this.checker = new ReachabilityChecker(
      this.model,
      () => ({ step: world.step, operation: world.carrying?.operation }),
      { isMirror: name === 'mirror' },
    )
  }

  /** Long before the history begins. */
  fill(blobs: ReadonlyMap<string, Buffer>): void {
    this.#world.now -= longAgoMs
    for (const [key, bytes] of blobs) this.model.put(key, bytes)
    this.#world.now += longAgoMs
  }

  /** What a publisher has stored that died long ago. */
  leaveBehind(trees: readonly PreparedTree[]): void {
    const blobs = new Map<string, Buffer>()
    for (const { chunks, manifest } of trees) {
      for (const { digest, stored } of chunks) blobs.set(chunkKey(digest), Buffer.from(stored))
      blobs.set(manifestKey(manifest.digest), manifest.stored)
    }
    this.fill(blobs.set(leaseKey(1, '0'.repeat(16)), Buffer.from('{}')))
  }

  /** As `openStore` opens one, with the waits of a simulated process. */
  open(process: SimulatedProcess): BlobStore {
    const { pageKeys, hidesLeases } = this.#plan
    const bare = new ModelStore(this.model, process, { pageKeys })
    const retrying = new RetryingStore(bare, {
      random: () => process.random.below(10_000) / 10_000,
      sleep: process.sleep,
    })
    const isBlind = hidesLeases && process.name.startsWith('collector')
    const store = isBlind ? new WithoutLeases(retrying) : retrying
    const isBroken = this.#broken !== undefined && process.name.startsWith(this.#broken.of)
    return isBroken ? this.#broken.spoil(store, process, bare) : store
  }

  /** Does one attempt and notes what its caller is told; its writes are known as its own. */
  async attempt(
    process: SimulatedProcess,
    about: Pick<Operation, 'kind' | 'version' | 'channel'>,
    work: () => Promise<'done' | 'found'>,
  ): Promise<Outcome> {
    const { world } = process
    const begun = world.step
    const operation: Operation = { ...about, name: process.name, begun, ended: undefined, outcome: undefined }
    this.operations.push(operation)
    process.operation = operation
    operation.outcome = await work().catch(outcomeOf)
    operation.ended = world.step
    process.operation = undefined
    const what = [about.version, about.channel].filter((part) => part !== undefined).join(' ')
    world.note(`${process.name} ${about.kind} ${what}: ${operation.outcome}`)
    return operation.outcome
  }
}

class WithoutLeases extends PassingStore {
  override async *list(prefix: string, options?: Parameters<BlobStore['list']>[1]): AsyncIterable<BlobInfo> {
    if (prefix !== leasePrefix) yield* this.inner.list(prefix, options)
  }
}
