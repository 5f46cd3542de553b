import type { Digest } from '../../../manifests/digest.ts'
import type { BlobStore, CallOptions, PutBody } from '../../../storage/blob-store.ts'
import { BlobChangedError, BlobExistsError } from '../../../storage/errors.ts'
import type { DigestMap } from '../../digest-map.ts'
import { createOnce } from '../../repository/commit.ts'
import { fence, isSameCommit, withoutFences } from '../../repository/fence.ts'
import {
  checkpointKey,
  chunkKey,
  metadataKey,
  packPrefix,
  revalidatedCaching,
  timestampKey,
} from '../../repository/layout.ts'
import { endLeases, takeLease, type Lease } from '../../repository/lease.ts'
import { listedChunks } from '../../repository/listed-chunks.ts'
import { readBlob } from '../../repository/read-blob.ts'
import { Repository } from '../../repository/repository.ts'
import { logHeadOf, logReader } from '../../repository/repository-log.ts'
import type { RepositoryState } from '../../repository/repository-state.ts'
import { awaitSweeps, readSweeps } from '../../repository/sweeps.ts'
import { parseCheckpoint } from '../../transparency/checkpoint.ts'
import type { LogHead } from '../../transparency/log-head.ts'
import { loadDestination, type Destination } from './load-destination.ts'
import {
  MovedError,
  type MirrorBase,
  type MirrorCommit,
  type MirroredLog,
  type MirrorTarget,
} from './mirror-target.ts'
import { encodePresence, Presence, presenceKey, readPresenceRecord } from './presence.ts'
import { putOptionsOf } from './put-options.ts'

export interface StoreTargetOptions extends CallOptions {
  readonly now: () => Date
  /** What the store has is not to be taken from what it had: the last try found it changed. */
  readonly isSecondTry: boolean
  readonly onNote: (note: string) => void
}

interface Found extends Destination {
  readonly record: { readonly presence: Presence; readonly etag: string | undefined }
}

/**
 * A store as the destination of a mirror. It keeps the rules of publishers (src/repository/sweeps.ts): the state is read
 * first, then the sweeps, and only then what else there is.
 */
export class StoreTarget implements MirrorTarget {
  readonly name: string
  readonly base: MirrorBase | undefined
  readonly firstRoot: Buffer | undefined
  readonly isSequential = false
  readonly #store: BlobStore
  readonly #state: RepositoryState | undefined
  readonly #presenceEtag: string | undefined
  readonly #options: StoreTargetOptions
  #lease: Lease | undefined
  #version = 0
  #isDoubtful = false
  /** Undefined: each is asked for. */
  #listed: DigestMap | undefined

  private constructor(store: BlobStore, { state, firstRoot, record }: Found, options: StoreTargetOptions) {
    this.name = store.name
    this.#store = store
    this.#state = state
    this.#presenceEtag = record.etag
    this.#options = options
    this.firstRoot = firstRoot
    this.base = state === undefined ? undefined : baseOf(store, state, record.presence)
  }

  /** Throws what is wrong with the destination: a mirror does not mend it. */
  static async open(store: BlobStore, options: StoreTargetOptions): Promise<StoreTarget> {
    const { signal } = options
    const { state, firstRoot } = await loadDestination(store, { signal })
    const record = await readPresenceRecord(store, { signal })
    return new StoreTarget(store, { state, firstRoot, record }, options)
  }

