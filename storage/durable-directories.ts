import { mkdir, open, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * Makes directories and makes their entries survive a loss of power. Remembers which it has seen, and lets all who
 * want one directory synced at the same time share one fsync.
 */
export class DurableDirectories {
  readonly #root: string
  readonly #known = new Map<string, Promise<void>>()
  readonly #syncing = new Map<string, Promise<void>>()
  readonly #syncNext = new Map<string, Promise<void>>()

  /** `root` is an absolute path; every directory given later lies in it. */
  constructor(root: string) {
    this.#root = root
  }

  /** Resolves when the directory and all above it up to the root exist durably. */
  ensure(directory: string): Promise<void> {
    const known = this.#known.get(directory)
    if (known !== undefined) return known
    const made = this.#make(directory)
    this.#known.set(directory, made)
    made.catch(() => this.#known.delete(directory))
    return made
  }

  /** For when a directory that was seen has been removed from outside. */
  forget(): void {
    this.#known.clear()
  }

  /** Makes every entry that was made or removed in the directory before this call durable. */
  sync(directory: string): Promise<void> {
    const next = this.#syncNext.get(directory)
    if (next !== undefined) return next
    const running = this.#syncing.get(directory)
    if (running === undefined) return this.#startSync(directory)
    // The running fsync may have begun before the caller's entry was made: only the next one is sure to cover it.
    const following = running
      .catch(() => undefined)
      .then(() => {
        this.#syncNext.delete(directory)
        return this.#startSync(directory)
      })
    this.#syncNext.set(directory, following)
    return following
  }

  async #make(directory: string): Promise<void> {
    if (directory === this.#root) {
      await makeRoot(directory)
      return
    }
    await this.ensure(dirname(directory))
    await makeDirectory(directory)
    // Also when it existed: whoever made it may not have synced it yet.
    await this.sync(dirname(directory))
  }

  #startSync(directory: string): Promise<void> {
    const running = syncDirectory(directory).finally(() => this.#syncing.delete(directory))
    this.#syncing.set(directory, running)
    return running
  }
}

async function makeRoot(root: string): Promise<void> {
  const first = await mkdir(root, { recursive: true })
  if (first === undefined) return
  const highest = dirname(first)
  for (let directory = dirname(root); directory.length >= highest.length; directory = dirname(directory)) {
    await syncDirectory(directory)
    if (directory === highest) return
  }
}

async function makeDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    if (!(await stat(directory)).isDirectory()) throw new NotADirectoryError(directory, error)
  }
}

/** A file lies where a directory is needed. */
export class NotADirectoryError extends Error {
  override readonly name = 'NotADirectoryError'

  constructor(path: string, cause: unknown) {
    super(`${path} is a file where a directory is needed`, { cause })
  }
}

async function syncDirectory(directory: string): Promise<void> {
  await using handle = await open(directory, 'r')
  try {
    await handle.sync()
  } catch (error) {
    // Some file systems have nothing to sync in a directory.
    if ((error as NodeJS.ErrnoException).code !== 'EINVAL') throw error
  }
}
