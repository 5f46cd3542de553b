import { readFile } from 'node:fs/promises'
import { RemoteError } from './errors.ts'

/** Where the token comes from that requests show. A file is read anew when the server refuses what it held. */
export class TokenSource {
  readonly #file: string | undefined
  #token: string | undefined

  constructor({ token, file }: { readonly token?: string | undefined; readonly file?: string | undefined }) {
    this.#token = token?.trim()
    this.#file = token === undefined ? file : undefined
  }

  /** Throws UNAUTHENTICATED where there is none. */
  async get(): Promise<string> {
    this.#token ??= await this.#read()
    if (this.#token !== undefined && /^[\x21-\x7e]+$/.test(this.#token)) return this.#token
    throw new RemoteError(
      'UNAUTHENTICATED',
      'there is no token to publish with, or it is not one line of text',
      {
        hint: 'set VEND_TOKEN_FILE to a file that has it, or VEND_TOKEN to the token; "vend token create" makes one',
      },
    )
  }

  /** Whether another one may be there now. */
  forget(): boolean {
    if (this.#file === undefined || this.#token === undefined) return false
    this.#token = undefined
    return true
  }

  async #read(): Promise<string | undefined> {
    if (this.#file === undefined) return undefined
    try {
      return (await readFile(this.#file, 'utf8')).trim()
    } catch (cause) {
      const { code, message } = cause as NodeJS.ErrnoException
      const why = code === 'ENOENT' ? 'is not there' : `cannot be read: ${message}`
      throw new RemoteError('UNAUTHENTICATED', `the token file ${this.#file} ${why}`, {
        hint: 'name another with VEND_TOKEN_FILE',
        cause,
      })
    }
  }
}
