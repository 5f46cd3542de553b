import { digestOf } from '../../../manifests/digest.ts'
import type { BlobReader, CallOptions } from '../../../storage/blob-store.ts'
import type { Release } from '../../../manifests/release.ts'
import { DigestMap } from '../../digest-map.ts'
import { mapInOrder } from '../../map-in-order.ts'
import { isSameCommit } from '../../repository/fence.ts'
import { metadataKey, timestampKey } from '../../repository/layout.ts'
import { isDamage } from '../../repository/is-damage.ts'
import { readBlob } from '../../repository/read-blob.ts'
import { listedIn } from '../../repository/repository-log.ts'
import { Repository } from '../../repository/repository.ts'
import { loadState, type RepositoryState } from '../../repository/repository-state.ts'
import { TrustError } from '../../trust/errors.ts'
import { manifestUsesOf, type ManifestUse } from '../check-manifests.ts'
import { chooseContents, type Choice } from './choose-contents.ts'
import { chunksOf, copyContents } from './copy-contents.ts'
import { copyDocuments } from './copy-documents.ts'
import { copyMetadata, readMirroredHistory, type MirroredHistory } from './copy-history.ts'
import { copyLog } from './copy-log.ts'
import { copyPacks } from './copy-packs.ts'
import { findLog, putSourceCheckpoint } from './find-log.ts'
import { findPacks } from './find-packs.ts'
import type { MirrorOptions, MirrorSource } from './mirror-options.ts'
import type { MirrorTarget } from './mirror-target.ts'
import { mirrorStateOf, type MirrorState } from './mirror-state.ts'
import { Presence, readPresence } from './presence.ts'
import { refuseBackwards, refuseOtherTimestamp } from './refuse-backwards.ts'
import { Scratch } from './scratch.ts'

export interface MirrorReport {
  /** False: the destination had it all. */
  readonly changed: boolean
  /** What the destination has now. */
  readonly state: MirrorState
  /** Those that it has the contents of. */
  readonly releases: number
  readonly copied: MirroredCounts
  /** Of history alone: keys that the source has lost, and snapshots that nobody of trust has signed. */
  readonly lost: readonly string[]
}

export interface MirroredCounts {
  readonly manifests: number
  readonly chunks: number
  /** As they are stored. */
  readonly chunkBytes: number
  readonly packs: number
  readonly packBytes: number
  readonly documents: number
  readonly metadata: number
  readonly logObjects: number
}

const nothingCopied: MirroredCounts = {
  manifests: 0,
  chunks: 0,
  chunkBytes: 0,
  packs: 0,
  packBytes: 0,
  documents: 0,
  metadata: 0,
  logObjects: 0,
}

const concurrentReads = 16

type RunOptions = MirrorOptions & { readonly onNote: (note: string) => void }

/** One try to bring a target to the state that the source has now. */
export class MirrorRun {
  readonly #source: BlobReader
  readonly #canList: boolean
  readonly #target: MirrorTarget
  readonly #options: RunOptions
  readonly #call: CallOptions
  #sourceTimestamp: Buffer | undefined

  constructor({ reader, canList }: MirrorSource, target: MirrorTarget, options: RunOptions) {
    this.#source = reader
    this.#canList = canList
    this.#target = target
    this.#options = options
    this.#call = { signal: options.signal }
  }

  /** Of the state that is copied, once it is known. */
  get sourceTimestamp(): Buffer | undefined {
    return this.#sourceTimestamp
  }

