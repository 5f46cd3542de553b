import { open, rm, type FileHandle } from 'node:fs/promises'
import { errorCodeOf } from './exit-codes.ts'
import { TokenFileExistsError } from './token-file-exists-error.ts'

/**
 * A new file for a token, which only its owner can read. It is made before the token is: whoever cannot write it is told in
 * time. What was not kept is gone again.
 */
export class TokenFile implements AsyncDisposable {
  readonly #path: string
  readonly #file: FileHandle
  #isKept = false

  private constructor(path: string, file: FileHandle) {
    this.#path = path
    this.#file = file
  }

  /** Throws TOKEN_FILE_EXISTS. */
  static async create(path: string): Promise<TokenFile> {
    try {
      return new TokenFile(path, await open(path, 'wx', 0o600))
    } catch (error) {
      if (errorCodeOf(error) === 'EEXIST') throw new TokenFileExistsError(path)
      throw error
    }
  }

  async keep(text: string): Promise<void> {
    await this.#file.writeFile(`${text}\n`)
    await this.#file.sync()
    this.#isKept = true
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close()
    if (!this.#isKept) await rm(this.#path)
  }
}