  async prepare(state: RepositoryState): Promise<void> {
    const { signal, now, isSecondTry, onNote } = this.#options
    this.#version = new Repository(this.#store, state).releaseVersions().at(-1) ?? 1
    this.#lease ??= await takeLease(this.#store, this.#version, now(), { signal })
    const lease = this.#lease
    const sweeps = await readSweeps(this.#store, { signal })
    // When they are over, what they removed is seen to be gone.
    await awaitSweeps(this.#store, sweeps, { signal, onNote, storeNow: async () => lease.renew() })
    this.#isDoubtful = isSecondTry || lease.othersFound
    if (this.#state === undefined || this.#isDoubtful)
      this.#listed = await listedChunks(this.#store, this.#options)
  }

  /** Not where a mirror of a part may have written its record and then died. */
  get isBaseTrusted(): boolean {
    return this.#presenceEtag === undefined || !this.#isDoubtful
  }

  get visible(): RepositoryState | undefined {
    return this.#state
  }

  /** As its checkpoint says, which is stored after all that leads to it. */
  async log(): Promise<MirroredLog | undefined> {
    const read = logReader(this.#store, this.#options)
    const bytes = (await readBlob(this.#store, checkpointKey, this.#options))?.bytes
    const head = (bytes === undefined ? undefined : parseCheckpoint(bytes)?.head) ?? this.#signedHead()
    return head === undefined ? undefined : { head, read }
  }

  async packs(): Promise<ReadonlySet<string>> {
    const packs = new Set<string>()
    for await (const { key } of this.#store.list(packPrefix, this.#options)) packs.add(key)
    return packs
  }

  async hasChunk(digest: Digest): Promise<boolean> {
    if (this.#listed !== undefined) return this.#listed.has(digest)
    return this.has(chunkKey(digest))
  }

  async has(key: string): Promise<boolean> {
    return (await this.#store.stat(key, this.#options)) !== undefined
  }

  async put(key: string, body: PutBody): Promise<void> {
    await this.#store.put(key, body, { ...putOptionsOf(key), signal: this.#options.signal })
  }

  async putCheckpoint(bytes: Buffer, size: number): Promise<void> {
    const { signal } = this.#options
    const options = { signal, ...putOptionsOf(checkpointKey) }
    for (;;) {
      const present = await readBlob(this.#store, checkpointKey, { signal })
      if (present?.bytes.equals(bytes) === true) return
      if (present !== undefined && (parseCheckpoint(present.bytes)?.head.size ?? 0) > size) return
      try {
        await (present === undefined
          ? this.#store.create(checkpointKey, bytes, options)
          : this.#store.replace(checkpointKey, bytes, present.info.etag, options))
        return
      } catch (error) {
        if (!(error instanceof BlobExistsError) && !(error instanceof BlobChangedError)) throw error
      }
    }
  }

  async commit({ state, roots, presence }: MirrorCommit): Promise<void> {
    const { signal } = this.#options
    try {
      await this.#writePresence(presence)
      for (const { metadata, bytes } of roots) {
        await createOnce({ store: this.#store, signal }, metadataKey('root', metadata.signed.version), bytes)
      }
      await this.#makeVisible(state, presence)
    } catch (error) {
      if (!(error instanceof BlobExistsError) && !(error instanceof BlobChangedError)) throw error
      throw new MovedError(error.message, { cause: error })
    }
    // Whoever else mirrors the same is done by this, too.
    await this.#lease?.[Symbol.asyncDispose]()
    this.#lease = undefined
    await endLeases(this.#store, this.#version, { signal })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Left there: it tells the next mirror that this one did not come to its end.
    await this.#lease?.[Symbol.asyncDispose]()
  }

  #signedHead(): LogHead | undefined {
    return this.#state === undefined ? undefined : logHeadOf(this.#state)
  }

  /** Before the timestamp: all that it says is there is there. Only over the record that was read. */
  async #writePresence(presence: Presence): Promise<void> {
    const before = this.base?.presence ?? Presence.whole
    if (presence.isSameAs(before)) return
    const bytes = encodePresence(presence)
    const options = { signal: this.#options.signal, ...putOptionsOf(presenceKey) }
    await (this.#presenceEtag === undefined
      ? this.#store.create(presenceKey, bytes, options)
      : this.#store.replace(presenceKey, bytes, this.#presenceEtag, options))
  }

  async #makeVisible({ timestamp }: RepositoryState, presence: Presence): Promise<void> {
    const bytes = withoutFences(timestamp.bytes)
    const options = {
      signal: this.#options.signal,
      contentType: 'application/json',
      cacheControl: revalidatedCaching,
    }
    const mine = this.#state
    if (mine === undefined) {
      await this.#store.create(timestampKey, bytes, options)
    } else if (!isSameCommit(mine.timestamp.bytes, bytes)) {
      await this.#store.replace(timestampKey, bytes, mine.timestampEtag, options)
    } else if (!presence.isSameAs(this.base?.presence ?? Presence.whole)) {
      // What is there has changed, and nothing that is signed: a collector must not go on by what it knew before.
      const fenced = await fence(this.#store, mine, this.#options)
      if (fenced === undefined) throw new MovedError('the timestamp was replaced meanwhile')
    }
  }
}

function baseOf(store: BlobStore, state: RepositoryState, presence: Presence): MirrorBase {
  const timestamp = state.timestamp.metadata.signed.version
  return { repository: new Repository(store, state), state, timestamp, presence }
}
