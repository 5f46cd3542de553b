import { randomBytes } from 'node:crypto'
import type { BigIntStats } from 'node:fs'
import {
  closeSync,
  fstatSync,
  futimesSync,
  linkSync,
  openSync,
  renameSync,
  rmSync,
  unlinkSync,
  utimesSync,
  lstatSync,
  writeSync,
} from 'node:fs'
import { readdir, rm, stat } from 'node:fs/promises'
import { setImmediate } from 'node:timers/promises'

/** Between two pieces of this size others get a turn. */
const maxWriteBytes = 1024 * 1024

/**
 * A whole file that waits to be given its name, and is removed when it never was. Its modification time is set from
 * a clock finer than the kernel's, because etags are made of it. The calls are synchronous: the kernel answers them
 * from memory, in a fraction of what it costs to hand them to another thread. To sync the file is the caller's.
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
    const fd = openSync(path, 'wx', 0o644)
    try {
      return new TemporaryFile(path, await fill(fd, pieces, signal))
    } catch (error) {
      rmSync(path, { force: true })
      throw error
    } finally {
      closeSync(fd)
    }
  }

  get stats(): BigIntStats {
    return this.#stats
  }

  /** Makes the modification time later than the given one, so that the two files' etags differ for ever. */
  stampAfter(earlier: BigIntStats): void {
    for (const stepUs of [1n, 2_000_000n]) {
      if (this.#stats.mtimeNs > earlier.mtimeNs) return
      const seconds = Number(earlier.mtimeNs / 1000n + stepUs) / 1e6
      utimesSync(this.#path, seconds, seconds)
      this.#stats = lstatSync(this.#path, { bigint: true })
    }
  }

  /** Takes the place of whatever file is there. */
  renameTo(path: string): void {
    renameSync(this.#path, path)
    this.#renamed = true
  }

  /** Fails with EEXIST when anything is there. */
  linkTo(path: string): void {
    linkSync(this.#path, path)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#renamed) unlinkSync(this.#path)
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
  fd: number,
  pieces: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<BigIntStats> {
  for await (const piece of pieces) {
    for (let offset = 0; offset < piece.byteLength;) {
      signal?.throwIfAborted()
      if (offset > 0) await setImmediate()
      offset += writeSync(fd, piece, offset, Math.min(piece.byteLength - offset, maxWriteBytes))
    }
  }
  const seconds = Number(nowUs()) / 1e6
  futimesSync(fd, seconds, seconds)
  return fstatSync(fd, { bigint: true })
}

/** The kernel stamps files with a clock that stands still for milliseconds; this one has microseconds. */
function nowUs(): bigint {
  return BigInt(Date.now()) * 1000n + ((process.hrtime.bigint() / 1000n) % 1000n)
}
