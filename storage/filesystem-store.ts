import { hash } from 'node:crypto'
import { constants } from 'node:fs'
import type { BigIntStats } from 'node:fs'
import { lstat, open, unlink } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { destroyOnAbort } from './abort.ts'
import { checkKey, checkPrefix } from './blob-key.ts'
import type {
  BlobBody,
  BlobInfo,
  BlobStore,
  ByteRange,
  CallOptions,
  DeletedMany,
  DeleteManyOptions,
  FailedDelete,
  PutBody,
  PutOptions,
} from './blob-store.ts'
import { resolveRange } from './byte-range.ts'
import {
  BlobChangedError,
  BlobExistsError,
  BlobNotFoundError,
  notSent,
  StoreUnavailableError,
} from './errors.ts'
import { FileLocks } from './file-lock.ts'
import { FileSlice } from './file-slice.ts'
import { filesystemError, hasCode, isAbsent } from './filesystem-errors.ts'
import { walkFiles } from './filesystem-walk.ts'
import { GroupSync } from './group-sync.ts'
import { KnownDirectories } from './known-directories.ts'
import { bodyPieces } from './put-body.ts'
import { removeStaleFiles, TemporaryFile } from './temporary-file.ts'

const deletesAtOnce = 32

export interface FilesystemStoreOptions {
  /** Temporary files that were not written to for this long are removed by the first write. */
  readonly staleAfterMs?: number
}

/**
 * Blobs as files below a root directory, a blob's path being its key: any static file server can serve them. The
 * root is made by the first write. Whatever is not a regular file under a name that is a key is no blob. Content
 * types are not kept. Any number of processes may share the directory.
 */
export class FilesystemStore implements BlobStore {
  readonly name: string
  readonly #root: string
  readonly #directories = new KnownDirectories()
  readonly #disk: GroupSync
  readonly #locks: FileLocks
  readonly #staleAfterMs: number
  #prepared: Promise<void> | undefined

  constructor(root: string, { staleAfterMs = 24 * 3600 * 1000 }: FilesystemStoreOptions = {}) {
    this.#root = resolve(root)
    this.name = `file:${this.#root}`
    this.#disk = new GroupSync(this.#root)
    this.#locks = new FileLocks(this.#locksPath)
    this.#staleAfterMs = staleAfterMs
  }

