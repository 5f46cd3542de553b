import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import koffi from 'koffi'
import { orAborted } from './abort.ts'

const flock = koffi.load(null).func('int flock(int fd, int operation)')
const LOCK_EX = 2
const LOCK_NB = 4
const { EWOULDBLOCK, EINTR } = koffi.os.errno
const firstPollMs = 1
const longestPollMs = 20

/**
 * Exclusive locks, named by files in one directory, among all processes that share it. The kernel frees a lock when
 * its process ends in whatever way, so there is no stale lock. The files stay: to remove one would let two processes
 * lock two files of one name.
 */
export class FileLocks {
  readonly #directory: string
  readonly #waitMs: number
  readonly #lastInLine = new Map<string, Promise<void>>()

  constructor(directory: string, waitMs = 30_000) {
    this.#directory = directory
    this.#waitMs = waitMs
  }

  /** Runs `work` alone. Throws a LockTimeoutError, the signal's reason, or what the file system answered. */
  async withLock<T>(name: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const done = Promise.withResolvers<void>()
    const previous = this.#lastInLine.get(name) ?? Promise.resolve()
    this.#lastInLine.set(name, done.promise)
    try {
      await orAborted(previous, signal)
      const flags = constants.O_RDONLY | constants.O_CREAT
      await using file = await open(`${this.#directory}/${name}.lock`, flags, 0o644)
      await this.#lock(file, signal)
      return await work()
    } finally {
      void this.#leaveLine(name, previous, done)
    }
  }

  async #leaveLine(name: string, previous: Promise<void>, done: PromiseWithResolvers<void>): Promise<void> {
    // One that gave up waiting must not let the next one past those before it.
    await previous
    if (this.#lastInLine.get(name) === done.promise) this.#lastInLine.delete(name)
    done.resolve()
  }

  async #lock(file: FileHandle, signal: AbortSignal | undefined): Promise<void> {
    const deadline = performance.now() + this.#waitMs
    for (let pollMs = firstPollMs; !tryLock(file.fd); pollMs = Math.min(2 * pollMs, longestPollMs)) {
      if (performance.now() > deadline) throw new LockTimeoutError(this.#directory, this.#waitMs)
      await sleep(pollMs)
      signal?.throwIfAborted()
    }
  }
}

/** Another process has held a lock for longer than any write should take. */
export class LockTimeoutError extends Error {
  override readonly name = 'LockTimeoutError'

  constructor(directory: string, waitMs: number) {
    super(`another process has held a lock in ${directory} for ${waitMs} ms`)
  }
}

function tryLock(fd: number): boolean {
  const status: unknown = flock(fd, LOCK_EX | LOCK_NB)
  if (status === 0) return true
  const errno = koffi.errno()
  if (errno === EWOULDBLOCK || errno === EINTR) return false
  throw new Error(`flock failed with errno ${errno}`)
}