  async run(): Promise<MirrorReport> {
    const { state, isSame } = await this.#load()
    const repository = new Repository(this.#source, state)
    const presence = this.#canList ? await readPresence(this.#source, this.#call) : Presence.whole
    const release = async (version: number): Promise<Release> => this.#release(repository, version)
    const reading = isSame ? (this.#target.base?.repository ?? repository) : repository
    const choice = await chooseContents(reading, this.#options.selection ?? {}, {
      ...this.#call,
      source: presence,
      release,
    })
    await using scratch = await Scratch.create()
    const found = { state, isSame, repository, choice, scratch, release }
    const copied = await this.#copy(found)
    return {
      changed: copied !== undefined,
      state: mirrorStateOf(state, await this.#firstRoot(state), choice.presence),
      releases: choice.releases.length,
      copied: copied?.counts ?? nothingCopied,
      lost: copied?.lost ?? [],
    }
  }

  /** The state of the source; that of the destination where the two are the same. */
  async #load(): Promise<{ readonly state: RepositoryState; readonly isSame: boolean }> {
    const { base, visible, firstRoot } = this.#target
    const trustedRoot = this.#options.trustedRoot ?? firstRoot
    if (firstRoot !== undefined && trustedRoot?.equals(firstRoot) === false)
      throw otherRoot(this.#target.name)
    if (visible !== undefined && (await this.#isAsBefore(visible))) {
      this.#sourceTimestamp = visible.timestamp.bytes
      return { state: visible, isSame: true }
    }
    const state = await loadState(this.#source, { ...this.#call, trustedRoot })
    this.#sourceTimestamp = state.timestamp.bytes
    if (trustedRoot === undefined && !this.#target.isSequential) {
      const root = digestOf(await this.#firstRoot(state))
      this.#options.onNote(
        `nobody said which repository it is: ${this.#source.name} is taken at its word that its first root is ${root}`,
      )
    }
    if (base === undefined) return { state, isSame: false }
    refuseBackwards(base, state, this.#source.name)
    const version = state.timestamp.metadata.signed.version
    if (visible !== undefined && version === base.timestamp) {
      refuseOtherTimestamp(visible.timestamp.bytes, state.timestamp.bytes, this.#source.name, version)
    }
    return { state, isSame: false }
  }

  /** Two requests, where nothing is new. */
  async #isAsBefore({ timestamp, root }: RepositoryState): Promise<boolean> {
    const blob = await readBlob(this.#source, timestampKey, this.#call)
    if (blob === undefined || !isSameCommit(blob.bytes, timestamp.bytes)) return false
    const next = metadataKey('root', root.metadata.signed.version + 1)
    return (await readBlob(this.#source, next, this.#call)) === undefined
  }

  /** Undefined: there was nothing to do. */
  async #copy(
    found: Found,
  ): Promise<{ readonly counts: MirroredCounts; readonly lost: readonly string[] } | undefined> {
    const { state, isSame, repository, choice, scratch, release } = found
    const { base } = this.#target
    let fresh = choice.releases.filter((version) => !this.#hasWhole(choice, version))
    const packing = { choice, canList: this.#canList, isSame, release, ...this.#call }
    const packs = await findPacks(this.#source, this.#target, repository, { ...packing, fresh })
    const log = await findLog(this.#source, this.#target, state, undefined, { ...this.#call, scratch })
    const isSettled = isSame && fresh.length === 0 && packs.keys.length === 0 && log.isThere
    if (isSettled && base?.presence.isSameAs(choice.presence) === true) return undefined
    await this.#target.prepare(state)
    if (!this.#target.isBaseTrusted) fresh = [...choice.releases]
    const contents = await this.#copyContents(found, fresh)
    const packed = await copyPacks(this.#source, this.#target, packs.keys, {
      ...this.#call,
      scratch,
      contentBytesOf: packs.contentBytesOf,
      onNote: this.#options.onNote,
    })
    const history = isSame
      ? { roots: [], snapshots: [], lost: [] }
      : await readMirroredHistory(this.#source, base, state, this.#call)
    const rest = await this.#copyRest(found, history)
    await this.#target.commit({ state, roots: history.roots, presence: choice.presence })
    return { counts: { ...contents, ...packed, ...rest.counts }, lost: rest.lost }
  }

  async #copyContents(
    { state, repository, scratch, choice }: Found,
    fresh: readonly number[],
  ): Promise<Pick<MirroredCounts, 'manifests' | 'chunks' | 'chunkBytes'>> {
    const documents = await this.#documents(fresh, repository)
    const earlier = this.#target.isBaseTrusted ? await this.#earlierUses() : []
    const there = new Set(earlier.map(({ module }) => module.manifest.digest))
    const uses = distinct(
      manifestUsesOf(documents).filter(
        ({ name, module }) => choice.presence.hasModule(name) && !there.has(module.manifest.digest),
      ),
    )
    const totalBytes = uses.reduce((sum, { module }) => sum + module.contentBytes, 0)
    return copyContents(this.#source, this.#target, uses, {
      ...this.#call,
      state,
      scratch,
      known: await this.#knownChunks(earlier, uses),
      onProgress: (bytes, { chunks }) => this.#options.onProgress?.({ bytes, totalBytes, chunks }),
    })
  }

  /** Of a file all that the destination has must be known; a store can be asked for what the last releases do not name. */
  async #knownChunks(earlier: readonly ManifestUse[], uses: readonly ManifestUse[]): Promise<DigestMap> {
    const { base, isSequential } = this.#target
    if (base === undefined || uses.length === 0) return new DigestMap()
    const names = new Set(uses.map(({ name }) => name))
    const newest = new Set(base.repository.releaseVersions().slice(-2))
    const wanted = isSequential
      ? earlier
      : earlier.filter(({ name, releases }) => names.has(name) && releases.some((one) => newest.has(one)))
    return chunksOf(base.repository, distinct(wanted), this.#call)
  }

  async #copyRest(
    { state, scratch }: Found,
    history: MirroredHistory,
  ): Promise<{
    readonly counts: Pick<MirroredCounts, 'documents' | 'metadata' | 'logObjects'>
    readonly lost: readonly string[]
  }> {
    const [source, target, call] = [this.#source, this.#target, this.#call]
    const log = await findLog(source, target, state, history, {
      ...call,
      scratch,
      onNote: this.#options.onNote,
    })
    const documents = await copyDocuments(source, target, state, log.entries(), call)
    const metadata = await copyMetadata(source, target, state, history, call)
    const logObjects = log.prepared === undefined ? 0 : await copyLog(target, log.prepared)
    if (log.prepared !== undefined) {
      await putSourceCheckpoint(source, target, state, log.prepared.head, {
        ...call,
        onNote: this.#options.onNote,
      })
    }
    const snapshots = history.lost.map((version) => metadataKey('snapshot', version))
    return {
      counts: { documents: documents.count, metadata: metadata.count, logObjects },
      lost: [...documents.lost, ...metadata.lost, ...snapshots],
    }
  }

  /** Whether the destination has all of a release that it is to have. */
  #hasWhole({ presence }: Choice, version: number): boolean {
    const { base } = this.#target
    if (base === undefined || !base.presence.hasRelease(version)) return false
    const isWider = base.presence.absent.modules.some((name) => presence.hasModule(name))
    return !isWider && `releases/${version}.json` in listedIn(base.state)
  }

  /** The manifests that the destination has, with all their chunks. */
  async #earlierUses(): Promise<readonly ManifestUse[]> {
    const { base } = this.#target
    if (base === undefined) return []
    const { repository, presence } = base
    const versions = repository.releaseVersions().filter((version) => presence.hasRelease(version))
    const documents: Release[] = []
    for await (const document of mapInOrder(versions, concurrentReads, async (version) =>
      orNothing(repository.release(version, this.#call)),
    )) {
      if (document !== undefined) documents.push(document)
    }
    return manifestUsesOf(documents).filter(({ name }) => presence.hasModule(name))
  }

  async #documents(versions: readonly number[], repository: Repository): Promise<Release[]> {
    const documents: Release[] = []
    for await (const document of mapInOrder(versions, concurrentReads, async (version) =>
      this.#release(repository, version),
    )) {
      documents.push(document)
    }
    return documents
  }

  /** From the destination, if it has it: there it costs less. */
  async #release(repository: Repository, version: number): Promise<Release> {
    const { base } = this.#target
    const isThere = base !== undefined && `releases/${version}.json` in listedIn(base.state)
    const known = isThere ? await orNothing(base.repository.release(version, this.#call)) : undefined
    return known ?? (await repository.release(version, this.#call))
  }

  async #firstRoot({ root }: RepositoryState): Promise<Buffer> {
    const known = this.#target.firstRoot
    return known ?? (await readBlob(this.#source, metadataKey('root', 1), this.#call))?.bytes ?? root.bytes
  }
}

interface Found {
  readonly state: RepositoryState
  /** As the destination has it. */
  readonly isSame: boolean
  /** As the source has it. */
  readonly repository: Repository
  readonly choice: Choice
  readonly scratch: Scratch
  readonly release: (version: number) => Promise<Release>
}

/** Each manifest once: in other releases it may be told of in other words. */
function distinct(uses: readonly ManifestUse[]): ManifestUse[] {
  const byDigest = new Map(uses.map((use) => [use.module.manifest.digest, use] as const))
  return [...byDigest.values()]
}

/** Undefined for what is damaged. */
async function orNothing<T>(read: Promise<T>): Promise<T | undefined> {
  try {
    return await read
  } catch (error) {
    if (isDamage(error)) return undefined
    throw error
  }
}

function otherRoot(name: string): TrustError {
  return new TrustError('ROOT_MISMATCH', `${name} begins with another root than the trusted one`, {
    hint: 'the destination belongs to another repository: a mirror never takes its place',
  })
}
