import { randomBytes } from 'node:crypto'
import type { BigIntStats } from 'node:fs'
import { link, open, readdir, rename, rm, stat, unlink } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'

const maxWriteBytes = 8 * 1024 * 1024

/**
 * A whole, synced file that waits to be given its name, and is removed when it never was. Its modification time is
 * set from a clock finer than the kernel's, because etags are made of it.
 */
export class TemporaryFile implements AsyncDisposable {
  readonly #path: string
  #stats: BigIntStats
  #renamed = false

  private constructor(path: string, stats: BigIntStats) {
    this.#path = path
    this.#stats = stats
  }

  /** Leaves nothing behind when it throws: the signal's reason, or what the file system or `pieces` answered. */
  static async write(
    directory: string,
    pieces: AsyncIterable<Uint8Array>,
    signal?: AbortSignal,
  ): Promise<TemporaryFile> {
    const path = `${directory}/${process.pid}-${randomBytes(8).toString('hex')}`
    const handle = await open(path, 'wx', 0o644)
    try {
      return new TemporaryFile(path, await fill(handle, pieces, signal))
    } catch (error) {
      await rm(path, { force: true })
      throw error
    } finally {
      await handle.close()
    }
  }

  get stats(): BigIntStats {
    return this.#stats
  }

  /** Makes the modification time later than the given one, so that the two files' etags differ for ever. */
  async stampAfter(earlier: BigIntStats | undefined): Promise<void> {
    if (earlier === undefined || this.#stats.mtimeNs > earlier.mtimeNs) return
    await using handle = await open(this.#path, 'r+')
    for (const stepUs of [1n, 2_000_000n]) {
      this.#stats = await stamp(handle, earlier.mtimeNs / 1000n + stepUs)
      if (this.#stats.mtimeNs > earlier.mtimeNs) break
    }
    await handle.sync()
  }

  /** Takes the place of whatever file is there. */
  async renameTo(path: string): Promise<void> {
    await rename(this.#path, path)
    this.#renamed = true
  }

  /** Fails with EEXIST when anything is there. */
  async linkTo(path: string): Promise<void> {
    await link(this.#path, path)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#renamed) await unlink(this.#path)
  }
}

/** Removes what writers that were killed have left behind; what is younger may still be being written. */
export async function removeStaleFiles(directory: string, olderThanMs: number): Promise<void> {
  for (const name of await readdir(directory)) {
    const path = `${directory}/${name}`
    const modifiedMs = (await stat(path).catch(() => undefined))?.mtimeMs ?? Number.POSITIVE_INFINITY
    if (modifiedMs < Date.now() - olderThanMs) await rm(path, { force: true })
  }
}

async function fill(
  handle: FileHandle,
  pieces: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<BigIntStats> {
  for await (const piece of pieces) {
    for (let offset = 0; offset < piece.byteLength;) {
      signal?.throwIfAborted()
      const length = Math.min(piece.byteLength - offset, maxWriteBytes)
      offset += (await handle.write(piece, offset, length)).bytesWritten
    }
  }
  const stats = await stamp(handle, nowUs())
  await handle.sync()
  return stats
}

async function stamp(handle: FileHandle, timeUs: bigint): Promise<BigIntStats> {
  const seconds = Number(timeUs) / 1e6
  await handle.utimes(seconds, seconds)
  return handle.stat({ bigint: true })
}

/** The kernel stamps files with a clock that stands still for milliseconds; this one has microseconds. */
function nowUs(): bigint {
  return BigInt(Date.now()) * 1000n + ((process.hrtime.bigint() / 1000n) % 1000n)
}