  async stat(key: string, { signal }: CallOptions = {}): Promise<BlobInfo | undefined> {
    return this.#call(key, signal, async () => {
      const stats = await this.#statFile(key)
      return stats && infoOf(key, stats)
    })
  }

  async get(key: string, options: CallOptions & { readonly range?: ByteRange } = {}): Promise<BlobBody> {
    return this.#call(key, options.signal, async () => {
      const handle = await this.#open(key)
      try {
        const info = infoOf(key, await this.#blobStats(key, handle))
        const range = resolveRange(this.name, key, options.range, info.bytes)
        const stream = new FileSlice(handle, range, (problem) => this.#brokenBody(key, problem))
        return { info, stream: destroyOnAbort(stream, options.signal) }
      } catch (error) {
        await handle.close()
        throw error
      }
    })
  }

  async *list(
    prefix: string,
    { signal, after = '' }: CallOptions & { readonly after?: string } = {},
  ): AsyncIterable<BlobInfo> {
    checkPrefix(this.name, prefix)
    signal?.throwIfAborted()
    try {
      for await (const { key, stats } of walkFiles({ root: this.#root, prefix, after, signal })) {
        yield infoOf(key, stats)
      }
    } catch (error) {
      throw filesystemError(this.name, prefix, error)
    }
  }

  async put(key: string, body: PutBody, { signal }: PutOptions = {}): Promise<BlobInfo> {
    return this.#write(key, body, signal, async (temporary) => {
      if (this.#linkIfFree(temporary, key)) return
      await this.#alone(key, signal, async () => {
        const current = await this.#statFile(key)
        if (current !== undefined) temporary.stampAfter(current)
        signal?.throwIfAborted()
        temporary.renameTo(this.#path(key))
      })
    })
  }

  async create(key: string, body: PutBody, { signal }: PutOptions = {}): Promise<BlobInfo> {
    return this.#call(key, signal, async () => {
      if ((await this.#statFile(key)) !== undefined) throw await this.#taken(key)
      return this.#write(key, body, signal, async (temporary) => {
        signal?.throwIfAborted()
        if (!this.#linkIfFree(temporary, key)) throw await this.#taken(key)
      })
    })
  }

  async replace(key: string, body: Uint8Array, etag: string, { signal }: PutOptions = {}): Promise<BlobInfo> {
    return this.#write(key, body, signal, async (temporary) => {
      await this.#alone(key, signal, async () => {
        const current = await this.#statFile(key)
        if (current === undefined || etagOf(current) !== etag) throw new BlobChangedError(this.name, key)
        temporary.stampAfter(current)
        signal?.throwIfAborted()
        temporary.renameTo(this.#path(key))
      })
    })
  }

  async delete(key: string, { signal }: CallOptions = {}): Promise<void> {
    await this.#call(key, signal, async () => {
      if (await this.#remove(key, signal)) await this.#disk.sync()
    })
  }

  async deleteMany(
    keys: readonly string[],
    { signal, mayStillSend }: DeleteManyOptions = {},
  ): Promise<DeletedMany> {
    for (const key of keys) checkKey(this.name, key)
    const failed: FailedDelete[] = []
    const waiting = keys.values()
    const removeSome = async (): Promise<number> => {
      let removed = 0
      for (const key of waiting) {
        try {
          const isRemoved = await this.#call(key, signal, async () => this.#remove(key, signal, mayStillSend))
          if (isRemoved) removed += 1
        } catch (error) {
          signal?.throwIfAborted()
          failed.push({ key, error: error as Error })
        }
      }
      return removed
    }
    const removed = await Promise.all(Array.from({ length: deletesAtOnce }, removeSome))
    if (removed.some((count) => count > 0)) await this.#disk.sync()
    return { failed, isSettled: true }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Nothing is held open between calls.
  }

  /** False when nothing was there. Not yet durable. */
  async #remove(
    key: string,
    signal: AbortSignal | undefined,
    mayStillSend?: () => boolean,
  ): Promise<boolean> {
    if ((await this.#statFile(key)) === undefined) return false
    return this.#inDirectories(async () => {
      await this.#prepare()
      return this.#alone(key, signal, async () => {
        if (mayStillSend?.() === false) throw notSent(this.name, key)
        return removeFile(this.#path(key))
      })
    })
  }

  get #temporaryPath(): string {
    return `${this.#root}/private/tmp`
  }

  get #locksPath(): string {
    return `${this.#root}/private/locks`
  }

  #path(key: string): string {
    return `${this.#root}/${key}`
  }

  /** The frame of every call: arguments checked, errors in the contract's terms. */
  async #call<T>(key: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    checkKey(this.name, key)
    signal?.throwIfAborted()
    try {
      return await work()
    } catch (error) {
      throw filesystemError(this.name, key, error)
    }
  }

  /** The frame of every write: body to a temporary file, which `place` names, then all of it made durable. */
  async #write(
    key: string,
    body: PutBody,
    signal: AbortSignal | undefined,
    place: (temporary: TemporaryFile) => Promise<void>,
  ): Promise<BlobInfo> {
    return this.#call(key, signal, async () => {
      await using temporary = await this.#inDirectories(async () => {
        await this.#prepare()
        return TemporaryFile.write(this.#temporaryPath, bodyPieces(this.name, key, body), signal)
      })
      // Before it has its name: a name must never come back from a loss of power without its bytes.
      await this.#disk.sync()
      await this.#inDirectories(async () => {
        await this.#prepare()
        this.#directories.ensure(dirname(this.#path(key)))
        await place(temporary)
      })
      await this.#disk.sync()
      return infoOf(key, temporary.stats)
    })
  }

  /**
   * False when the key is taken. Needs no lock: what is compared under one exists, and a link replaces nothing.
   */
  #linkIfFree(temporary: TemporaryFile, key: string): boolean {
    try {
      temporary.linkTo(this.#path(key))
      return true
    } catch (error) {
      if (hasCode(error, 'EEXIST')) return false
      throw error
    }
  }

  /** Excludes every other put, replace and delete of the key: a comparison of etags holds until it is acted on. */
  async #alone<T>(key: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    return this.#locks.withLock(hash('sha256', key).slice(0, 2), work, signal)
  }

  /** Once more when a directory that was seen before has been removed from outside meanwhile. */
  async #inDirectories<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) throw error
      this.#directories.forget()
      this.#prepared = undefined
      return work()
    }
  }

  #prepare(): Promise<void> {
    this.#prepared ??= this.#makeOwnDirectories().catch((error: unknown) => {
      this.#prepared = undefined
      throw error
    })
    return this.#prepared
  }

  async #makeOwnDirectories(): Promise<void> {
    this.#directories.ensure(this.#temporaryPath)
    this.#directories.ensure(this.#locksPath)
    await removeStaleFiles(this.#temporaryPath, this.#staleAfterMs)
  }

  /** `undefined` when nothing or a directory is there. */
  async #statFile(key: string): Promise<BigIntStats | undefined> {
    try {
      const stats = await lstat(this.#path(key), { bigint: true })
      if (stats.isFile()) return stats
      if (stats.isDirectory()) return undefined
      throw this.#notABlob(key)
    } catch (error) {
      if (isAbsent(error)) return undefined
      throw error
    }
  }

  async #open(key: string): Promise<FileHandle> {
    try {
      return await open(this.#path(key), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    } catch (error) {
      throw isAbsent(error) ? new BlobNotFoundError(this.name, key, error) : error
    }
  }

  async #blobStats(key: string, handle: FileHandle): Promise<BigIntStats> {
    const stats = await handle.stat({ bigint: true })
    if (stats.isFile()) return stats
    throw stats.isDirectory() ? new BlobNotFoundError(this.name, key) : this.#notABlob(key)
  }

  /** What to throw when `create` found the place taken: by a blob, which is made as durable as if we had made it. */
  async #taken(key: string): Promise<Error> {
    const stats = await lstat(this.#path(key)).catch(() => undefined)
    if (stats?.isDirectory()) return this.#unavailable(key, 'is a directory: other blobs lie below it')
    if (stats !== undefined) await this.#disk.sync()
    return new BlobExistsError(this.name, key)
  }

  #brokenBody(key: string, problem: unknown): Error {
    const error = filesystemError(this.name, key, problem)
    return error instanceof Error && error !== problem
      ? error
      : this.#unavailable(key, `its file ${problem instanceof Error ? problem.message : String(problem)}`)
  }

  #notABlob(key: string): Error {
    return this.#unavailable(key, 'is neither a regular file nor a directory')
  }

  #unavailable(key: string, problem: string): Error {
    return new StoreUnavailableError(this.name, key, problem, { transient: false })
  }
}

async function removeFile(path: string): Promise<boolean> {
  try {
    await unlink(path)
    return true
  } catch (error) {
    if (isAbsent(error)) return false
    throw error
  }
}

function infoOf(key: string, stats: BigIntStats): BlobInfo {
  return {
    key,
    bytes: Number(stats.size),
    etag: etagOf(stats),
    modified: new Date(Number(stats.mtimeNs / 1_000_000n)),
  }
}

/** No two contents of one key share it: of two files alive together the inode differs, of two in turn the time. */
function etagOf({ ino, mtimeNs, size }: BigIntStats): string {
  return [ino, mtimeNs, size].map((part) => part.toString(36)).join('-')
}
