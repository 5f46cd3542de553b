import { mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

/** Makes directories, and remembers which it has seen. To make them durable is the caller's. */
export class KnownDirectories {
  readonly #known = new Set<string>()

  /** `directory` is an absolute path; all above it are made too. */
  ensure(directory: string): void {
    if (this.#known.has(directory)) return
    try {
      mkdirSync(directory)
    } catch (error) {
      this.#makeParentsAndRetry(directory, error as NodeJS.ErrnoException)
    }
    this.#known.add(directory)
  }

  /** For when a directory that was seen has been removed from outside. */
  forget(): void {
    this.#known.clear()
  }

  #makeParentsAndRetry(directory: string, error: NodeJS.ErrnoException): void {
    if (error.code === 'EEXIST') {
      if (!statSync(directory).isDirectory()) throw new NotADirectoryError(directory, error)
    } else if (error.code === 'ENOENT' && dirname(directory) !== directory) {
      this.ensure(dirname(directory))
      this.ensure(directory)
    } else {
      throw error
    }
  }
}

/** A file lies where a directory is needed. */
export class NotADirectoryError extends Error {
  override readonly name = 'NotADirectoryError'

  constructor(path: string, cause: unknown) {
    super(`${path} is a file where a directory is needed`, { cause })
  }
}
