/** The file that a token was to be written to is there. */
export class TokenFileExistsError extends Error {
  override readonly name = 'TokenFileExistsError'
  readonly code = 'TOKEN_FILE_EXISTS'
  readonly hint = 'no token was made: name another file, or move that one away'

  constructor(path: string) {
    super(`${path} is there already`)
  }
}
