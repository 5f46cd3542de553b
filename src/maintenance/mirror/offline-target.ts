import { createReadStream } from 'node:fs'
import { open, rename, rm, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { canonicalJson } from '../../../manifests/canonical-json.ts'
import type { BlobReader, CallOptions, PutBody } from '../../../storage/blob-store.ts'
import { withoutFences } from '../../repository/fence.ts'
import { checkpointKey, metadataKey, timestampKey } from '../../repository/layout.ts'
import { readBlob } from '../../repository/read-blob.ts'
import { logHeadOf, logReader } from '../../repository/repository-log.ts'
import type { RepositoryState } from '../../repository/repository-state.ts'
import { loadBase } from './load-base.ts'
import type { MirrorBase, MirrorCommit, MirroredLog, MirrorTarget } from './mirror-target.ts'
import { mirrorStateJson, type MirrorState } from './mirror-state.ts'
import { blockBytes, encodeMemberHeader, memberNameOf, paddingOf } from './offline-tar.ts'
import { encodePresence, presenceKey } from './presence.ts'

/** The first member of the file: what it is, and for whom. */
export const offlineHeaderName = 'vend-mirror.json'
export const offlineFormat = 'vend.mirror-file/1'

export interface OfflineTargetOptions extends CallOptions {
  /** What the destination has; undefined: nothing, or nobody knows. */
  readonly since: MirrorState | undefined
}

/**
 * One file as the destination of a mirror: a tar archive of what the real destination lacks, and all roots and the newest
 * metadata, by which whoever reads it knows what to believe. The timestamp comes last. It has its name when it is whole.
 */
export class OfflineTarget implements MirrorTarget {
  readonly base: MirrorBase | undefined
  readonly isBaseTrusted = true
  readonly firstRoot = undefined
  readonly visible = undefined
  readonly isSequential = true
  readonly #path: string
  readonly #source: BlobReader
  readonly #options: OfflineTargetOptions
  readonly #written = new Set<string>()
  #file: FileHandle | undefined
  #bytes = 0

  private constructor(
    path: string,
    source: BlobReader,
    base: MirrorBase | undefined,
    options: OfflineTargetOptions,
  ) {
    this.#path = path
    this.#source = source
    this.#options = options
    this.base = base
  }

  static async open(path: string, source: BlobReader, options: OfflineTargetOptions): Promise<OfflineTarget> {
    const { since, signal } = options
    const base = since === undefined ? undefined : await loadBase(source, since, { signal })
    return new OfflineTarget(path, source, base, options)
  }

  get name(): string {
    return this.#path
  }

  /** How many bytes the file has. */
  get bytes(): number {
    return this.#bytes
  }

  async prepare({ snapshot, timestamp }: RepositoryState): Promise<void> {
    const { since } = this.#options
    this.#file = await open(this.#partialPath, 'w', 0o644)
    const header = canonicalJson({
      format: offlineFormat,
      ...(since !== undefined && { since: mirrorStateJson(since) }),
      snapshot: snapshot.metadata.signed.version,
      timestamp: timestamp.metadata.signed.version,
    })
    await this.put(offlineHeaderName, Buffer.from(header))
  }

  async log(): Promise<MirroredLog | undefined> {
    const head = this.base === undefined ? undefined : logHeadOf(this.base.state)
    return head === undefined ? undefined : { head, read: logReader(this.#source, this.#options) }
  }

  /** Nobody knows: those that lead to what is new are taken. */
  async packs(): Promise<undefined> {
    return undefined
  }

  async hasChunk(): Promise<boolean> {
    return false
  }

  async has(key: string): Promise<boolean> {
    return this.#written.has(key)
  }

  async put(key: string, body: PutBody): Promise<void> {
    if (this.#written.has(key)) return
    this.#written.add(key)
    const bytes = body instanceof Uint8Array ? body.length : body.bytes
    await this.#append(encodeMemberHeader(memberNameOf(key), bytes))
    if (body instanceof Uint8Array) await this.#append(body)
    else for await (const piece of createReadStream(body.path)) await this.#append(piece as Buffer)
    await this.#append(Buffer.alloc(paddingOf(bytes)))
  }

  async putCheckpoint(bytes: Buffer): Promise<void> {
    await this.put(checkpointKey, bytes)
  }

  async commit({ state, presence }: MirrorCommit): Promise<void> {
    for (const role of ['targets', 'releases', 'channels', 'snapshot'] as const) {
      await this.put(metadataKey(role, state[role].metadata.signed.version), state[role].bytes)
    }
    for (let version = 1; version <= state.root.metadata.signed.version; version++) {
      const key = metadataKey('root', version)
      const bytes = (await readBlob(this.#source, key, this.#options))?.bytes
      if (bytes !== undefined) await this.put(key, bytes)
    }
    if (!presence.isWhole) await this.put(presenceKey, encodePresence(presence))
    await this.put(timestampKey, withoutFences(state.timestamp.bytes))
    await this.#append(Buffer.alloc(2 * blockBytes))
    await this.#file?.sync()
    await this.#close()
    await rename(this.#partialPath, this.#path)
    await syncDirectory(dirname(this.#path))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#file === undefined) return
    await this.#close()
    await rm(this.#partialPath, { force: true })
  }

  get #partialPath(): string {
    return `${this.#path}.partial`
  }

  async #append(bytes: Uint8Array): Promise<void> {
    this.#options.signal?.throwIfAborted()
    this.#bytes += bytes.length
    await this.#file?.appendFile(bytes)
  }

  async #close(): Promise<void> {
    await this.#file?.close()
    this.#file = undefined
  }
}

async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(path, 'r')
  await directory.sync()
}
