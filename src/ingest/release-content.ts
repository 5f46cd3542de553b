import type { Channel } from '../../manifests/channel.ts'
import { isDamage } from '../repository/is-damage.ts'
import { chunkKey, manifestKey } from '../repository/layout.ts'
import { listedChunks } from '../repository/listed-chunks.ts'
import type { Lease } from '../repository/lease.ts'
import type { Repository } from '../repository/repository.ts'
import { awaitSweeps, isDeadSweep, readSweeps, type Sweep } from '../repository/sweeps.ts'
import type { Digest } from '../../manifests/digest.ts'
import { mapInOrder } from '../map-in-order.ts'
import { TreeChangedError } from '../tree/errors.ts'
import { ingestModules, type Ingested } from './ingest-modules.ts'
import type { IngestedModule } from './ingest-tree.ts'
import { findKnownContent, nothingKnown, type KnownContent } from './known-content.ts'
import type { PublishContext, PublishRequest } from './publish-release.ts'

/** More are looked for in a listing of the store. */
const maxQuestions = 256
const questionsAtOnce = 32

interface Surroundings {
  readonly lease: Pick<Lease, 'othersFound' | 'renew'>
  /** What the channel is now. */
  readonly previous: Channel | undefined
}

/**
 * The chunks and manifests of a release on its way into the store, beside collectors of garbage. While the state that
 * the publish builds on is the visible one, nothing that it reaches is removed. Everything else counts as stored only
 * when that was seen, or done, after the state was read, and when it is in no sweep that was under way then.
 */
export class ReleaseContent {
  readonly #request: PublishRequest
  readonly #context: PublishContext
  readonly #repository: Repository
  readonly #surroundings: Surroundings
  #known: KnownContent = nothingKnown()
  #ingested: Ingested | undefined

  /** `repository`: of the state that is built on. */
  constructor(
    request: PublishRequest,
    context: PublishContext,
    repository: Repository,
    surroundings: Surroundings,
  ) {
    this.#request = request
    this.#context = context
    this.#repository = repository
    this.#surroundings = surroundings
  }

  get totals(): Ingested['totals'] {
    return this.#done.totals
  }

  /** Stores what the store lacks. Nothing of the store may have been looked at before but the state. */
  async store(): Promise<readonly IngestedModule[]> {
    const sweeps = await this.#livingSweeps()
    this.#ingested = await this.#ingest(this.#surroundings.lease.othersFound)
    const concerned = await this.#sweepsThatHaveAny(sweeps)
    if (concerned.length > 0) await this.#storeAnew(concerned)
    return this.#done.modules
  }

  /** To be called when the commit was fenced off: what was removed meanwhile is stored anew. */
  async storeWhatIsGone(): Promise<void> {
    const sweeps = await this.#livingSweeps()
    const concerned = await this.#sweepsThatHaveAny(sweeps)
    if (concerned.length > 0 || !(await this.#isAllThere())) await this.#storeAnew(concerned)
  }

  get #done(): Ingested {
    if (this.#ingested === undefined) throw new Error('nothing was stored yet')
    return this.#ingested
  }

  async #ingest(listStore: boolean): Promise<Ingested> {
    const { signal, onNote } = this.#context
    const { previous } = this.#surroundings
    this.#known =
      this.#request.mend === true
        ? nothingKnown()
        : await findKnownContent(this.#repository, previous, {
            listStore,
            signal,
            onDamaged: (problem) => onNote?.(`${problem}; what it holds is uploaded again`),
          })
    const { ingest = ingestModules } = this.#context
    return ingest(this.#request, this.#context, this.#repository, this.#known)
  }

  /** Nothing that is left of the others takes effect any more. */
  async #livingSweeps(): Promise<readonly Sweep[]> {
    const { store, signal } = this.#context
    const sweeps = await readSweeps(store, { signal })
    if (sweeps.length === 0) return sweeps
    const now = await this.#surroundings.lease.renew()
    return sweeps.filter((sweep) => !isDeadSweep(sweep, now))
  }

  async #storeAnew(sweeps: readonly Sweep[]): Promise<void> {
    const { store, signal, onNote } = this.#context
    await awaitSweeps(store, sweeps, { signal, onNote, storeNow: () => this.#surroundings.lease.renew() })
    const before = this.#done
    const again = await this.#ingest(true)
    for (const [index, { digest }] of again.modules.entries()) {
      if (digest === before.modules[index]?.digest) continue
      throw new TreeChangedError(
        { tree: this.#request.modules[index]?.tree.name, path: '' },
        'changed while it was published',
      )
    }
    const { chunksUploaded, storedBytes } = before.totals
    this.#ingested = {
      modules: again.modules,
      totals: {
        ...again.totals,
        chunksUploaded: chunksUploaded + again.totals.chunksUploaded,
        storedBytes: storedBytes + again.totals.storedBytes,
      },
    }
  }

  async #sweepsThatHaveAny(sweeps: readonly Sweep[]): Promise<readonly Sweep[]> {
    if (sweeps.length === 0) return []
    const concerned = new Set<Sweep>()
    const look = (key: string): void => {
      for (const sweep of sweeps) if (sweep.has(key)) concerned.add(sweep)
    }
    for (const { digest } of this.#newModules()) look(manifestKey(digest))
    const chunks = await this.#newChunks()
    for (const digest of chunks ?? []) look(chunkKey(digest))
    // A manifest that is gone already says no more what it had.
    return chunks === undefined ? sweeps : [...concerned]
  }

  async #isAllThere(): Promise<boolean> {
    const { store, signal } = this.#context
    const chunks = await this.#newChunks()
    if (chunks === undefined) return false
    if (chunks.length > maxQuestions) return this.#areListed(chunks)
    const found = mapInOrder(chunks, questionsAtOnce, (digest) => store.stat(chunkKey(digest), { signal }))
    for await (const one of found) if (one === undefined) return false
    return true
  }

  async #areListed(chunks: readonly Digest[]): Promise<boolean> {
    const { store, signal } = this.#context
    const listed = await listedChunks(store, { signal })
    return chunks.every((digest) => listed.has(digest))
  }

  /** Those whose manifests are not of the state's releases. */
  #newModules(): readonly IngestedModule[] {
    return this.#done.modules.filter(({ digest }) => !this.#known.reachedManifests.has(digest))
  }

  /** That the state is not known to reach; undefined when a manifest is not there. */
  async #newChunks(): Promise<readonly Digest[] | undefined> {
    const chunks: Digest[] = []
    try {
      for (const { digest, bytes } of this.#newModules()) {
        const opened = await this.#repository.manifest({ manifest: { digest, bytes } }, this.#context)
        for (const chunk of opened.chunkTable)
          if (!this.#known.reached.has(chunk.digest)) chunks.push(chunk.digest)
        await opened.close()
      }
      return chunks
    } catch (error) {
      if (isDamage(error)) return undefined
      throw error
    }
  }
}
